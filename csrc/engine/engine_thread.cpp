// The half of Engine that runs in its own thread: load, then serve until closed.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iterator>
#include <new>
#include <thread>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "engine/engine.hpp"

namespace po {
namespace {

constexpr float kWeightsPart = 0.95F;  // of the progress; context and warm-up are the rest
constexpr float kProgressStep = 0.01F;
constexpr int64_t kHeldStep = 1 << 20;  // bytes

int or_all_processors(int n) {
    return std::clamp(n > 0 ? n : static_cast<int>(std::thread::hardware_concurrency()), 1, GGML_MAX_N_THREADS);
}

}  // namespace

void Engine::run() noexcept {
    Status status;
    try {
        status = load();
        if (status) {
            status = serve();
        }
    } catch (const std::bad_alloc &) {
        status = Status::error(Code::no_memory, "out of memory");
    } catch (const std::exception & error) {
        status = Status::error(Code::internal, error.what());
    }
    if (status) {
        leave(State::closed, "the engine is closed");
    } else {
        leave(State::failed, status.text);
        events_.push(LoadFailed{status.text, wire_name(status.code)});  // also after a context was lost: this engine answers no more
    }
}

Status Engine::load() {
    const int64_t start = now_ns();
    spec_.n_threads = or_all_processors(spec_.n_threads);
    spec_.n_threads_batch = or_all_processors(spec_.n_threads_batch > 0 ? spec_.n_threads_batch : spec_.n_threads);
    spec_.n_batch = std::max(spec_.n_batch, 1);
    spec_.n_cells = whole_steps(spec_.n_cells);
    spec_.n_cells_start = spec_.n_cells_start > 0 ? std::min(whole_steps(spec_.n_cells_start), spec_.n_cells) : spec_.n_cells;
    spec_.n_ctx = std::max(spec_.n_ctx, 1);
    float told = -1;
    const auto progress = [&](float part) {
        if (part * kWeightsPart >= told + kProgressStep) {
            told = part * kWeightsPart;
            events_.push(Loading{told});
        }
        return !board_.closed();
    };
    Status status = Model::load(spec_, progress, model_);
    if (status) {
        status = load_parts();
    }
    if (status) {
        announce(now_ns() - start);
    }
    return status;
}

Status Engine::load_parts() {
    if (Status status = pools_.start(spec_.n_threads, spec_.n_threads_batch); !status) {
        return status;
    }
    embedder_ = std::make_unique<Embedder>(*model_, spec_, pools_, board_, events_);
    if (model_->pools() || !model_->causal()) {
        return embedder_->prepare();
    }
    Status status = Context::open_generator(*model_, spec_, spec_.n_cells_start, pools_, board_, context_);
    if (status) {
        status = context_->warm_up(*model_);
    }
    if (status) {
        most_ctx_ = spec_.n_cells;
        scheduler_ = std::make_unique<Scheduler>(
            *model_, *context_, board_, events_, running_limit(*model_, spec_),
            PoolGrowth{spec_.n_cells, [this](int64_t n_cells) { return grow_pool(n_cells); }});
    }
    return status;
}

// The old context is freed only when the new one has everything.
bool Engine::grow_pool(int64_t n_cells) {
    std::unique_ptr<Context> larger;
    if (!Context::open_generator(*model_, spec_, whole_steps(n_cells), pools_, board_, larger) ||
        !context_->move_to(*larger)) {
        return false;
    }
    larger.reset();
    measure();
    return true;
}

void Engine::announce(int64_t load_ns) {
    const Context & context = context_ ? *context_ : *embedder_->context();
    const MemorySize size = size_ = context.memory_size();
    Loaded loaded;
    loaded.n_ctx_train = model_->n_ctx_train();
    loaded.n_cells = context_ ? spec_.n_cells : llama_n_ctx(context.raw());
    loaded.n_vocab = model_->n_vocab();
    loaded.n_embd = model_->n_embd();
    loaded.adds_bos = model_->adds_bos();
    loaded.size = size.all;
    loaded.size_vram = size.vram;
    loaded.n_threads = spec_.n_threads;
    loaded.n_gpu_layers = model_->n_gpu_layers();
    loaded.load_ns = load_ns;
    {
        const std::lock_guard lock(mutex_);
        state_ = State::ready;
        events_.push(std::move(loaded));  // before any answer
    }
    text_news_.notify_one();
}

// Takes what was submitted, waiting for it if there is nothing else to do. false: the engine is to end.
bool Engine::intake() {
    std::vector<Job> jobs;
    {
        std::unique_lock lock(mutex_);
        const bool idle = (!scheduler_ || scheduler_->idle()) && embedder_->idle();
        const auto done = [&] { return idle && inbox_.empty() && texts_.empty() && !text_busy_; };
        const auto news = [&] { return !idle || !inbox_.empty() || board_.closed() || (closing_ && done()); };
        if (spare()) {
            news_.wait_for(lock, std::chrono::duration<float>(spec_.embed_idle_seconds), news);
        } else {
            news_.wait(lock, news);
        }
        if (board_.closed() || (closing_ && done())) {
            return false;
        }
        jobs.swap(inbox_);
    }
    for (const Job & job : jobs) {
        job();
    }
    return true;
}

// ok: closed. lost_context: the model has to be loaded anew.
Status Engine::serve() {
    Status status;
    while (status && intake()) {
        const int64_t start = now_ns();
        const bool text = scheduler_ && !scheduler_->idle();
        if (text) {
            status = scheduler_->step();
            measure_held();
        }
        const int64_t between = now_ns();
        const bool vectors = !embedder_->idle();
        if (vectors && (!text || embed_ahead_ns_ <= 0)) {
            embedder_->step(text);
            embedded_ns_ = now_ns();
            measure();
        }
        embed_ahead_ns_ = text && vectors ? embed_ahead_ns_ + (now_ns() - between) - (between - start) : 0;
        if (spare() && float(now_ns() - embedded_ns_) >= spec_.embed_idle_seconds * 1e9F) {
            embedder_->release();
            measure();
        }
    }
    return status;
}

// The context for vectors is there, and text is what the model is for.
bool Engine::spare() const { return scheduler_ && embedder_->idle() && embedder_->context(); }

// What requests hold that wait is told in steps, and given back to the system when it was much.
void Engine::measure_held() {
    const int64_t held = scheduler_->held_bytes();
    if (std::abs(held - held_) < kHeldStep && (held != 0 || held_ == 0)) {
        return;
    }
#if defined(__GLIBC__)
    if (held_ - held >= kHeldStep) {
        malloc_trim(0);
    }
#endif
    held_ = held;
    measure();
}

// Tells what the model takes, if that changed.
void Engine::measure() {
    if (!context_) {
        return;  // the context for vectors is the only one, and was announced
    }
    MemorySize size = context_->memory_size();
    size.all += static_cast<uint64_t>(held_);
    if (const Context * other = embedder_->context()) {
        const MemorySize more = other->memory_size(false);
        size.all += more.all;
        size.vram += more.vram;
    }
    if (size.all != size_.all || size.vram != size_.vram) {
        size_ = size;
        events_.push(Resized{size.all, size.vram});
    }
}

// From here on every submission is refused; those under way get their last event.
void Engine::leave(State state, const std::string & why) noexcept {
    std::vector<Job> jobs;
    {
        const std::lock_guard lock(mutex_);
        state_ = state;
        failure_ = why;
        jobs.swap(inbox_);
    }
    text_news_.notify_one();
    for (const Job & job : jobs) {
        job();
    }
    const Status status = Status::error(Code::model_error, why);
    if (scheduler_) {
        state == State::closed ? scheduler_->end_all() : scheduler_->fail_all(status);
    }
    if (embedder_) {
        state == State::closed ? embedder_->end_all() : embedder_->fail_all(status);
    }
}

}  // namespace po
