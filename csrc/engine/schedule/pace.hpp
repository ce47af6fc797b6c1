// How often the consumer of a fast stream is woken.
#pragma once

#include <cstdint>

namespace po {

// Pace lets the text of very short steps go out together. A small model makes a token every few milliseconds; waking
// the runner's main thread, the server and the client for each takes the processors from the next token.
// Threads: none of its own, the scheduler thread calls.
class Pace {
  public:
    // True: another step will have ended before anybody notices that this one's text waited.
    // now, step_ns: the clock and how long the last step took, in nanoseconds.
    bool may_wait(int64_t now, int64_t step_ns) const { return now + step_ns <= sent_ns_ + kUnnoticedNs; }

    void sent(int64_t now) { sent_ns_ = now; }

  private:
    static constexpr int64_t kUnnoticedNs = 20'000'000;  // 50 updates a second; a step longer than half is never held

    int64_t sent_ns_ = -kUnnoticedNs;
};

}  // namespace po
