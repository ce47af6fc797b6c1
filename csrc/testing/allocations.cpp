#include "testing/allocations.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<size_t> count{0};
}

size_t po::allocations() noexcept { return count; }

void * operator new(size_t n) {
    ++count;
    if (void * p = std::malloc(n)) return p;
    throw std::bad_alloc();
}

void operator delete(void * p) noexcept { std::free(p); }
void operator delete(void * p, size_t) noexcept { std::free(p); }
