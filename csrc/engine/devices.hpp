// The compute devices of this machine, for the memory plan and for `pyollama doctor`.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace po {

struct Device {
    std::string name;
    std::string description;
    std::string kind;  // "cpu", "gpu", "igpu", "accel"
    uint64_t memory_free = 0;  // bytes
    uint64_t memory_total = 0;
};

// Any thread. Memory of the CPU is the machine's, whatever the cgroup allows.
std::vector<Device> devices();

}  // namespace po
