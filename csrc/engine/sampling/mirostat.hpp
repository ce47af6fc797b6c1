// Mirostat keeps the surprise of the output near a target (Basu et al. 2021), version 1 or 2.
// Ownership: a value per request, with the running state. Threads: one at a time.
#pragma once
#include <cstddef>

#include "engine/sampling/candidates.hpp"
#include "engine/sampling/random.hpp"

namespace po {

class Mirostat {
  public:
    // tau: the target in bits. eta: how fast the cut follows. REQUIRES: version 1 or 2, both finite and >= 0.
    Mirostat(int version, float tau, float eta) : version_(version), tau_(tau), eta_(eta), mu_(2 * tau) {}

    // Cuts the candidates and draws one; its index. n_vocab: tokens in all, which version 1 reckons with.
    // REQUIRES: items is not empty and holds finite logits.
    size_t draw(Candidates & c, int n_vocab, Random & random) noexcept;

  private:
    void cut_by_rank(Candidates & c, int n_vocab) const noexcept;
    void cut_by_surprise(Candidates & c) const noexcept;

    const int version_;
    const float tau_, eta_;
    float mu_;  // the surprise, in bits, above which a token is cut
};

}  // namespace po
