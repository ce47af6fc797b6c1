// Penalties makes tokens of the recent past less likely.
//   repeat: positive logits are divided by it, others multiplied; frequency: taken off per occurrence;
//   presence: taken off once.
// Cost: accept() by the distinct tokens of the window, apply() too; never by the vocabulary.
// Ownership: a value per request. Threads: one at a time.
#pragma once
#include <cstddef>
#include <vector>

#include "engine/sampling/candidates.hpp"

namespace po {

class Penalties {
  public:
    // last_n: tokens looked back; 0: off; negative: all. REQUIRES: repeat > 0, all finite.
    Penalties(float repeat, float presence, float frequency, int last_n);

    bool active() const noexcept { return active_; }

    // Puts a token into the window, and the oldest out of a full one.
    void accept(Token token);

    // The logits of the window's tokens after penalties, ascending by token; valid until the next call.
    const std::vector<Replacement> & apply(const float * raw);

  private:
    struct Count {
        Token token;
        int n;
    };

    std::vector<Count>::iterator find(Token token) noexcept;
    void add(Token token);
    void remove(Token token) noexcept;

    const float repeat_, presence_, frequency_;
    const int last_n_;
    const bool active_;
    std::vector<Token> window_;  // a ring once it is full; unused when last_n is negative
    size_t oldest_ = 0;
    std::vector<Count> counts_;  // ascending by token
    std::vector<Replacement> replaced_;
};

}  // namespace po
