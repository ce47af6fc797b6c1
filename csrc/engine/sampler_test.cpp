#include "engine/sampler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <random>
#include <vector>

#include "testing/allocations.hpp"

namespace po {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
const float kNan = std::nanf("");

std::unique_ptr<Sampler> made(const SampleSpec & spec, size_t n_vocab) {
    std::unique_ptr<Sampler> sampler;
    const Status status = Sampler::make(spec, static_cast<int>(n_vocab), sampler);
    EXPECT_TRUE(status) << status.text;
    return sampler;
}

SampleSpec plain_spec() {
    SampleSpec spec;
    spec.temperature = 1;
    spec.top_k = 0;
    spec.top_p = 1;
    spec.seed = 1;
    return spec;
}

SampleSpec greedy_spec() {
    SampleSpec spec = plain_spec();
    spec.temperature = 0;
    return spec;
}

std::vector<float> random_logits(std::mt19937 & random, size_t n) {
    std::vector<float> logits(n);
    for (float & logit : logits) logit = static_cast<float>(random() % 4000) / 200.0f - 10.0f;
    return logits;
}

std::map<Token, double> shares(Sampler & sampler, const std::vector<float> & logits, int draws) {
    std::map<Token, double> seen;
    for (int i = 0; i < draws; ++i) seen[sampler.pick(logits.data())] += 1.0 / draws;
    return seen;
}

struct Refused {
    const char * option;
    SampleSpec spec;
};

template <class T>
Refused with(const char * option, T SampleSpec::*field, T value) {
    SampleSpec spec;
    spec.*field = value;
    return {option, spec};
}

TEST(SamplerMake, RefusesWhatIsOutOfRangeByName) {
    const std::vector<Refused> all{
        with("temperature", &SampleSpec::temperature, kNan),
        with("temperature", &SampleSpec::temperature, kInf),
        with("top_p", &SampleSpec::top_p, kNan),
        with("min_p", &SampleSpec::min_p, kNan),
        with("typical_p", &SampleSpec::typical_p, kNan),
        with("repeat_penalty", &SampleSpec::repeat_penalty, 0.0f),
        with("repeat_penalty", &SampleSpec::repeat_penalty, -1.0f),
        with("repeat_penalty", &SampleSpec::repeat_penalty, kInf),
        with("presence_penalty", &SampleSpec::presence_penalty, kNan),
        with("frequency_penalty", &SampleSpec::frequency_penalty, kInf),
        with("mirostat", &SampleSpec::mirostat, 3),
        with("mirostat", &SampleSpec::mirostat, -1),
        with("mirostat_tau", &SampleSpec::mirostat_tau, -1.0f),
        with("mirostat_eta", &SampleSpec::mirostat_eta, kNan),
    };
    for (const Refused & refused : all) {
        std::unique_ptr<Sampler> sampler;
        const Status status = Sampler::make(refused.spec, 8, sampler);
        EXPECT_EQ(status.code, Code::bad_request) << refused.option;
        EXPECT_EQ(status.text.rfind(refused.option, 0), 0u) << status.text;
        EXPECT_EQ(sampler, nullptr);
    }
}

TEST(SamplerMake, AcceptsTheDefaults) { made({}, 8); }

TEST(Sampler, IsGreedyAtTemperatureZeroAndBelow) {
    SampleSpec spec;
    for (const float t : {0.0f, -1.0f}) {
        spec.temperature = t;
        const std::vector<float> logits{1, 5, 5, -2};
        EXPECT_EQ(made(spec, 4)->pick(logits.data()), 1);  // the lower id of equals
    }
}

TEST(Sampler, GreedyEqualsTopKOne) {
    std::mt19937 random(1);
    for (int i = 0; i < 100; ++i) {
        const std::vector<float> logits = random_logits(random, 1000);
        SampleSpec one = plain_spec();
        one.top_k = 1;
        EXPECT_EQ(made(greedy_spec(), 1000)->pick(logits.data()), made(one, 1000)->pick(logits.data()));
    }
}

TEST(Sampler, NeverWritesToTheLogits) {
    std::mt19937 random(2);
    const std::vector<float> logits = random_logits(random, 500);
    const std::vector<float> before = logits;
    SampleSpec spec;
    spec.repeat_penalty = 1.5f;
    const auto sampler = made(spec, 500);
    for (Token t = 0; t < 100; ++t) sampler->accept(t);
    sampler->pick(logits.data());
    EXPECT_EQ(logits, before);
}

TEST(Sampler, DrawsTheSameTokensForTheSameSeed) {
    std::mt19937 random(3);
    SampleSpec spec;
    spec.seed = 42;
    const auto a = made(spec, 200), b = made(spec, 200);
    spec.seed = 43;
    const auto other = made(spec, 200);
    int different = 0;
    for (int i = 0; i < 200; ++i) {
        const std::vector<float> logits = random_logits(random, 200);
        const Token token = a->pick(logits.data());
        EXPECT_EQ(token, b->pick(logits.data()));
        different += token != other->pick(logits.data());
    }
    EXPECT_GT(different, 0);
}

TEST(Sampler, UsesTheLow32BitsOfASeed) {
    std::mt19937 random(4);
    SampleSpec spec = plain_spec();
    const auto small = made(spec, 100);
    spec.seed += int64_t{1} << 32;
    const auto large = made(spec, 100);
    const std::vector<float> logits = random_logits(random, 100);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(small->pick(logits.data()), large->pick(logits.data()));
}

TEST(Sampler, FollowsTheSoftmaxAtItsTemperature) {
    SampleSpec spec = plain_spec();
    spec.temperature = 2;
    const std::vector<float> logits{0, 2, 4, -kInf};
    const auto seen = shares(*made(spec, 4), logits, 50000);
    const double sum = 1 + std::exp(1.0) + std::exp(2.0);
    EXPECT_EQ(seen.size(), 3u);
    EXPECT_NEAR(seen.at(0), 1 / sum, 0.01);
    EXPECT_NEAR(seen.at(1), std::exp(1.0) / sum, 0.01);
    EXPECT_NEAR(seen.at(2), std::exp(2.0) / sum, 0.01);
}

TEST(Sampler, CutsBeforeItHeats) {
    // At temperature 1 the first two hold 0.94 of the mass; at 100 all would be alike and top_p would keep all.
    SampleSpec spec = plain_spec();
    spec.temperature = 100;
    spec.top_p = 0.9f;
    const auto seen = shares(*made(spec, 4), {5, 5, 1.5f, 1.5f}, 2000);
    EXPECT_EQ(seen.size(), 2u);
    EXPECT_NEAR(seen.at(0), 0.5, 0.05);
}

TEST(Sampler, PenalisesBeforeItCuts) {
    SampleSpec spec = plain_spec();
    spec.top_k = 1;
    spec.presence_penalty = 1;
    const auto sampler = made(spec, 2);
    sampler->accept(0);
    const std::vector<float> logits{3, 2.5f};
    EXPECT_EQ(sampler->pick(logits.data()), 1);
}

TEST(Sampler, GivesTopPOnlyWhatTopKLeft) {
    // Of all, the best holds 0.4, of the best two 0.5: 0.45 is then reached by one token only after top_k.
    SampleSpec spec = plain_spec();
    const std::vector<float> logits{std::log(4.0f), std::log(3.9f), std::log(2.1f)};
    spec.top_p = 0.45f;
    EXPECT_EQ(shares(*made(spec, 3), logits, 500).size(), 2u);
    spec.top_k = 2;
    EXPECT_EQ(shares(*made(spec, 3), logits, 500).size(), 1u);
}

// Penalties over the last tokens, by copying and counting.
std::vector<float> penalised(std::vector<float> logits, const std::deque<Token> & window, const SampleSpec & spec) {
    std::map<Token, int> counts;
    for (const Token token : window) ++counts[token];
    for (const auto & [token, n] : counts) {
        float & logit = logits[static_cast<size_t>(token)];
        logit = logit > 0 ? logit / spec.repeat_penalty : logit * spec.repeat_penalty;
        logit -= static_cast<float>(n) * spec.frequency_penalty + spec.presence_penalty;
    }
    return logits;
}

TEST(SamplerProperty, PenaltiesEqualTheReference) {
    std::mt19937 random(6);
    for (int round = 0; round < 200; ++round) {
        SampleSpec spec = greedy_spec();
        spec.repeat_penalty = 0.8f + static_cast<float>(random() % 10) / 10;
        spec.presence_penalty = static_cast<float>(random() % 5) - 2;
        spec.frequency_penalty = static_cast<float>(random() % 5) - 2;
        spec.repeat_last_n = static_cast<int>(random() % 40) - 5;
        const auto sampler = made(spec, 50);
        std::deque<Token> window;
        for (int i = 0; i < 100; ++i) {
            const std::vector<float> logits = random_logits(random, 50);
            const std::vector<float> expected = penalised(logits, window, spec);
            const auto best = std::max_element(expected.begin(), expected.end()) - expected.begin();
            ASSERT_EQ(sampler->pick(logits.data()), best);
            const auto token = static_cast<Token>(random() % 50);
            sampler->accept(token);
            window.push_back(token);
            if (spec.repeat_last_n >= 0 && window.size() > static_cast<size_t>(spec.repeat_last_n)) window.pop_front();
        }
    }
}

TEST(Sampler, IgnoresForeignTokensInAccept) {
    SampleSpec spec = greedy_spec();
    spec.repeat_penalty = 2;
    const auto sampler = made(spec, 2);
    for (const Token token : {-1, 2, 1 << 30}) sampler->accept(token);
    const std::vector<float> logits{1, 2};
    EXPECT_EQ(sampler->pick(logits.data()), 1);
}

std::vector<SampleSpec> every_path() {
    std::vector<SampleSpec> specs{SampleSpec{}, plain_spec(), greedy_spec()};
    SampleSpec filtered;
    filtered.min_p = 0.05f;
    filtered.typical_p = 0.9f;
    filtered.repeat_penalty = 1.1f;
    specs.push_back(filtered);
    filtered.top_k = 0;
    specs.push_back(filtered);
    for (const int version : {1, 2}) {
        SampleSpec mirostat;
        mirostat.mirostat = version;
        specs.push_back(mirostat);
    }
    return specs;
}

TEST(Sampler, NamesNoTokenWhenNoneIsPossible) {
    for (const SampleSpec & spec : every_path()) {
        const auto sampler = made(spec, 3);
        for (const std::vector<float> & logits : {std::vector<float>{kNan, kNan, kNan}, {-kInf, -kInf, -kInf}}) {
            EXPECT_EQ(sampler->pick(logits.data()), kNoToken);
        }
    }
}

TEST(Sampler, SurvivesNanAndInfinity) {
    for (const SampleSpec & spec : every_path()) {
        const auto sampler = made(spec, 4);
        sampler->accept(1);
        sampler->accept(2);
        const std::vector<float> one{kNan, -kInf, 2, kNan}, infinite{0, kInf, kInf, -kInf};
        for (int i = 0; i < 50; ++i) {
            EXPECT_EQ(sampler->pick(one.data()), 2);
            const Token token = sampler->pick(infinite.data());
            EXPECT_TRUE(token == 1 || token == 2);
        }
    }
}

TEST(Sampler, AllocatesNothingOnceWarm) {
    std::mt19937 random(8);
    const std::vector<float> logits = random_logits(random, 5000);
    for (const SampleSpec & spec : every_path()) {
        const auto sampler = made(spec, 5000);
        sampler->accept(sampler->pick(logits.data()));
        const size_t before = allocations();
        for (int i = 0; i < 300; ++i) sampler->accept(sampler->pick(logits.data()));
        EXPECT_EQ(allocations(), before);
    }
}

class Mirostat : public testing::TestWithParam<int> {
  protected:
    SampleSpec spec() const {
        SampleSpec spec = plain_spec();
        spec.mirostat = GetParam();
        spec.mirostat_tau = 3;
        return spec;
    }

    // Probability falls with rank as in text.
    static std::vector<float> zipf(size_t n) {
        std::vector<float> logits(n);
        for (size_t i = 0; i < n; ++i) logits[i] = -1.1f * std::log(static_cast<float>(i + 1));
        return logits;
    }
};

TEST_P(Mirostat, KeepsTheSurpriseNearItsTarget) {
    const std::vector<float> logits = zipf(5000);
    double total = 0, sum = 0;
    for (const float logit : logits) sum += std::exp(logit);
    const auto sampler = made(spec(), logits.size());
    constexpr int kWarm = 100, kDraws = 1000;
    for (int i = 0; i < kWarm; ++i) sampler->pick(logits.data());
    for (int i = 0; i < kDraws; ++i) {
        total -= std::log2(std::exp(logits[static_cast<size_t>(sampler->pick(logits.data()))]) / sum);
    }
    // The controller sees the surprise after the cut, which is lower than that under the whole distribution.
    EXPECT_GT(total / kDraws, 3);
    EXPECT_LT(total / kDraws, 6);
    const auto free = shares(*made(plain_spec(), logits.size()), logits, 1000);
    const auto kept = shares(*sampler, logits, 1000);
    EXPECT_LT(kept.rbegin()->first, free.rbegin()->first / 4);  // the tail is cut
}

TEST_P(Mirostat, IgnoresPenaltiesAndFilters) {
    const std::vector<float> logits = zipf(100);
    SampleSpec changed = spec();
    changed.top_k = 1;
    changed.top_p = 0.01f;
    changed.repeat_penalty = 5;
    const auto a = made(spec(), 100), b = made(changed, 100);
    for (int i = 0; i < 100; ++i) {
        const Token token = a->pick(logits.data());
        EXPECT_EQ(token, b->pick(logits.data()));
        b->accept(token);
    }
}

TEST_P(Mirostat, SurvivesFlatAndTinyVocabularies) {
    for (const size_t n : {1u, 2u, 3u, 500u}) {
        const std::vector<float> logits(n, 0.0f);
        const auto sampler = made(spec(), n);
        for (int i = 0; i < 100; ++i) ASSERT_LT(static_cast<size_t>(sampler->pick(logits.data())), n);
    }
}

TEST_P(Mirostat, KeepsOnlyTheBestForATargetOfZero) {
    SampleSpec zero = spec();
    zero.mirostat_tau = 0;
    zero.mirostat_eta = 0;
    EXPECT_EQ(shares(*made(zero, 100), zipf(100), 100).size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Versions, Mirostat, testing::Values(1, 2));

}  // namespace
}  // namespace po
