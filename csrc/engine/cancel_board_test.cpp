#include "engine/cancel_board.hpp"

#include <gtest/gtest.h>

namespace po {
namespace {

TEST(CancelBoard, AnIdIsAliveOnce) {
    CancelBoard board;
    EXPECT_TRUE(board.add(1));
    EXPECT_FALSE(board.add(1));
    board.remove(1);
    EXPECT_TRUE(board.add(1));
}

TEST(CancelBoard, CancellingIsIdempotentAndIgnoresStrangers) {
    CancelBoard board;
    board.add(1);
    EXPECT_FALSE(board.cancel(2));
    EXPECT_FALSE(board.take_news());
    EXPECT_TRUE(board.cancel(1));
    EXPECT_FALSE(board.cancel(1));
    EXPECT_TRUE(board.cancelled(1));
    EXPECT_TRUE(board.take_news());
    EXPECT_FALSE(board.take_news());
}

TEST(CancelBoard, AStepStopsOnlyWhenAllOfItsRequestsAreCancelled) {
    CancelBoard board;
    board.add(1);
    board.add(2);
    board.begin_step({1, 2});
    board.cancel(1);
    EXPECT_FALSE(board.must_stop());
    board.cancel(2);
    EXPECT_TRUE(board.must_stop());
    board.end_step();
    EXPECT_FALSE(board.must_stop());
}

TEST(CancelBoard, ACancelBetweenStepsStopsNoOtherRequest) {
    CancelBoard board;
    board.add(1);
    board.add(2);
    board.cancel(1);
    board.begin_step({2});
    EXPECT_FALSE(board.must_stop());
    board.end_step();
    board.begin_step({1});
    EXPECT_TRUE(board.must_stop());
}

TEST(CancelBoard, ClosingStopsThisStepAndAllOthers) {
    CancelBoard board;
    board.add(1);
    board.begin_step({1});
    board.close();
    EXPECT_TRUE(board.must_stop());
    board.end_step();
    EXPECT_TRUE(board.must_stop());
    board.begin_step({1});
    EXPECT_TRUE(board.must_stop());
}

}  // namespace
}  // namespace po
