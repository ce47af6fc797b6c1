// Embedder turns token lists into vectors, many per batch, in a context of its own that is made when first needed.
// Ownership: owns its context and jobs; borrows the rest. Threads: the scheduler thread.
#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "engine/cancel_board.hpp"
#include "engine/context.hpp"
#include "engine/events.hpp"
#include "engine/load_spec.hpp"
#include "engine/model.hpp"
#include "engine/thread_pools.hpp"

namespace po {

// The fields of Embed in pyollama/wire/runner.py.
struct EmbedSpec {
    ReqId id = 0;
    int n_ctx = 4096;
    bool truncate = true;
    bool normalize = true;
};

struct EmbedJob {
    EmbedSpec spec;
    std::vector<Tokens> inputs;
    std::vector<std::string> vectors;  // float32 bytes, as far as computed
    int64_t n_tokens = 0;
    Status failure;  // why it will not be answered
};

class Embedder {
  public:
    Embedder(const Model & model, const LoadSpec & spec, const ThreadPools & pools, CancelBoard & board,
             EventQueue & events);

    // The most tokens one input can have.
    int most_tokens() const { return most_tokens_; }

    // Makes the context and warms it up, unless that was done.
    Status prepare();
    const Context * context() const { return context_.get(); }

    // Checks lengths and cuts what is too long, keeping the last token if it is a special one.
    void submit(EmbedJob job);
    bool idle() const { return jobs_.empty(); }

    // One batch of inputs, from one or several jobs.
    void step();

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
    std::vector<Input> next_inputs() const;
    Status run(const std::vector<Input> & inputs);
    Status run_whole(const std::vector<Input> & inputs);
    Status run_last(const std::vector<Input> & inputs);
    Status run_heads(const std::vector<Input> & inputs);
    Status decode();
    Status read_vectors(const std::vector<Input> & inputs);
    void sweep();  // jobs that are complete or failed
    void finish(size_t job);
    void fail(size_t job, const Status & why, int64_t n_tokens = 0, int64_t n_ctx = 0);

    const Model & model_;
    const LoadSpec & spec_;
    const ThreadPools & pools_;
    CancelBoard & board_;
    EventQueue & events_;
    std::unique_ptr<Context> context_;
    std::deque<EmbedJob> jobs_;
    bool whole_;  // inputs must lie in one batch
    int rows_;    // most rows of a batch
    int most_tokens_;
};

}  // namespace po
