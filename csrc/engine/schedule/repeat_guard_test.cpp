#include "engine/schedule/repeat_guard.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace po {
namespace {

struct Step {
    Token token;
    std::string shown;
};

// Rounds of steps until the guard ends them, 100: it never does.
int rounds(const std::vector<Step> & steps) {
    RepeatGuard guard;
    for (int round = 1; round < 100; ++round) {
        for (const Step & step : steps) {
            if (guard.add(step.token, step.shown)) {
                return round;
            }
        }
    }
    return 100;
}

TEST(RepeatGuard, EndsAfterThirtyRepeatsOfOneToken) { EXPECT_EQ(rounds({{5, "a"}}), 32); }

// D2: an emoji of three tokens is one piece of text.
TEST(RepeatGuard, SeesACharacterOfSeveralTokens) { EXPECT_EQ(rounds({{1, ""}, {2, ""}, {3, "\xF0\x9F\xA6\x8A"}}), 32); }

TEST(RepeatGuard, ComparesTextWithoutTheSpaceAroundIt) { EXPECT_EQ(rounds({{1, " no"}, {2, "no\n"}}), 16); }

TEST(RepeatGuard, CountsWhiteSpaceAsTheSameText) { EXPECT_LT(rounds({{1, "\n"}, {2, " "}}), 17); }

TEST(RepeatGuard, SeesATokenThatShowsNothing) { EXPECT_EQ(rounds({{9, ""}}), 32); }

TEST(RepeatGuard, LetsChangingTextRunOn) { EXPECT_EQ(rounds({{1, "a"}, {2, "b"}}), 100); }

}  // namespace
}  // namespace po
