#include "engine/logprobs.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/sampling/candidates.hpp"

namespace po {
namespace {

constexpr float kImpossible = -std::numeric_limits<float>::infinity();

// NaN becomes -inf, and +inf the largest float, so that differences stay numbers.
float clean(float logit) { return logit > kImpossible ? std::min(logit, std::numeric_limits<float>::max()) : kImpossible; }

double log_sum_exp(const float * logits, int n_vocab, float max) {
    double sum = 0;
    for (int i = 0; i < n_vocab; ++i) sum += std::exp(clean(logits[i]) - max);
    return max + std::log(sum);
}

}  // namespace

void logprobs(const float * logits, int n_vocab, Token chosen, int top_n, TokenProb & out,
              std::vector<TokenProb> & top) {
    top.clear();
    out = {chosen, kImpossible};
    const Logits view{logits, n_vocab, nullptr};
    const Token best = best_token(view);
    if (best == kNoToken) return;
    const double total = log_sum_exp(logits, n_vocab, clean(logits[best]));
    out.logprob = static_cast<float>(clean(logits[chosen]) - total);
    if (top_n <= 0) return;
    thread_local Candidates candidates;
    take(view, std::min(top_n, n_vocab), candidates);
    for (const Candidate & c : candidates.items) top.push_back({c.token, static_cast<float>(c.logit - total)});
}

}  // namespace po
