#include "engine/schedule/planner.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace po {
namespace {

constexpr int64_t kMs = 1'000'000;

CostModel learned(int64_t decode_ns, int64_t row_ns) {
    CostModel cost(150 * kMs, 500 * kMs);
    cost.learn(4, 0, decode_ns);
    cost.learn(0, 100, 100 * row_ns);
    return cost;
}

TEST(CostModel, BeginsWithFewRowsAsTheModelMayBeSlow) {
    const CostModel cost(150 * kMs, 500 * kMs);
    EXPECT_EQ(cost.budget(0, 512), 128);
    EXPECT_EQ(cost.budget(3, 512), 32);
    EXPECT_EQ(cost.budget(3, 0), 0);
}

TEST(CostModel, FillsTheTargetTimeBesideDecoding) {
    const CostModel cost = learned(50 * kMs, kMs);
    EXPECT_EQ(cost.budget(4, 512), 96) << "100 ms left, 1 ms a row, in steps of 32";
    EXPECT_EQ(cost.budget(0, 512), 480);
}

TEST(CostModel, PromptsAdvanceHoweverSlowTheMachine) {
    const CostModel cost = learned(400 * kMs, 20 * kMs);
    EXPECT_EQ(cost.budget(4, 512), 16);
    EXPECT_EQ(cost.budget(0, 512), 128);
    EXPECT_EQ(cost.budget(4, 5), 5);
}

TEST(CostModel, IsBoundByTheBatch) {
    const CostModel cost = learned(kMs, kMs / 1000);
    EXPECT_EQ(cost.budget(4, 300), 300);
}

TEST(GrantRows, OnePromptGetsEverything) {
    EXPECT_EQ(grant_rows({{1000, 0}}, 512, 0), std::vector<int>{512});
    EXPECT_EQ(grant_rows({{100, 0}}, 512, 0), std::vector<int>{100});
    EXPECT_TRUE(grant_rows({}, 512, 0).empty());
}

TEST(GrantRows, ShortPromptsComeFirstAndLongOnesStillAdvance) {
    const auto grants = grant_rows({{2000, 0}, {40, 0}}, 256, 0);
    EXPECT_EQ(grants, (std::vector<int>{216, 40}));
}

TEST(GrantRows, EqualPromptsShare) {
    const auto grants = grant_rows({{2000, 0}, {2000, 0}}, 256, 0);
    EXPECT_EQ(grants, (std::vector<int>{128, 128}));
}

TEST(GrantRows, WaitingOutweighsLength) {
    const auto grants = grant_rows({{2000, 5000 * kMs}, {400, 0}}, 256, 0.5 / kMs);
    EXPECT_EQ(grants[0], 128);
    const auto crowded = grant_rows({{2000, 5000 * kMs}, {400, 0}, {400, 0}, {400, 0}}, 64, 0.5 / kMs);
    EXPECT_EQ(crowded[0], 32);
}

TEST(GrantRows, NeverGivesMoreThanBudgetOrDemand) {
    for (int budget : {0, 1, 17, 64, 500}) {
        const std::vector<PromptDemand> demands{{3, 0}, {700, 5}, {1, 9}, {64, 0}, {64, 0}};
        const auto grants = grant_rows(demands, budget, 0.1);
        EXPECT_EQ(std::accumulate(grants.begin(), grants.end(), 0), std::min(budget, 832));
        for (size_t i = 0; i < grants.size(); ++i) {
            EXPECT_LE(grants[i], demands[i].rows);
        }
    }
}

TEST(WholeBlocks, EndBetweenBlocks) {
    EXPECT_EQ(whole_blocks(0, 40, 100), 32);
    EXPECT_EQ(whole_blocks(5, 40, 100), 27);
    EXPECT_EQ(whole_blocks(16, 10, 100), 0);
}

TEST(WholeBlocks, TakeTheEndOfAPromptAsItIs) { EXPECT_EQ(whole_blocks(16, 10, 10), 10); }

TEST(FirstRow, IsThatOfTheLastBlockWhenAllIsThere) {
    EXPECT_EQ(first_row(31, 32), 16);
    EXPECT_EQ(first_row(32, 33), 32);
    EXPECT_EQ(first_row(20, 32), 20);
    EXPECT_EQ(first_row(0, 1), 0);
}

}  // namespace
}  // namespace po
