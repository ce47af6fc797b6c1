// Random numbers that are the same on every platform: the standard fixes mt19937, but not its distributions.
#pragma once
#include <cstdint>
#include <random>

namespace po {

class Random {
  public:
    // Negative: a random seed (may throw where the system has no source). Else its low 32 bits; 0 is a seed like any.
    explicit Random(int64_t seed) : engine_(seed < 0 ? std::random_device{}() : static_cast<uint32_t>(seed)) {}

    // A multiple of 2^-53 in [0, 1).
    double uniform() noexcept {
        const double high = static_cast<double>(engine_() >> 5);
        const double low = static_cast<double>(engine_() >> 6);
        return (high * 0x1p26 + low) * 0x1p-53;
    }

  private:
    std::mt19937 engine_;
};

}  // namespace po
