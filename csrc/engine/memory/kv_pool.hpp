// KvPool owns every sequence id and makes every llama_memory_* call of the generating context.
// Running sequences have the low ids, which may appear in batches; idle ones, kept for their prefixes, the high ids,
// so that the library need not reserve outputs for them.
// Ownership: borrows the context, which the Engine frees after the pool. Threads: the scheduler thread.
#pragma once
#include <cstdint>
#include <vector>

#include "engine/memory/cell_ledger.hpp"
#include "engine/context.hpp"
#include "engine/status.hpp"
#include "engine/types.hpp"

namespace po {

// What the memory of a model can do.
struct MemoryTraits {
    bool cuts = true;    // a sequence can be shortened to any length; false: recurrent state
    bool shifts = true;  // positions can move
    int window = 0;      // sliding attention in tokens; 0: none
};

class KvPool {
  public:
    KvPool(Context & context, const Model & model, int n_running);
    KvPool(const KvPool &) = delete;
    KvPool & operator=(const KvPool &) = delete;

    const MemoryTraits & traits() const { return traits_; }
    const CellLedger & cells() const { return ledger_; }
    bool full() const { return free_running_.empty(); }       // no id for another running sequence
    bool idle_full() const { return free_idle_.empty(); }     // none for another idle one

    // Reads the size of the context anew, which has become larger with all that was in it.
    void grown() { ledger_.grow(llama_n_ctx(context_.raw())); }

    // An empty running sequence. REQUIRES: !full().
    SeqId open();

    // May a sequence begin with the first length tokens of src? False for recurrent state unless src ends there,
    // and when a sliding window has moved past it.
    bool can_fork(SeqId src, Pos length) const;

    // dst, fresh from open(), holds the first length tokens of src too; costs no cells.
    // REQUIRES: can_fork(src, length).
    void fork(SeqId src, SeqId dst, Pos length);

    // Counts rows that a decode has stored. REQUIRES: count <= cells().free().
    void stored(SeqId seq, int64_t count) { ledger_.append(seq, count); }

    // After a decode that failed: reads what of seq is really there. Returns its length.
    Pos verify(SeqId seq);

    void cut(SeqId seq, Pos end);  // REQUIRES: traits().cuts or end == 0
    void drop(SeqId seq);          // frees the id as well

    // An idle sequence that holds what a running one holds now. REQUIRES: !idle_full().
    SeqId copy(SeqId seq);

    // Removes discard tokens behind keep and moves the rest up.
    // REQUIRES: traits().shifts, and no other sequence shares cells behind keep + discard.
    void shift(SeqId seq, Pos keep, Pos discard);

    // Saves a running sequence to host memory and frees it, or the reverse into a fresh one.
    // no_memory: state is empty, the sequence unchanged; restore: the sequence is empty.
    Status save(SeqId seq, std::vector<uint8_t> & state);
    Status restore(SeqId seq, const std::vector<uint8_t> & state, Pos length);

  private:
    llama_memory_t memory() const { return llama_get_memory(context_.raw()); }

    Context & context_;
    MemoryTraits traits_;
    int n_running_;
    CellLedger ledger_;
    std::vector<SeqId> free_running_;
    std::vector<SeqId> free_idle_;
};

}  // namespace po
