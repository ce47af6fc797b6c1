// Log-probabilities of one position, from the model's raw logits.
#pragma once
#include <vector>

#include "engine/types.hpp"

namespace po {

struct TokenProb {
    Token token = 0;
    float logprob = 0;  // natural logarithm, <= 0; -inf for a token that cannot come
};

// Log-softmax of the raw logits, before penalties and filters, summed in float64.
// out: the chosen token. top: the top_n most probable, best first, lower id first among equals.
// NaN counts as -inf, and top leaves out tokens of -inf. Reuses top's memory; throws only std::bad_alloc. Any thread.
// REQUIRES: 0 <= chosen < n_vocab.
void logprobs(const float * logits, int n_vocab, Token chosen, int top_n, TokenProb & out,
              std::vector<TokenProb> & top);

}  // namespace po
