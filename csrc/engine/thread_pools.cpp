#include "engine/thread_pools.hpp"

#include "llama.h"

namespace po {
namespace {

// By name from the registry, so that a backend loaded at run time works like one linked in.
template <typename Function> Function cpu_function(const char * name) {
    ggml_backend_dev_t cpu = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    return cpu ? reinterpret_cast<Function>(
                     ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(cpu), name))
               : nullptr;
}

ggml_threadpool * new_pool(int n_threads) {
    const auto create = cpu_function<decltype(&ggml_threadpool_new)>("ggml_threadpool_new");
    ggml_threadpool_params params = ggml_threadpool_params_default(n_threads);
    params.poll = 1;  // some milliseconds: enough between two steps, and an idle model leaves the processor alone
    return create ? create(&params) : nullptr;
}

void free_pool(ggml_threadpool * pool) {
    const auto release = cpu_function<decltype(&ggml_threadpool_free)>("ggml_threadpool_free");
    if (pool && release) {
        release(pool);
    }
}

}  // namespace

ThreadPools::~ThreadPools() {
    if (batch_ != single_) {
        free_pool(batch_);
    }
    free_pool(single_);
}

Status ThreadPools::start(int n_threads, int n_threads_batch) {
    n_threads_ = n_threads;
    n_threads_batch_ = n_threads_batch;
    single_ = new_pool(n_threads);
    batch_ = n_threads == n_threads_batch ? single_ : new_pool(n_threads_batch);
    return single_ && batch_ ? Status{} : Status::error(Code::no_memory, "the compute threads could not be started");
}

void ThreadPools::attach(llama_context * context) const {
    llama_set_n_threads(context, n_threads_, n_threads_batch_);
    llama_attach_threadpool(context, single_, batch_);
}

}  // namespace po
