// Context is a llama_context with its threads and its abort flag, and the batch that goes into it.
// Ownership: frees the context; borrows model, thread pools and board. Threads: the scheduler thread.
#pragma once
#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "engine/cancel_board.hpp"
#include "engine/load_spec.hpp"
#include "engine/model.hpp"
#include "engine/status.hpp"
#include "engine/thread_pools.hpp"
#include "llama.h"

namespace po {

struct MemorySize {
    uint64_t all = 0;   // bytes: weights, KV pool and compute buffers
    uint64_t vram = 0;  // the part on GPUs
};

struct EmbedderShape {
    int rows = 0;            // most tokens of a batch
    int cells = 0;           // most tokens it remembers
    int seqs = 0;            // most inputs of a batch
    bool whole = false;      // inputs must lie in one batch: not causal, or pooled over all tokens
    bool by_token = false;   // a vector for every token, whatever the file says
};

// The number of cells that the library makes of it: whole steps of 256, counted in 32 bits.
inline int whole_steps(int64_t n_cells) {
    constexpr int64_t kStep = 256, kMost = std::numeric_limits<int32_t>::max() / kStep * kStep;
    return static_cast<int>(std::clamp((n_cells + kStep - 1) / kStep * kStep, kStep, kMost));
}

// How many requests may run at once on this model. Recurrent state is paid for by the sequence, so fewer there.
int running_limit(const Model & model, const LoadSpec & spec);

class Context {
  public:
    static constexpr int kNoMemory = -2;  // of decode()

    // For generating: one unified KV pool of n_cells, and outputs for as many rows as requests may run.
    // no_memory: nothing changed.
    static Status open_generator(const Model & model, const LoadSpec & spec, int64_t n_cells, const ThreadPools & pools,
                                 const CancelBoard & board, std::unique_ptr<Context> & out);

    // Moves all that is in the pool to a larger one and takes its place; what is left goes with `larger`.
    // no_memory: nothing changed.
    Status move_to(Context & larger) noexcept;

    static Status open_embedder(const Model & model, const LoadSpec & spec, const ThreadPools & pools,
                                const CancelBoard & board, const EmbedderShape & shape, std::unique_ptr<Context> & out);
    ~Context();
    Context(const Context &) = delete;
    Context & operator=(const Context &) = delete;

    // Computes the batch. Results are those of llama_decode (engine facts: 0, 1, 2, -1, below).
    int decode() noexcept;

    void clear_batch() { batch_.n_tokens = 0; }
    int rows() const { return batch_.n_tokens; }
    int most_rows() const { return most_rows_; }

    // Returns the row's index. REQUIRES: rows() < most_rows().
    int add(Token token, Pos pos, SeqId seq, bool output);

    Status warm_up(const Model & model);
    void forget_all();  // every position of every sequence
    MemorySize memory_size(bool with_weights = true) const;
    llama_context * raw() const { return context_; }

  private:
    Context() = default;
    static Status open(const Model & model, llama_context_params params, const LoadSpec & spec,
                       const ThreadPools & pools, const CancelBoard & board, std::unique_ptr<Context> & out);

    llama_context * context_ = nullptr;
    llama_batch batch_{};
    int most_rows_ = 0;
};

}  // namespace po
