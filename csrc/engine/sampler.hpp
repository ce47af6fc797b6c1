// Sampler draws the next token of one request from the logits of a position.
//
// What the logits pass, in this order:
//   penalties -> top_k -> typical_p -> top_p -> min_p -> temperature -> draw.
// Each filter sees probabilities renormalised over what the one before left. Temperature comes last, so top_p and
// min_p cut the model's own distribution, whatever the temperature.
//   temperature <= 0: the largest logit after penalties, lowest id among equals; no filter and no random number.
//   mirostat 1, 2: temperature -> mirostat; penalties and filters are not applied.
//
// Ownership: borrows the logits during a call only and never writes to them.
// Threads: one at a time per Sampler. Candidates live in a buffer of the calling thread, so many requests share one.
#pragma once
#include <cstdint>
#include <memory>

#include "engine/logprobs.hpp"
#include "engine/status.hpp"
#include "engine/types.hpp"

namespace po {

// Names and defaults are those of the options of the API.
struct SampleSpec {
    float temperature = 0.8f;   // >= 0 divides the logits; <= 0: always the likeliest token
    float top_p = 0.9f;         // [0, 1]; 1 and what lies outside: off
    float min_p = 0;            // [0, 1]; 0 and what lies outside: off
    float typical_p = 1;        // [0, 1]; 1 and what lies outside: off
    float repeat_penalty = 1;   // > 0; 1: off
    float presence_penalty = 0;
    float frequency_penalty = 0;
    float mirostat_tau = 5;     // >= 0, bits
    float mirostat_eta = 0.1f;  // >= 0
    int top_k = 40;             // <= 0: the whole vocabulary
    int repeat_last_n = 64;     // tokens the penalties look back; 0: off; negative: all accepted
    int mirostat = 0;           // 0, 1 or 2
    int64_t seed = -1;          // negative: random; else its low 32 bits
};

class Sampler {
  public:
    // bad_request: an option is out of its range; the text names it. no_memory. out is then unchanged.
    static Status make(const SampleSpec & spec, int n_vocab, std::unique_ptr<Sampler> & out) noexcept;

    virtual ~Sampler() = default;

    // The next token, for n_vocab logits. Does not accept it. Same seed, same logits: same tokens, on every platform
    // with the same float arithmetic. NaN counts as -inf. No allocation once the thread's buffer has grown.
    // kNoToken: no logit is above -inf, or memory ran out; end the request with model_error.
    virtual Token pick(const float * logits) noexcept = 0;

    // Puts a token, of the prompt or picked, into the penalty window. Ids outside the vocabulary are ignored.
    virtual void accept(Token token) noexcept = 0;
};

}  // namespace po
