#include "engine/memory/prefix_index.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace po {
namespace {

constexpr Pos kAll = 1 << 20;

Pos common(const Tokens & a, const Tokens & b) {
    const auto n = static_cast<std::ptrdiff_t>(std::min(a.size(), b.size()));
    return static_cast<Pos>(std::mismatch(a.begin(), a.begin() + n, b.begin()).first - a.begin());
}

TEST(PrefixIndex, AnEmptyIndexMatchesNothing) {
    const PrefixIndex index;
    EXPECT_EQ(index.match({1, 2}, kAll).seq, kNoSeq);
    EXPECT_EQ(index.match_whole({1, 2}, kAll).seq, kNoSeq);
    EXPECT_EQ(index.least_recent(), kNoSeq);
}

TEST(PrefixIndex, TheLongestCommonBeginningWins) {
    PrefixIndex index;
    index.insert(1, {1, 2, 3, 4});
    index.insert(2, {1, 2, 5, 6, 7});
    EXPECT_EQ(index.match({1, 2, 5, 6, 9}, kAll).length, 4);
    EXPECT_EQ(index.match({1, 2, 5, 6, 9}, kAll).seq, 2);
    EXPECT_EQ(index.match({1, 2, 9}, kAll).length, 2);
    EXPECT_EQ(index.match({9}, kAll).seq, kNoSeq);
}

TEST(PrefixIndex, TheLimitHoldsBackTheLastToken) {
    PrefixIndex index;
    index.insert(1, {1, 2, 3});
    EXPECT_EQ(index.match({1, 2, 3}, 2).length, 2);
    EXPECT_EQ(index.match({1}, 0).seq, kNoSeq);
}

TEST(PrefixIndex, WholeMatchesEndWhereAnEntryEnds) {
    PrefixIndex index;
    index.insert(1, {1, 2});
    index.insert(2, {1, 2, 3, 4, 5});
    EXPECT_EQ(index.match_whole({1, 2, 3, 4}, kAll).seq, 1);
    EXPECT_EQ(index.match_whole({1, 2, 3, 4, 5, 6}, kAll).seq, 2);
    EXPECT_EQ(index.match_whole({1, 2, 3, 4, 5}, 4).seq, 1);
    EXPECT_EQ(index.match_whole({1, 3}, kAll).seq, kNoSeq);
}

TEST(PrefixIndex, AnEntryCoversItsBeginnings) {
    PrefixIndex index;
    index.insert(1, {1, 2});
    index.insert(2, {1, 2, 3});
    index.insert(3, {1, 2, 4});
    auto covered = index.covered_by({1, 2, 3, 5});
    std::sort(covered.begin(), covered.end());
    EXPECT_EQ(covered, (std::vector<SeqId>{1, 2}));
}

TEST(PrefixIndex, UseOrdersEviction) {
    PrefixIndex index;
    index.insert(1, {1, 2});
    index.insert(2, {3, 4});
    EXPECT_EQ(index.least_recent(), 1);
    index.touch(1);
    EXPECT_EQ(index.least_recent(), 2);
    index.trim(2, 1);
    EXPECT_EQ(index.least_recent(), 2) << "trimming is no use";
    EXPECT_EQ(index.length(2), 1);
    EXPECT_EQ(index.match({3, 4}, kAll).length, 1);
}

// Against a plain list of entries: any order of inserts, removals and trims.
TEST(PrefixIndex, AgreesWithComparingEveryEntry) {
    std::mt19937 random(7);
    const auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    const auto tokens = [&] {
        Tokens out(static_cast<size_t>(1 + pick(12)));
        std::generate(out.begin(), out.end(), [&] { return pick(3); });
        return out;
    };
    PrefixIndex index;
    std::map<SeqId, Tokens> entries;
    for (int round = 0; round < 20000; ++round) {
        const SeqId seq = pick(12);
        if (entries.count(seq) == 0) {
            entries[seq] = tokens();
            index.insert(seq, entries[seq]);
        } else if (pick(2) == 0) {
            entries.erase(seq);
            index.remove(seq);
        } else {
            entries[seq].resize(static_cast<size_t>(1 + pick(static_cast<int>(entries[seq].size()))));
            index.trim(seq, static_cast<Pos>(entries[seq].size()));
        }
        const Tokens wanted = tokens();
        Pos best = 0;
        Pos whole = 0;
        for (const auto & [id, held] : entries) {
            best = std::max(best, common(held, wanted));
            if (common(held, wanted) == static_cast<Pos>(held.size())) {
                whole = std::max(whole, static_cast<Pos>(held.size()));
            }
        }
        const PrefixIndex::Hit hit = index.match(wanted, kAll);
        ASSERT_EQ(hit.length, best);
        ASSERT_TRUE(best == 0 || common(entries.at(hit.seq), wanted) == best);
        ASSERT_EQ(index.match_whole(wanted, kAll).length, whole);
        ASSERT_EQ(index.size(), entries.size());
    }
}

}  // namespace
}  // namespace po
