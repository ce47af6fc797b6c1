#include "engine/sampling/filters.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <vector>

namespace po {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<float> random_logits(std::mt19937 & random, size_t n) {
    std::vector<float> logits(n);
    for (float & logit : logits) logit = static_cast<float>(random() % 4000) / 200.0f - 10.0f;  // equals among them
    return logits;
}

Candidates taken(const std::vector<float> & logits, int k) {
    Candidates c;
    take({logits.data(), static_cast<int>(logits.size()), nullptr}, k, c);
    return c;
}

std::vector<Token> tokens(const Candidates & c) {
    std::vector<Token> ids;
    for (const Candidate & item : c.items) ids.push_back(item.token);
    return ids;
}

std::vector<Token> sorted_tokens(const Candidates & c) {
    std::vector<Token> ids = tokens(c);
    std::sort(ids.begin(), ids.end());
    return ids;
}

// The references: as plain as they can be, over all tokens, best first, in float64.
struct Plain {
    Token token;
    double logit, p;
};

std::vector<Plain> plain(const std::vector<float> & logits) {
    std::vector<Plain> all;
    double sum = 0;
    for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
    for (size_t i = 0; i < logits.size(); ++i) {
        all.push_back({static_cast<Token>(i), logits[i], std::exp(static_cast<double>(logits[i])) / sum});
    }
    std::stable_sort(all.begin(), all.end(), [](const Plain & a, const Plain & b) { return a.logit > b.logit; });
    return all;
}

std::vector<Token> ids(const std::vector<Plain> & kept) {
    std::vector<Token> out;
    for (const Plain & item : kept) out.push_back(item.token);
    std::sort(out.begin(), out.end());
    return out;
}

std::vector<Plain> plain_top_p(const std::vector<Plain> & all, double p) {
    std::vector<Plain> kept;
    double sum = 0;
    for (const Plain & item : all) {
        kept.push_back(item);
        sum += item.p;
        if (sum >= p) break;
    }
    return kept;
}

std::vector<Plain> plain_min_p(const std::vector<Plain> & all, double p) {
    std::vector<Plain> kept;
    for (const Plain & item : all) {
        if (item.p >= p * all.front().p) kept.push_back(item);
    }
    return kept;
}

std::vector<Plain> plain_typical(std::vector<Plain> all, double p) {
    double entropy = 0;
    for (const Plain & item : all) entropy -= item.p * std::log(item.p);
    const auto distance = [entropy](const Plain & item) { return std::fabs(-std::log(item.p) - entropy); };
    std::stable_sort(all.begin(), all.end(),
                     [&](const Plain & a, const Plain & b) { return distance(a) < distance(b); });
    double sum = 0;
    size_t n = 0;
    while (n < all.size() && sum <= p) sum += all[n++].p;
    all.resize(n);
    return all;
}

class FiltersAgainstReference : public testing::TestWithParam<int> {
  protected:
    std::mt19937 random_{static_cast<uint32_t>(GetParam())};
    std::vector<float> logits_ = random_logits(random_, 1 + random_() % 700);
    float p_ = static_cast<float>(random_() % 98 + 1) / 100.0f;
};

TEST_P(FiltersAgainstReference, TakeGivesTheKBestInOrder) {
    const int k = 1 + static_cast<int>(random_() % 900);
    const std::vector<Plain> all = plain(logits_);
    const Candidates c = taken(logits_, k);
    ASSERT_EQ(c.items.size(), std::min(all.size(), static_cast<size_t>(k)));
    for (size_t i = 0; i < c.items.size(); ++i) ASSERT_EQ(c.items[i].token, all[i].token);
}

TEST_P(FiltersAgainstReference, BestTokenIsTheFirstOfTheBest) {
    EXPECT_EQ(best_token({logits_.data(), static_cast<int>(logits_.size()), nullptr}), plain(logits_)[0].token);
}

TEST_P(FiltersAgainstReference, ReplacementsAreSeenInsteadOfTheLogits) {
    std::vector<Replacement> replaced;
    std::vector<float> copy = logits_;
    for (size_t i = random_() % 9; i < copy.size(); i += 1 + random_() % 9) {
        copy[i] = static_cast<float>(random_() % 4000) / 200.0f - 10.0f;
        replaced.push_back({static_cast<Token>(i), copy[i]});
    }
    const Logits over{logits_.data(), static_cast<int>(logits_.size()), &replaced};
    Candidates c;
    take(over, 10, c);
    EXPECT_EQ(tokens(c), tokens(taken(copy, 10)));
    EXPECT_EQ(best_token(over), plain(copy)[0].token);
}

TEST_P(FiltersAgainstReference, SoftmaxGivesTheProbabilities) {
    Candidates c = taken(logits_, static_cast<int>(logits_.size()));
    softmax(c);
    const std::vector<Plain> all = plain(logits_);
    for (size_t i = 0; i < all.size(); ++i) ASSERT_NEAR(c.items[i].p, all[i].p, 1e-6);
}

TEST_P(FiltersAgainstReference, TopPKeepsTheSameTokens) {
    for (const int k : {0, static_cast<int>(logits_.size())}) {
        Candidates c = taken(logits_, k);
        keep_top_p(c, p_);
        EXPECT_EQ(sorted_tokens(c), ids(plain_top_p(plain(logits_), p_)));
    }
}

TEST_P(FiltersAgainstReference, MinPKeepsTheSameTokens) {
    for (const int k : {0, static_cast<int>(logits_.size())}) {
        Candidates c = taken(logits_, k);
        keep_min_p(c, p_ / 10);
        EXPECT_EQ(sorted_tokens(c), ids(plain_min_p(plain(logits_), p_ / 10)));
    }
}

TEST_P(FiltersAgainstReference, TypicalKeepsTheSameTokens) {
    for (const int k : {0, static_cast<int>(logits_.size())}) {
        Candidates c = taken(logits_, k);
        keep_typical(c, p_);
        EXPECT_EQ(sorted_tokens(c), ids(plain_typical(plain(logits_), p_)));
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, FiltersAgainstReference, testing::Range(0, 200));

TEST(Filters, KeepAtLeastOneCandidateWhateverTheThreshold) {
    for (const float p : {0.0f, 1e-30f}) {
        Candidates top = taken({1, 2, 3}, 0), typical = taken({1, 2, 3}, 0), min = taken({1, 2, 3}, 0);
        keep_top_p(top, p);
        keep_typical(typical, p);
        keep_min_p(min, 1);
        EXPECT_EQ(tokens(top), std::vector<Token>{2});
        EXPECT_EQ(typical.items.size(), 1u);
        EXPECT_EQ(tokens(min), std::vector<Token>{2});
    }
}

TEST(Filters, KeepEverythingWhenOff) {
    Candidates c = taken({1, 2, 3}, 0);
    keep_typical(c, 1);
    keep_top_p(c, 1);
    keep_min_p(c, 0);
    EXPECT_EQ(tokens(c), (std::vector<Token>{0, 1, 2}));
}

TEST(Take, LeavesOutWhatCannotComeAndTamesInfinity) {
    const Candidates c = taken({-kInf, 1, kNan, kInf, 2}, 0);
    EXPECT_EQ(tokens(c), (std::vector<Token>{1, 3, 4}));
    EXPECT_TRUE(std::isfinite(c.items[1].logit));
    EXPECT_EQ(tokens(taken({-kInf, 1, kNan, kInf, 2}, 4)), (std::vector<Token>{3, 4, 1}));
    EXPECT_TRUE(taken({-kInf, kNan}, 4).items.empty());
}

TEST(Filters, SurviveTheLargestAndSmallestFloats) {
    const float huge = std::numeric_limits<float>::max();
    Random random(1);
    for (const float t : {1e-38f, 1.0f, 1e38f}) {
        Candidates c = taken({kInf, -huge, huge, 0, -huge}, 0);
        keep_typical(c, 0.5f);
        keep_top_p(c, 0.5f);
        keep_min_p(c, 0.5f);
        heat(c, t);
        EXPECT_LT(draw(c, random), c.items.size());
        EXPECT_TRUE(c.items[0].token == 0 || c.items[0].token == 2);
    }
}

TEST(Random, IsTheSameOnEveryPlatform) {
    Random random(42);  // the first values of the published generator with 53-bit output, seeded with 42
    EXPECT_DOUBLE_EQ(random.uniform(), 0.3745401188473625);
    EXPECT_DOUBLE_EQ(random.uniform(), 0.9507143064099162);
    EXPECT_DOUBLE_EQ(random.uniform(), 0.7319939418114051);
}

TEST(Draw, FollowsTheProbabilities) {
    constexpr int kDraws = 100000;
    Random random(3);
    std::map<Token, int> seen;
    Candidates c = taken({0, std::log(2.0f), std::log(3.0f), std::log(4.0f)}, 0);
    for (int i = 0; i < kDraws; ++i) ++seen[c.items[draw(c, random)].token];
    for (Token t = 0; t < 4; ++t) EXPECT_NEAR(seen[t] / double{kDraws}, (t + 1) / 10.0, 0.005);  // over 3 sigma
}

}  // namespace
}  // namespace po
