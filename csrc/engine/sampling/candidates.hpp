// Candidates: the tokens that may come next, taken from the logits of a position.
#pragma once
#include <cstddef>
#include <vector>

#include "engine/types.hpp"

namespace po {

struct Candidate {
    Token token = kNoToken;
    float logit = 0;
    float p = 0;    // set by softmax()
    float key = 0;  // scratch of a filter
};

// The order everywhere: largest logit first, lowest id first among equals.
inline bool better(const Candidate & a, const Candidate & b) noexcept {
    return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
}

struct Candidates {
    std::vector<Candidate> items;
    bool sorted = false;  // best first
};

// A token's logit that replaces the model's own.
struct Replacement {
    Token token = 0;
    float logit = 0;
};

// The logits of one position. Borrows all; replaced is null or ascending by token.
struct Logits {
    const float * raw = nullptr;
    int n_vocab = 0;
    const std::vector<Replacement> * replaced = nullptr;

    // Calls run(first token, values, count) over the vocabulary in order, in pieces that lie together in memory,
    // so that replacing a few values needs neither a copy nor a write.
    template <class F>
    void for_each_run(F && run) const {
        Token from = 0;
        if (replaced != nullptr) {
            for (const Replacement & r : *replaced) {
                if (r.token > from) run(from, raw + from, static_cast<size_t>(r.token - from));
                run(r.token, &r.logit, size_t{1});
                from = r.token + 1;
            }
        }
        if (from < n_vocab) run(from, raw + from, static_cast<size_t>(n_vocab - from));
    }
};

// The best token; kNoToken when no logit is above -inf. NaN never wins.
Token best_token(const Logits & logits) noexcept;

// out: the k best, sorted, or every token in order of id when k <= 0. Leaves out -inf and NaN, +inf becomes the
// largest float. Reuses out's memory.
void take(const Logits & logits, int k, Candidates & out);

}  // namespace po
