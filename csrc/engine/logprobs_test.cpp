#include "engine/logprobs.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace po {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

struct Answer {
    TokenProb chosen;
    std::vector<TokenProb> top;
};

Answer ask(const std::vector<float> & logits, Token chosen, int top_n) {
    Answer answer;
    logprobs(logits.data(), static_cast<int>(logits.size()), chosen, top_n, answer.chosen, answer.top);
    return answer;
}

TEST(Logprobs, AreTheLogSoftmaxOfTheRawLogits) {
    std::mt19937 random(5);
    std::vector<float> logits(5000);
    long double sum = 0;
    for (float & logit : logits) sum += std::exp(static_cast<long double>(logit = static_cast<float>(random() % 4000) / 100 - 20));
    const Answer answer = ask(logits, 17, 20);
    EXPECT_EQ(answer.chosen.token, 17);
    EXPECT_NEAR(answer.chosen.logprob, logits[17] - static_cast<double>(std::log(sum)), 1e-5);
    ASSERT_EQ(answer.top.size(), 20u);
    EXPECT_EQ(answer.top[0].token, std::max_element(logits.begin(), logits.end()) - logits.begin());
    for (size_t i = 1; i < 20; ++i) {
        const TokenProb before = answer.top[i - 1], here = answer.top[i];
        EXPECT_TRUE(before.logprob > here.logprob || (before.logprob == here.logprob && before.token < here.token));
    }
}

TEST(Logprobs, AddUpToOne) {
    const Answer answer = ask({1, 2, 3, -4}, 2, 4);
    double sum = 0;
    for (const TokenProb & t : answer.top) sum += std::exp(t.logprob);
    EXPECT_NEAR(sum, 1, 1e-6);
    EXPECT_FLOAT_EQ(answer.top[0].logprob, answer.chosen.logprob);
}

TEST(Logprobs, DoNotOverflowForLargeLogits) {
    EXPECT_NEAR(ask({10000, 10000}, 0, 0).chosen.logprob, -std::log(2.0), 1e-3);
    EXPECT_EQ(ask({kInf, 0}, 0, 0).chosen.logprob, 0);
}

TEST(Logprobs, CutTheNumberAskedForToWhatThereIs) {
    EXPECT_EQ(ask({1, 2}, 0, 20).top.size(), 2u);
    EXPECT_EQ(ask({1, 2}, 0, 0).top.size(), 0u);
    EXPECT_EQ(ask({1, 2}, 0, -1).top.size(), 0u);
}

TEST(Logprobs, CountNanAsImpossible) {
    const float nan = std::nanf("");
    const Answer answer = ask({1, nan, -kInf, 1}, 1, 4);
    EXPECT_EQ(answer.chosen.logprob, -kInf);
    ASSERT_EQ(answer.top.size(), 2u);
    EXPECT_NEAR(answer.top[0].logprob, -std::log(2.0), 1e-6);
    EXPECT_TRUE(ask({nan, -kInf}, 0, 2).top.empty());
}

}  // namespace
}  // namespace po
