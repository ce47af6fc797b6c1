#include "engine/memory/cell_ledger.hpp"

#include <gtest/gtest.h>

namespace po {
namespace {

TEST(CellLedger, AppendingTakesFreeCells) {
    CellLedger cells(10, 2);
    EXPECT_TRUE(cells.append(0, 7));
    EXPECT_EQ(cells.free(), 3);
    EXPECT_FALSE(cells.append(1, 4));
    EXPECT_EQ(cells.free(), 3);
    EXPECT_EQ(cells.length(1), 0);
}

TEST(CellLedger, GrowingAddsFreeCellsAndKeepsTheRest) {
    CellLedger cells(4, 2);
    cells.append(0, 4);
    cells.grow(10);
    EXPECT_EQ(cells.total(), 10);
    EXPECT_EQ(cells.free(), 6);
    EXPECT_TRUE(cells.append(1, 6));
    cells.remove(0, 0, 4);
    EXPECT_EQ(cells.free(), 4);
}

TEST(CellLedger, SharingCostsNothingUntilTheSequencesPart) {
    CellLedger cells(10, 3);
    cells.append(0, 6);
    cells.share(0, 1, 4);
    EXPECT_EQ(cells.free(), 4);
    cells.append(1, 2);
    EXPECT_EQ(cells.free(), 2);
    cells.remove(0, 0, 6);
    EXPECT_EQ(cells.free(), 4) << "four of six are still held by the other";
    EXPECT_EQ(cells.length(1), 6);
}

TEST(CellLedger, OwnCellsAreThoseNobodyElseHolds) {
    CellLedger cells(10, 2);
    cells.append(0, 6);
    cells.share(0, 1, 4);
    EXPECT_EQ(cells.own(0, 0), 2);
    EXPECT_EQ(cells.own(0, 5), 1);
    EXPECT_TRUE(cells.shares(0, 3));
    EXPECT_FALSE(cells.shares(0, 4));
}

TEST(CellLedger, RunningSequencesPinTheirCells) {
    CellLedger cells(10, 2);
    cells.append(0, 6);
    EXPECT_EQ(cells.pinned(), 0);
    EXPECT_EQ(cells.unpinned(0, 4), 4);
    cells.set_running(1, true);
    cells.share(0, 1, 4);
    cells.append(1, 1);
    EXPECT_EQ(cells.pinned(), 5);
    EXPECT_EQ(cells.unpinned(0, 6), 2);
    cells.set_running(1, false);
    EXPECT_EQ(cells.pinned(), 0);
}

TEST(CellLedger, RemovingFromTheMiddleMovesTheRestUp) {
    CellLedger cells(10, 2);
    cells.append(0, 8);
    cells.share(0, 1, 3);
    cells.remove(0, 2, 5);
    EXPECT_EQ(cells.length(0), 5);
    EXPECT_EQ(cells.free(), 4) << "the third cell is still held by the other";
    EXPECT_FALSE(cells.shares(0, 2));
}

}  // namespace
}  // namespace po
