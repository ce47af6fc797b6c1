// CancelBoard knows which requests are alive, which of them were cancelled, and whether the running step may stop.
// Ownership: ids only. Threads: any; the step calls belong to the scheduler thread.
#pragma once
#include <atomic>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "engine/types.hpp"

namespace po {

class CancelBoard {
  public:
    // false: a request of this id is alive.
    bool add(ReqId id);
    void remove(ReqId id) noexcept;

    // Marks a request; unknown ids are ignored. If all requests with rows in the running step are cancelled,
    // the step is told to stop. true: the mark is new.
    bool cancel(ReqId id) noexcept;
    bool cancelled(ReqId id) const noexcept;

    // Was anything cancelled since the last call? Cheap enough for every step.
    bool take_news() noexcept { return news_.load(std::memory_order_relaxed) && news_.exchange(false); }

    // Stops the running step and every later one.
    void close() noexcept;
    bool closed() const noexcept { return closed_.load(std::memory_order_relaxed); }

    // Brackets a computation for these requests. end_step() is safe without begin_step().
    void begin_step(const std::vector<ReqId> & ids);
    void end_step() noexcept;

    // To be polled by the computation: true asks it to stop.
    bool must_stop() const noexcept { return stop_.load(std::memory_order_relaxed); }

  private:
    mutable std::mutex mutex_;
    std::unordered_map<ReqId, bool> alive_;  // id to cancelled
    std::vector<ReqId> running_;
    size_t running_wanted_ = 0;  // of running_, those not cancelled
    std::atomic<bool> news_{false};
    std::atomic<bool> stop_{false};
    std::atomic<bool> closed_{false};
};

}  // namespace po
