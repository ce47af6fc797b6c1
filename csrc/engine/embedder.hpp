// Embedder turns token lists into vectors, many per batch, in a context of its own that is made when first needed.
// A vector depends on its text alone: what else is in the batch changes no bit of it (on CPUs; GPUs choose their kernels
// by the size of a batch). For that, batches have kLeastRows rows at least and a multiple of kRowStep, because with fewer
// the CPU's matrix kernels are others, and means are taken here.
// Ownership: owns its context and jobs; borrows the rest. Threads: the scheduler thread.
#pragma once
#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "engine/cancel_board.hpp"
#include "engine/context.hpp"
#include "engine/embed_job.hpp"
#include "engine/events.hpp"
#include "engine/load_spec.hpp"
#include "engine/model.hpp"
#include "engine/thread_pools.hpp"

namespace po {

class Embedder {
  public:
    Embedder(const Model & model, const LoadSpec & spec, const ThreadPools & pools, CancelBoard & board,
             EventQueue & events);

    // The most tokens of one input, begin and end tokens included. Any thread.
    int limit(const EmbedSpec & spec) const { return std::clamp(spec.n_ctx, 1, most_tokens_); }

    // The event for an input of n tokens that may not be cut, and what it says. Any thread.
    Failed too_long(const EmbedSpec & spec, int64_t n_tokens, Status & status) const;

    // Makes the context and warms it up, unless that was done.
    Status prepare();

    // Frees the context. REQUIRES: idle().
    void release() { context_.reset(); }
    const Context * context() const { return context_.get(); }

    // Checks lengths and cuts what is too long, keeping the last token if it is a special one.
    void submit(EmbedJob job);
    bool idle() const { return jobs_.empty(); }

    // One batch of inputs, from one or several jobs. shared: others wait for the processors, so it is a short one.
    void step(bool shared);

    // Ends every job: as cancelled, or as failed by why.
    void end_all();
    void fail_all(const Status & why);

  private:
    struct Input {
        size_t job;
        size_t index;
        const Tokens * tokens;
    };

    void drop_cancelled();
    std::vector<Input> next_inputs(size_t most_rows);
    size_t most_rows(bool shared) const;
    Status run(const std::vector<Input> & inputs);
    Status run_whole(const std::vector<Input> & inputs);
    Status run_last(const std::vector<Input> & inputs);
    Status run_heads(const std::vector<Input> & inputs);
    Status decode(bool output);
    Status read_vectors(const std::vector<Input> & inputs);
    const float * vector_of(size_t seq, size_t first_row, size_t n_rows);
    Status fit(const EmbedSpec & spec, Tokens & input, Failed & failed) const;
    void sweep();  // jobs that are complete or failed
    void finish(size_t job);
    void fail(size_t job, const Status & why);
    void take_out(size_t job);

    const Model & model_;
    const LoadSpec & spec_;
    const ThreadPools & pools_;
    CancelBoard & board_;
    EventQueue & events_;
    std::unique_ptr<Context> context_;
    std::deque<EmbedJob> jobs_;
    std::vector<float> mean_;  // of one input
    double ns_per_row_ = 0;    // of the last batch; 0: none yet
    Pos n_padding_ = 0;        // rows of the padding sequence so far
    size_t n_added_ = 0;       // tokens that the tokenizer adds to a text
    bool whole_;               // inputs must lie in one batch
    bool means_;               // vectors are means, taken here
    bool alone_;               // one input a batch: its parts would be cut by what lies beside it
    int rows_;                 // most rows of a batch
    int most_tokens_;
};

}  // namespace po
