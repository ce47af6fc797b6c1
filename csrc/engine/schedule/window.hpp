// What stays of a token list that outgrows the context of its request (Ollama's rules). Plain functions; tokens.
#pragma once
#include <algorithm>

#include "engine/types.hpp"

namespace po {

struct Cut {
    Pos keep = 0;     // this many stay at the front
    Pos discard = 0;  // the next so many go
};

// Tokens kept at the front: num_keep, all of the prompt if that is negative, one more for a BOS that the tokenizer
// adds, never more than most.
inline Pos kept_tokens(int num_keep, bool adds_bos, Pos n_prompt, Pos most) {
    const int64_t keep = num_keep < 0 ? n_prompt : int64_t{num_keep} + (adds_bos ? 1 : 0);
    return static_cast<Pos>(std::clamp<int64_t>(keep, 0, std::max<Pos>(most, 0)));
}

// A prompt of n_ctx tokens or more: cut behind keep until (n_ctx - keep) / 2 are free.
inline Cut cut_prompt(Pos n_prompt, Pos n_ctx, Pos keep) {
    const Pos length = n_ctx - std::max<Pos>((n_ctx - keep) / 2, 1);
    return {keep, std::max<Pos>(n_prompt - length, 0)};
}

// A context that filled up with length tokens: half of those behind keep go.
inline Cut cut_context(Pos length, Pos keep) { return {keep, std::max<Pos>((length - keep) / 2, 1)}; }

}  // namespace po
