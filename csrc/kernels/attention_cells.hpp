// Which cells rows attend to, in the order of their positions. For flash_attention.hpp, within ggml's ops.cpp.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "kernels/attention_problem.hpp"

namespace po_attention {

// Puts cells into the order of their positions. true: no two share one.
inline bool sort_cells(int32_t * cells, int64_t n, const int32_t * pos, int32_t * places, int64_t n_places) {
    bool sorted = true;
    bool distinct = true;
    int32_t low = INT32_MAX, high = INT32_MIN;
    for (int64_t i = 0; i < n; ++i) {
        const int32_t at = pos[cells[i]];
        sorted &= i == 0 || at >= pos[cells[i - 1]];
        distinct &= i == 0 || at != pos[cells[i - 1]];
        low = std::min(low, at);
        high = std::max(high, at);
    }
    if (sorted) {
        return distinct;
    }
    distinct = true;
    if (int64_t{high} - low < n_places) {  // nearly always: the positions of a sequence have no gaps
        std::fill_n(places, high - low + 1, (int32_t) kMasked);
        for (int64_t i = 0; i < n && distinct; ++i) {
            int32_t & place = places[pos[cells[i]] - low];
            distinct = place == kMasked;
            place = cells[i];
        }
        if (distinct) {
            int64_t out = 0;
            for (int32_t i = 0; i <= high - low; ++i) {
                if (places[i] != kMasked) {
                    cells[out++] = places[i];
                }
            }
            return true;
        }
    }
    std::sort(cells, cells + n, [pos](int32_t a, int32_t b) { return pos[a] != pos[b] ? pos[a] < pos[b] : a < b; });
    for (int64_t i = 1; i < n; ++i) {
        distinct &= pos[cells[i]] != pos[cells[i - 1]];
    }
    return distinct;
}

constexpr uint16_t kMinusInfinity = 0xFC00;  // in half precision

// The cells that one row sees.
inline int64_t list_row(const Problem & p, const ggml_fp16_t * mask, const Scratch & s) {
    int64_t n = 0;
    if (!mask) {
        for (; n < p.n_kv; ++n) {
            s.cells[n] = (int32_t) n;
        }
        return n;
    }
    uint16_t bits;
    for (int64_t c = 0; c < p.n_kv; ++c) {
        for (uint64_t four; c + 4 <= p.n_kv; c += 4) {  // most of a pool belongs to others
            memcpy(&four, mask + c, sizeof(four));
            if (four != 0xFC00FC00FC00FC00ULL) {
                break;
            }
        }
        if (c < p.n_kv) {
            memcpy(&bits, mask + c, sizeof(bits));
            s.cells[n] = (int32_t) c;
            n += bits != kMinusInfinity;
        }
    }
    if (p.marks.cell_pos) {
        sort_cells(s.cells, n, p.marks.cell_pos, s.places, p.n_kv);
    }
    return n;
}

// The cells that any of several rows sees. aligned: each has a position of its own.
inline int64_t list_tile(const Problem & p, int64_t row, int64_t n_rows, int64_t head, int64_t stream, const Scratch & s,
                         bool & aligned) {
    aligned = false;
    if (!p.mask) {
        return list_row(p, nullptr, s);
    }
    memset(s.shown, 0, p.n_kv);
    for (int64_t r = row; r < row + n_rows; ++r) {
        const uint16_t * mask = (const uint16_t *) p.mask_row(r, head, stream);
        for (int64_t c = 0; c < p.n_kv; ++c) {
            s.shown[c] |= mask[c] != kMinusInfinity;
        }
    }
    int64_t n = 0;
    for (int64_t c = 0; c < p.n_kv; ++c) {
        s.cells[n] = (int32_t) c;
        n += s.shown[c];
    }
    if (p.marks.cell_pos) {
        aligned = sort_cells(s.cells, n, p.marks.cell_pos, s.places, p.n_kv);
    }
    return n;
}

}  // namespace po_attention
