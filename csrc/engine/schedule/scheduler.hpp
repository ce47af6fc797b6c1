// Scheduler runs all completions of a model together: each step computes one row for everyone who answers, then prompt
// rows as far as the time allows, and turns the results into events.
// Ownership: owns the requests, the KV pool and the prefix cache; borrows the rest. Threads: the scheduler thread.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "engine/schedule/admission.hpp"
#include "engine/cancel_board.hpp"
#include "engine/context.hpp"
#include "engine/events.hpp"
#include "engine/memory/kv_pool.hpp"
#include "engine/schedule/pace.hpp"
#include "engine/schedule/planner.hpp"
#include "engine/memory/prefix_cache.hpp"
#include "engine/schedule/request.hpp"

namespace po {

// How the KV pool gets more cells.
struct PoolGrowth {
    int64_t most = 0;                              // cells it may have
    std::function<bool(int64_t n_cells)> grow_to;  // false: no memory, all is as it was
};

class Scheduler {
  public:
    Scheduler(const Model & model, Context & context, CancelBoard & board, EventQueue & events, int n_running,
              PoolGrowth growth);

    // Cells the pool may have from now on. It never shrinks.
    void set_most_cells(int64_t most) { growth_.most = most; }

    void submit(std::unique_ptr<Request> request);
    bool idle() const { return running_.empty() && waiting_.empty() && parked_.empty(); }

    // Host memory of requests that wait or are parked: their tokens, and what they had in the pool.
    int64_t held_bytes() const;

    // One step for everyone. lost_context: the context is unusable and every request has been failed.
    Status step();

    // Ends every request: as cancelled, or as failed by why.
    void end_all();
    void fail_all(const Status & why);

  private:
    using Owned = std::unique_ptr<Request>;

    struct Work {  // the part of a request in a step
        Request * request;
        int rows;
        int output_row = -1;  // index in the batch of the row to sample from; -1: none
    };
    struct Source {  // where a prompt's beginning comes from
        PrefixCache::Found found;
        bool wait = false;  // a running prompt is about to compute a longer one
    };

    // Before a step: who takes part.
    void drop_cancelled();
    void resume_parked();
    void admit();
    Source find_source(const Request & request);
    void start(Owned request, Source & source);
    void shift_full();
    bool grow(int64_t lacking);
    PoolUse use() const;

    // The step.
    std::vector<Work> plan();
    std::vector<Work> rows_for_all() const;
    int stop_at_checkpoint(const Request & request, int rows) const;
    bool make_room(std::vector<Work> & work);
    int compute(std::vector<Work> & work);
    void collect(const std::vector<Work> & work);
    Status recover(int result, const std::vector<Work> & work);

    // Leaving.
    void park_youngest();
    void park(size_t index);  // of running_
    void release(Request & request);
    void end(Request & request);
    void fail(Request & request, const Status & why);
    void sweep();  // removes requests that ended
    void send(int64_t step_ns);  // the step's events, unless they may wait for the next step's
    void flush();

    Context & context_;
    CancelBoard & board_;
    EventQueue & events_;
    KvPool pool_;
    PoolGrowth growth_;
    int64_t no_growth_before_ns_ = 0;  // memory was short
    PrefixCache cache_{pool_};
    CostModel cost_;
    Pace pace_;
    std::vector<Owned> running_;
    std::deque<Owned> waiting_;
    std::deque<Owned> parked_;
    std::vector<Event> outbox_;
    uint64_t admitted_ = 0;
    bool fresh_ = false;  // a request came, which may have been cancelled on its way here
};

}  // namespace po
