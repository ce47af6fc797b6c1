// Watchdog barks once when work that cannot be stopped is not done in time.
// Threads: one works and watches itself; barking happens in a thread of its own, which starts with the first watch.
#pragma once
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace po {

class Watchdog {
  public:
    explicit Watchdog(std::function<void()> bark) : bark_(std::move(bark)) {}
    ~Watchdog();
    Watchdog(const Watchdog &) = delete;
    Watchdog & operator=(const Watchdog &) = delete;

    // Watches while it lives. Throws std::system_error when there is no thread for it.
    class Watch {
      public:
        Watch(Watchdog & dog, std::chrono::nanoseconds time) : dog_(dog) { dog_.expect(time); }
        ~Watch() { dog_.relax(); }
        Watch(const Watch &) = delete;
        Watch & operator=(const Watch &) = delete;

      private:
        Watchdog & dog_;
    };

  private:
    using Clock = std::chrono::steady_clock;

    void expect(std::chrono::nanoseconds time);
    void relax() noexcept;
    void run();

    std::function<void()> bark_;
    std::mutex mutex_;
    std::condition_variable news_;
    Clock::time_point end_ = Clock::time_point::max();  // max: nothing is watched
    bool closing_ = false;
    std::thread thread_;
};

}  // namespace po
