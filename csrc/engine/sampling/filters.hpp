// The filters between the logits and the draw. Each keeps at least one candidate, and takes the probabilities anew
// over what it is given. REQUIRES for all: items is not empty and holds finite logits.
#pragma once
#include <cstddef>

#include "engine/sampling/candidates.hpp"
#include "engine/sampling/random.hpp"

namespace po {

// Sets every p to its probability.
void softmax(Candidates & c) noexcept;

// Sorts so that at least the first n are the n best, in order.
void sort_best(Candidates & c, size_t n) noexcept;

// Keeps the tokens whose surprise is nearest to the entropy, until they hold more than p (Meister et al. 2022).
// Off at p >= 1.
void keep_typical(Candidates & c, float p) noexcept;

// Keeps the best tokens until they hold at least p (Holtzman et al. 2020). Off at p >= 1.
void keep_top_p(Candidates & c, float p) noexcept;

// Keeps the tokens with at least p times the probability of the best. Off at p <= 0.
void keep_min_p(Candidates & c, float p) noexcept;

// Divides the logits, after taking the largest from all. REQUIRES: temperature > 0.
void heat(Candidates & c, float temperature) noexcept;

// The index of a candidate drawn by its probability, one random number. Sets every p.
size_t draw(Candidates & c, Random & random) noexcept;

}  // namespace po
