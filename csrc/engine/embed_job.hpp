// EmbedJob is one request for vectors, and pick_job() decides whose text is computed next.
// Ownership: its texts and vectors. Threads: the scheduler thread.
#pragma once
#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "engine/status.hpp"
#include "engine/types.hpp"

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
    std::vector<std::string> vectors;  // float32 bytes, of the inputs before next
    size_t next = 0;                   // the first input that no batch has had yet
    int64_t n_tokens = 0;
    int64_t served = 0;  // rows computed, on the clock that all requests share
    int64_t rows_left = 0;
    Status failure;      // why it will not be answered
    int failed_input = -1;

    bool waits() const { return failure && next < inputs.size(); }
};

// A request that arrives starts where the one served least stands: it has no claim on the past and owes nothing.
inline int64_t served_least(const std::deque<EmbedJob> & jobs) {
    int64_t least = jobs.empty() ? 0 : jobs.front().served;
    for (const EmbedJob & job : jobs) {
        least = std::min(least, job.served);
    }
    return least;
}

// Of those with inputs left, the one served least; of equals the shorter. jobs.size(): none has any.
// So a single text waits for the batch under way and no other, however many texts came before it.
inline size_t pick_job(const std::deque<EmbedJob> & jobs) {
    size_t best = jobs.size();
    for (size_t i = 0; i < jobs.size(); ++i) {
        if (!jobs[i].waits() || (best < jobs.size() && jobs[i].served > jobs[best].served)) {
            continue;
        }
        if (best == jobs.size() || jobs[i].served < jobs[best].served || jobs[i].rows_left < jobs[best].rows_left) {
            best = i;
        }
    }
    return best;
}

}  // namespace po
