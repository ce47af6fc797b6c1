#include "engine/memory/cell_ledger.hpp"

#include <algorithm>

namespace po {

CellLedger::CellLedger(int64_t n_cells, int n_seqs)
    : seqs_(static_cast<size_t>(n_seqs)) {
    grow(n_cells);
}

void CellLedger::grow(int64_t n_cells) {
    holders_.resize(static_cast<size_t>(n_cells));
    free_.reserve(holders_.size());
    for (int64_t cell = n_cells; cell-- > total_;) {
        free_.push_back(static_cast<int32_t>(cell));
    }
    total_ = n_cells;
}

bool CellLedger::append(SeqId seq, int64_t count) {
    if (count > free()) {
        return false;
    }
    Sequence & s = seqs_[seq];
    for (int64_t i = 0; i < count; ++i) {
        const int32_t cell = free_.back();
        free_.pop_back();
        hold(cell, s.running);
        s.cells.push_back(cell);
    }
    return true;
}

void CellLedger::share(SeqId src, SeqId dst, Pos length) {
    const std::vector<int32_t> & from = seqs_[src].cells;
    Sequence & to = seqs_[dst];
    to.cells.assign(from.begin(), from.begin() + std::min<Pos>(length, static_cast<Pos>(from.size())));
    for (const int32_t cell : to.cells) {
        hold(cell, to.running);
    }
}

void CellLedger::remove(SeqId seq, Pos from, Pos to) {
    Sequence & s = seqs_[seq];
    to = std::min(to, length(seq));
    if (from >= to) {
        return;
    }
    const auto first = s.cells.begin() + from;
    const auto last = s.cells.begin() + to;
    std::for_each(first, last, [&](int32_t cell) { release(cell, s.running); });
    s.cells.erase(first, last);
}

void CellLedger::set_running(SeqId seq, bool running) {
    Sequence & s = seqs_[seq];
    if (s.running == running) {
        return;
    }
    s.running = running;
    for (const int32_t cell : s.cells) {
        Holders & h = holders_[cell];
        pinned_ += running ? (h.running++ == 0) : -(--h.running == 0);
    }
}

int64_t CellLedger::unpinned(SeqId seq, Pos length) const {
    const std::vector<int32_t> & cells = seqs_[seq].cells;
    const auto end = cells.begin() + std::min<Pos>(length, static_cast<Pos>(cells.size()));
    return std::count_if(cells.begin(), end, [this](int32_t cell) { return holders_[cell].running == 0; });
}

bool CellLedger::shares(SeqId seq, Pos from) const {
    const std::vector<int32_t> & cells = seqs_[seq].cells;
    return own(seq, from) != static_cast<int64_t>(cells.size()) - std::min<int64_t>(from, cells.size());
}

int64_t CellLedger::own(SeqId seq, Pos from) const {
    const std::vector<int32_t> & cells = seqs_[seq].cells;
    const auto begin = cells.begin() + std::min<Pos>(from, static_cast<Pos>(cells.size()));
    return std::count_if(begin, cells.end(), [this](int32_t cell) { return holders_[cell].all == 1; });
}

void CellLedger::hold(int32_t cell, bool running) {
    Holders & h = holders_[cell];
    ++h.all;
    if (running && h.running++ == 0) {
        ++pinned_;
    }
}

void CellLedger::release(int32_t cell, bool running) {
    Holders & h = holders_[cell];
    if (running && --h.running == 0) {
        --pinned_;
    }
    if (--h.all == 0) {
        free_.push_back(cell);
    }
}

}  // namespace po
