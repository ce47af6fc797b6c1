// CellLedger counts the cells of the KV pool exactly: which sequences hold which, and who shares.
// It mirrors what the unified memory of libllama does with cells, without touching it.
// Ownership: numbers only. Threads: the scheduler thread.
// Cost: proportional to the tokens of a call; counts are O(1).
#pragma once
#include <cstdint>
#include <vector>

#include "engine/types.hpp"

namespace po {

class CellLedger {
  public:
    CellLedger(int64_t n_cells, int n_seqs);

    // Adds free cells up to n_cells in all.
    void grow(int64_t n_cells);

    // Adds count fresh cells to the end of seq. false: not that many are free; nothing changed.
    bool append(SeqId seq, int64_t count);

    // dst, which must be empty, holds the first length cells of src as well.
    void share(SeqId src, SeqId dst, Pos length);

    // Drops the cells [from, to) of seq; those after move up. A cell that no sequence holds is free.
    void remove(SeqId seq, Pos from, Pos to);

    // A running sequence pins its cells; the others' could be freed by dropping these sequences.
    void set_running(SeqId seq, bool running);

    Pos length(SeqId seq) const { return static_cast<Pos>(seqs_[seq].cells.size()); }
    int64_t total() const { return total_; }
    int64_t free() const { return static_cast<int64_t>(free_.size()); }
    int64_t pinned() const { return pinned_; }  // held by running sequences

    // Of the first length cells of seq: how many no running sequence holds.
    int64_t unpinned(SeqId seq, Pos length) const;

    // Does another sequence hold a cell of seq at or after from?
    bool shares(SeqId seq, Pos from) const;

    // The cells that would be free if seq ended at from.
    int64_t own(SeqId seq, Pos from) const;

  private:
    struct Sequence {
        std::vector<int32_t> cells;
        bool running = false;
    };
    struct Holders {
        uint16_t all = 0;
        uint16_t running = 0;
    };

    void hold(int32_t cell, bool running);
    void release(int32_t cell, bool running);

    int64_t total_ = 0;
    int64_t pinned_ = 0;
    std::vector<Sequence> seqs_;
    std::vector<Holders> holders_;
    std::vector<int32_t> free_;
};

}  // namespace po
