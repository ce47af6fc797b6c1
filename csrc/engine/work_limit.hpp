// WorkLimit ends long work on text inside the vendored code: tokenising, and running a chat template.
// That code calls po_checkpoint in its loops (cmake/vendor_patches.toml), which asks the limit of its thread.
// Threads: a limit holds for the thread that made it, while it lives; limits of one thread nest like its blocks.
#pragma once
#include <chrono>
#include <cstddef>
#include <functional>
#include <limits>
#include <string>

#include "engine/status.hpp"

namespace po {

// What leaves the vendored code when a limit is passed. No std::exception, for that code swallows those.
struct WorkStopped {
    enum class Why { cancelled, time, memory } why;

    // cancelled, or model_error with a sentence about `what`, as in "the model's chat template".
    Status status(const std::string & what) const;
};

class WorkLimit {
  public:
    struct Bounds {
        std::function<bool()> cancelled;  // asked about once a thousand steps; none: never
        std::chrono::nanoseconds time = std::chrono::nanoseconds::max();
        size_t bytes = std::numeric_limits<size_t>::max();  // of text made in all, kept or not
    };

    explicit WorkLimit(Bounds bounds);
    ~WorkLimit();
    WorkLimit(const WorkLimit &) = delete;
    WorkLimit & operator=(const WorkLimit &) = delete;

    // One step of the thread's work, which makes so many bytes. Throws WorkStopped; without a limit it does nothing.
    static void step(size_t bytes = 0);

    // Lets the vendored code call step(). To be called before that code works; once is enough, more does no harm.
    static void install();

  private:
    void ask();

    Bounds bounds_;
    std::chrono::steady_clock::time_point end_;
    WorkLimit * outer_;
    size_t bytes_ = 0;       // made so far
    size_t unasked_ = 0;     // steps since the last ask(), and bytes in units of kBytesPerStep
};

}  // namespace po
