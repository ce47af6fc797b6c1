// The clock that all durations are measured with.
#pragma once
#include <chrono>
#include <cstdint>

namespace po {

// Nanoseconds since some moment before the process began to work; never goes back.
inline int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace po
