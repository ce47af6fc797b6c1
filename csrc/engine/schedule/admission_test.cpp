#include "engine/schedule/admission.hpp"

#include <gtest/gtest.h>

#include "engine/schedule/window.hpp"

namespace po {
namespace {

TEST(Admission, PromisesPromptAndTheBeginningOfAnAnswer) {
    EXPECT_EQ(cells_claimed(100, 10), 110);
    EXPECT_EQ(cells_claimed(100, 100000), 100 + kAnswerReserve);
    EXPECT_EQ(cells_claimed(1, -5), 1);
}

TEST(Admission, NeverPromisesACellTwice) {
    const PoolUse use{1000, 600, 200, 2};
    EXPECT_TRUE(admits(use, 200));
    EXPECT_FALSE(admits(use, 201));
}

TEST(Admission, OneRequestMayAlwaysRun) { EXPECT_TRUE(admits({1000, 0, 0, 0}, 5000)); }

TEST(Window, KeepsWhatIsAskedForAndABos) {
    EXPECT_EQ(kept_tokens(4, false, 100, 60), 4);
    EXPECT_EQ(kept_tokens(4, true, 100, 60), 5);
    EXPECT_EQ(kept_tokens(-1, true, 100, 60), 60);
    EXPECT_EQ(kept_tokens(-1, false, 20, 60), 20);
    EXPECT_EQ(kept_tokens(1000, true, 20, 60), 60);
}

TEST(Window, ATooLongPromptLeavesHalfOfTheRestFree) {
    const Cut cut = cut_prompt(1000, 256, 6);
    EXPECT_EQ(cut.keep, 6);
    EXPECT_EQ(1000 - cut.discard, 256 - 125);
    EXPECT_EQ(1000 - cut_prompt(1000, 256, 255).discard, 255) << "one token of room at least";
}

TEST(Window, AFullContextLosesHalfOfWhatIsNotKept) {
    const Cut cut = cut_context(255, 5);
    EXPECT_EQ(cut.discard, 125);
    EXPECT_EQ(cut_context(5, 4).discard, 1);
}

}  // namespace
}  // namespace po
