// Counts what a test allocates: replaces the global operator new of the program it is linked into.
#pragma once
#include <cstddef>

namespace po {

// Calls of operator new so far, in all threads.
size_t allocations() noexcept;

}  // namespace po
