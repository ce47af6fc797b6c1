#include "engine/schedule/pace.hpp"

#include <gtest/gtest.h>

namespace po {
namespace {

constexpr int64_t kMs = 1'000'000;

TEST(Pace, TheFirstTextAfterAPauseNeverWaits) { EXPECT_FALSE(Pace().may_wait(0, 1 * kMs)); }

TEST(Pace, ShortStepsGoOutTogether) {
    Pace pace;
    pace.sent(0);
    EXPECT_TRUE(pace.may_wait(7 * kMs, 7 * kMs));
    EXPECT_FALSE(pace.may_wait(14 * kMs, 7 * kMs));
}

TEST(Pace, LongStepsGoOutAtOnce) {
    Pace pace;
    pace.sent(0);
    EXPECT_FALSE(pace.may_wait(11 * kMs, 11 * kMs));
}

}  // namespace
}  // namespace po
