// When a request may start: cells are promised before they are needed. Plain functions over counts of cells.
#pragma once
#include <algorithm>
#include <cstdint>

namespace po {

// Cells set aside for the answer of a running request. More would keep others waiting for answers that stay short;
// what an answer needs beyond is found when it gets there, by evicting or by parking the youngest.
constexpr int64_t kAnswerReserve = 128;

// Cells a request still takes: prompt rows not yet computed, and the beginning of its answer.
inline int64_t cells_claimed(int64_t rows_left, int64_t answer_left) {
    return rows_left + std::clamp<int64_t>(answer_left, 0, kAnswerReserve);
}

struct PoolUse {
    int64_t total = 0;    // cells of the pool
    int64_t pinned = 0;   // held by running requests
    int64_t claimed = 0;  // promised to them: the sum of their cells_claimed()
    int running = 0;
};

// Cells that the pool is too small by for a request that takes `needed`; negative: so many would be left.
inline int64_t lacking(const PoolUse & use, int64_t needed) { return use.pinned + use.claimed + needed - use.total; }

// May a request that takes `needed` cells start? One always may, so that nothing waits for ever.
inline bool admits(const PoolUse & use, int64_t needed) {
    return use.running == 0 || lacking(use, needed) <= 0;
}

}  // namespace po
