#include "engine/work_limit.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

extern void (*po_checkpoint)(size_t bytes);  // of the vendored tree

namespace po {
namespace {

constexpr size_t kStepsPerAsk = 1024;
constexpr size_t kBytesPerStep = 1024;

thread_local WorkLimit * limit_of_thread = nullptr;

}  // namespace

Status WorkStopped::status(const std::string & what) const {
    switch (why) {
        case Why::cancelled: return Status::error(Code::cancelled, "cancelled");
        case Why::time:      return Status::error(Code::model_error, what + " did not end in time");
        default:             return Status::error(Code::model_error, what + " makes too much text");
    }
}

WorkLimit::WorkLimit(Bounds bounds) : bounds_(std::move(bounds)), outer_(limit_of_thread) {
    const auto now = std::chrono::steady_clock::now();
    end_ = now + std::min<std::chrono::nanoseconds>(bounds_.time, std::chrono::steady_clock::time_point::max() - now);
    limit_of_thread = this;
}

WorkLimit::~WorkLimit() { limit_of_thread = outer_; }

void WorkLimit::step(size_t bytes) {
    WorkLimit * limit = limit_of_thread;
    if (!limit) {
        return;
    }
    limit->bytes_ += bytes;
    limit->unasked_ += 1 + bytes / kBytesPerStep;
    if (limit->unasked_ >= kStepsPerAsk || limit->bytes_ > limit->bounds_.bytes) {
        limit->unasked_ = 0;
        limit->ask();
    }
}

void WorkLimit::ask() {
    if (bytes_ > bounds_.bytes) {
        throw WorkStopped{WorkStopped::Why::memory};
    }
    if (bounds_.cancelled && bounds_.cancelled()) {
        throw WorkStopped{WorkStopped::Why::cancelled};
    }
    if (std::chrono::steady_clock::now() > end_) {
        throw WorkStopped{WorkStopped::Why::time};
    }
}

void WorkLimit::install() {
    static std::once_flag once;
    std::call_once(once, [] { po_checkpoint = &WorkLimit::step; });
}

}  // namespace po
