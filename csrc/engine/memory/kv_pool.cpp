#include "engine/memory/kv_pool.hpp"

#include <algorithm>
#include <new>

namespace po {
namespace {

// Recurrent state is one cell per id of the context, and there are none above.
int ids(const Context & context, const Model & model) {
    const uint32_t most = model.recurrent() ? llama_n_seq_max(context.raw())
                                            : static_cast<uint32_t>(llama_max_parallel_sequences());
    return static_cast<int>(most);
}

}  // namespace

KvPool::KvPool(Context & context, const Model & model, int n_running)
    : context_(context), n_running_(n_running), ledger_(llama_n_ctx(context.raw()), ids(context, model)) {
    traits_.cuts = !model.recurrent();
    traits_.shifts = !model.recurrent() && llama_memory_can_shift(memory());
    traits_.window = model.window();
    for (SeqId id = ids(context, model); id-- > 0;) {
        (id < n_running ? free_running_ : free_idle_).push_back(id);
    }
}

SeqId KvPool::open() {
    const SeqId seq = free_running_.back();
    free_running_.pop_back();
    ledger_.set_running(seq, true);
    return seq;
}

bool KvPool::can_fork(SeqId src, Pos length) const {
    if (!traits_.cuts) {
        return ledger_.length(src) == length;
    }
    return traits_.window == 0 || llama_memory_seq_pos_min(memory(), src) <= std::max(0, length - traits_.window);
}

void KvPool::fork(SeqId src, SeqId dst, Pos length) {
    llama_memory_seq_cp(memory(), src, dst, 0, length);
    ledger_.share(src, dst, length);
}

Pos KvPool::verify(SeqId seq) {
    const Pos there = llama_memory_seq_pos_max(memory(), seq) + 1;
    const Pos known = ledger_.length(seq);
    if (there < known) {
        ledger_.remove(seq, there, known);
    } else {
        ledger_.append(seq, there - known);
    }
    return there;
}

void KvPool::cut(SeqId seq, Pos end) {
    llama_memory_seq_rm(memory(), seq, end, -1);
    ledger_.remove(seq, end, ledger_.length(seq));
}

void KvPool::drop(SeqId seq) {
    cut(seq, 0);
    ledger_.set_running(seq, false);
    (seq < n_running_ ? free_running_ : free_idle_).push_back(seq);
}

SeqId KvPool::copy(SeqId seq) {
    const SeqId idle = free_idle_.back();
    free_idle_.pop_back();
    fork(seq, idle, ledger_.length(seq));
    return idle;
}

void KvPool::shift(SeqId seq, Pos keep, Pos discard) {
    llama_memory_seq_rm(memory(), seq, keep, keep + discard);
    llama_memory_seq_add(memory(), seq, keep + discard, -1, -discard);
    ledger_.remove(seq, keep, keep + discard);
}

Status KvPool::save(SeqId seq, std::vector<uint8_t> & state) {
    try {
        state.resize(llama_state_seq_get_size(context_.raw(), seq));
        state.resize(llama_state_seq_get_data(context_.raw(), state.data(), state.size(), seq));
    } catch (const std::exception &) {
        state.clear();
    }
    if (state.empty()) {
        state.shrink_to_fit();
        return Status::error(Code::no_memory, "the state of a request could not be saved");
    }
    drop(seq);
    return {};
}

Status KvPool::restore(SeqId seq, const std::vector<uint8_t> & state, Pos length) {
    size_t read = 0;
    try {
        read = llama_state_seq_set_data(context_.raw(), state.data(), state.size(), seq);
    } catch (const std::exception &) {
    }
    if (read == 0 || verify(seq) != length) {
        cut(seq, 0);
        return Status::error(Code::no_memory, "the state of a request could not be restored");
    }
    return {};
}

}  // namespace po
