// ThreadPools are the compute threads of a model: one pool for steps of one row, one for all others.
// Without them the library would create and join threads for every step.
// Ownership: frees the pools; contexts they are attached to must be gone. Threads: one context computes at a time.
#pragma once
#include "engine/status.hpp"

struct ggml_threadpool;
struct llama_context;

namespace po {

class ThreadPools {
  public:
    ThreadPools() = default;
    ~ThreadPools();
    ThreadPools(const ThreadPools &) = delete;
    ThreadPools & operator=(const ThreadPools &) = delete;

    // Equal counts share one pool. no_memory: the system gave no threads.
    Status start(int n_threads, int n_threads_batch);
    void attach(llama_context * context) const;

    int n_threads() const { return n_threads_; }
    int n_threads_batch() const { return n_threads_batch_; }

  private:
    ggml_threadpool * single_ = nullptr;
    ggml_threadpool * batch_ = nullptr;  // may be the same
    int n_threads_ = 0;
    int n_threads_batch_ = 0;
};

}  // namespace po
