#include "engine/watchdog.hpp"

namespace po {

Watchdog::~Watchdog() {
    {
        const std::lock_guard lock(mutex_);
        closing_ = true;
    }
    news_.notify_one();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void Watchdog::expect(std::chrono::nanoseconds time) {
    {
        const std::lock_guard lock(mutex_);
        end_ = Clock::now() + time;
        if (!thread_.joinable()) {
            thread_ = std::thread([this] { run(); });
        }
    }
    news_.notify_one();
}

void Watchdog::relax() noexcept {
    const std::lock_guard lock(mutex_);
    end_ = Clock::time_point::max();  // the thread finds out when it wakes
}

void Watchdog::run() {
    std::unique_lock lock(mutex_);
    while (!closing_) {
        if (end_ == Clock::time_point::max()) {
            news_.wait(lock);
        } else if (Clock::now() < end_) {
            const Clock::time_point end = end_;
            news_.wait_until(lock, end);
        } else {
            bark_();
            return;
        }
    }
}

}  // namespace po
