// Attention for the CPU whose result for a row depends on the row's own sequence and on nothing else: not on where in the
// KV pool its cells lie, not on the other rows of the batch, not on the number of threads.
//
// cmake/vendor_patches.toml includes this file in ggml's ops.cpp, in place of its flash attention, and lets the graph put
// behind each mask which position and which sequence every cell and row belongs to (Marks). For every row:
//   - the cells that its mask shows are visited in order of position;
//   - a row of a prompt (one that lies in a block of 16 aligned rows of its sequence, all in this batch) takes them in
//     tiles of 64 aligned positions, as matrix products;
//   - any other row takes them one by one in parts of 512, whose results are merged in order.
// Whoever cuts prompts into batches at multiples of 16 gets the same kernel for each row however often it cuts.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/prompt_block.hpp"

namespace po_attention {

constexpr int64_t kPart = 512;   // cells of a partial result
constexpr int64_t kTile = 64;    // rows, and cells, of a matrix product
constexpr int64_t kMasked = -1;  // no cell

// What the graph puts behind a mask; see llama_kv_cache::set_input_kq_mask. All null where it does not.
struct Marks {
    const int32_t * cell_pos = nullptr;  // of each cell
    const int32_t * row_seq = nullptr;   // of each row
    const int32_t * row_pos = nullptr;

    explicit Marks(const ggml_tensor * mask, int64_t n_rows) {
        if (!mask || mask->op != GGML_OP_VIEW || !mask->view_src || mask->ne[2] != 1 || mask->ne[3] != 1 ||
            mask->ne[1] != n_rows) {
            return;
        }
        const size_t begin = GGML_PAD(mask->nb[1] * mask->ne[1], sizeof(int32_t));
        if (begin + (mask->ne[0] + 2 * n_rows) * sizeof(int32_t) <= ggml_nbytes(mask->view_src)) {
            cell_pos = (const int32_t *) ((const char *) mask->data + begin);
            row_seq = cell_pos + mask->ne[0];
            row_pos = row_seq + n_rows;
        }
    }
};

// The tensors of one operation and their numbers.
struct Problem {
    const ggml_tensor *q, *k, *v, *mask, *sinks;
    ggml_tensor * dst;
    int64_t DK, DV, n_rows, n_heads, n_streams, n_kv;
    float scale, max_bias, softcap, m0, m1;
    int64_t n_head_log2;
    Marks marks;

    explicit Problem(ggml_tensor * out)
        : q(out->src[0]), k(out->src[1]), v(out->src[2]), mask(out->src[3]), sinks(out->src[4]), dst(out), DK(k->ne[0]),
          DV(v->ne[0]), n_rows(q->ne[1]), n_heads(q->ne[2]), n_streams(q->ne[3]), n_kv(k->ne[1]), marks(mask, n_rows) {
        memcpy(&scale, (const float *) out->op_params + 0, sizeof(float));
        memcpy(&max_bias, (const float *) out->op_params + 1, sizeof(float));
        memcpy(&softcap, (const float *) out->op_params + 2, sizeof(float));
        scale = softcap != 0 ? scale / softcap : scale;
        n_head_log2 = int64_t{1} << (int) floor(log2((double) n_heads));
        m0 = powf(2.0f, -max_bias / n_head_log2);
        m1 = powf(2.0f, -(max_bias / 2.0f) / n_head_log2);
    }

    float slope(int64_t h) const {
        if (max_bias <= 0) {
            return 1;
        }
        return h < n_head_log2 ? powf(m0, h + 1) : powf(m1, 2 * (h - n_head_log2) + 1);
    }
    const ggml_fp16_t * mask_row(int64_t row, int64_t head, int64_t stream) const {
        return mask ? (const ggml_fp16_t *) ((const char *) mask->data + row * mask->nb[1] +
                                             (head % mask->ne[2]) * mask->nb[2] + (stream % mask->ne[3]) * mask->nb[3])
                    : nullptr;
    }
    const float * query(int64_t row, int64_t head, int64_t stream) const {
        return (const float *) ((const char *) q->data + row * q->nb[1] + head * q->nb[2] + stream * q->nb[3]);
    }
    const char * key(int64_t head, int64_t stream) const {
        return (const char *) k->data + head / (n_heads / k->ne[2]) * k->nb[2] + stream / (n_streams / k->ne[3]) * k->nb[3];
    }
    const char * value(int64_t head, int64_t stream) const {
        return (const char *) v->data + head / (n_heads / v->ne[2]) * v->nb[2] + stream / (n_streams / v->ne[3]) * v->nb[3];
    }
    float * result(int64_t row, int64_t head, int64_t stream) const {
        return (float *) ((char *) dst->data + (stream * dst->ne[2] * dst->ne[1] + head + row * dst->ne[1]) * dst->nb[1]);
    }
    bool tiles_can() const {
        const bool floats = k->type == GGML_TYPE_F16 || k->type == GGML_TYPE_F32;
#if defined(__ARM_FEATURE_SVE)
        const bool whole = DV % (int64_t) svcntw() == 0;
#elif defined(GGML_SIMD) && !defined(__x86_64__) && !defined(_M_X64)
        const bool whole = DV % GGML_F32_EPR == 0;
#else
        const bool whole = true;
#endif
        return whole && floats && k->type == v->type && q->type == GGML_TYPE_F32;
    }
};

// Scratch of one thread, cut from its part of the graph's work buffer.
struct Scratch {
    int32_t * cells;   // visible ones, in order
    int32_t * places;  // for sorting
    uint8_t * shown;   // by any row of a tile
    int32_t * rows;    // those that take cells one by one
    int32_t * tiles;   // first row of each tile, then its rows
    float * floats;    // cache-aligned apart from the neighbours'

    static size_t ints(int64_t n_kv, int64_t n_rows) { return 3 * n_kv + 3 * n_rows + 16; }
    static size_t float_count(int64_t DK, int64_t DV) {
        const size_t tiled = 2 * kTile * DK + 2 * kTile * kTile + 2 * kTile * DV + DK;
        const size_t single = DK + 4 * DV + 64;
        return std::max(tiled, single) + 64;
    }
    static size_t bytes(int64_t DK, int64_t DV, int64_t n_kv, int64_t n_rows) {
        return GGML_PAD(sizeof(float) * (ints(n_kv, n_rows) + float_count(DK, DV)), 128);
    }

    Scratch(const Problem & p, void * base, int ith) {
        char * at = (char *) base + ith * bytes(p.DK, p.DV, p.n_kv, p.n_rows);
        cells = (int32_t *) at;
        places = cells + p.n_kv;
        shown = (uint8_t *) (places + p.n_kv);
        rows = places + 2 * p.n_kv;
        tiles = rows + p.n_rows;
        floats = (float *) (at + GGML_PAD(sizeof(float) * ints(p.n_kv, p.n_rows), 64));
    }
};

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

// A weighted sum of values as softmax makes it: the largest score, the sum of weights, the weighted values.
struct Sum {
    float largest = -INFINITY;
    float weights = 0;
    float * values;
};

// Adds what further cells gave. Never inlined: both callers must round alike.
#if defined(__GNUC__)
__attribute__((noinline))
#endif
void merge(Sum & into, const Sum & more, int64_t n) {
    if (more.weights == 0) {
        return;
    }
    const float largest = fmaxf(into.largest, more.largest);
    const float a = expf(into.largest - largest);
    const float b = expf(more.largest - largest);
    for (int64_t d = 0; d < n; ++d) {
        into.values[d] = into.values[d] * a + more.values[d] * b;
    }
    into.weights = into.weights * a + more.weights * b;
    into.largest = largest;
}

// A sink takes weight and gives no value.
inline void add_sink(Sum & sum, float score, int64_t n) {
    if (score > sum.largest) {
        const float shrink = expf(sum.largest - score);
        sum.largest = score;
        ggml_vec_scale_f32(n, sum.values, shrink);
        sum.weights = sum.weights * shrink + 1;
    } else {
        sum.weights += expf(score - sum.largest);
    }
}

// One row and head over a list of cells, one by one. sum.values holds DV floats, work DK + 2 * DV.
inline void attend_cells(const Problem & p, const ggml_fp16_t * mask, float slope, const void * query, const char * keys,
                         const char * values, const int32_t * cells, int64_t n, Sum & sum, float * work) {
    const ggml_vec_dot_t dot = ggml_get_type_traits_cpu(p.k->type)->vec_dot;
    const ggml_to_float_t to_float = ggml_get_type_traits(p.v->type)->to_float;
    const bool half = p.v->type == GGML_TYPE_F16;
    ggml_fp16_t * halves = (ggml_fp16_t *) work;  // values summed in half precision
    float * one = work + p.DV;                    // values of one cell
    memset(sum.values, 0, p.DV * sizeof(float));
    if (half) {
        memset(halves, 0, p.DV * sizeof(ggml_fp16_t));
    }
    for (int64_t i = 0; i < n; ++i) {
        const int64_t c = cells[i];
        float score;
        dot(p.DK, &score, 0, keys + c * p.k->nb[1], 0, query, 0, 1);
        score *= p.scale;
        if (p.softcap != 0) {
            score = p.softcap * tanhf(score);
        }
        if (mask) {
            score += slope * GGML_CPU_FP16_TO_FP32(mask[c]);
        }
        float shrink = 1;
        float weight = 1;
        const bool larger = score > sum.largest;
        if (larger) {
            shrink = expf(sum.largest - score);
            sum.largest = score;
        } else {
            weight = expf(score - sum.largest);
        }
        const char * value = values + c * p.v->nb[1];
        if (half) {
            if (larger) {
                ggml_vec_scale_f16(p.DV, halves, shrink);
            }
            ggml_vec_mad_f16(p.DV, halves, (const ggml_fp16_t *) value, weight);
        } else {
            if (larger) {
                ggml_vec_scale_f32(p.DV, sum.values, shrink);
            }
            if (to_float) {
                to_float(value, one, p.DV);
            }
            ggml_vec_mad_f32(p.DV, sum.values, to_float ? one : (const float *) value, weight);
        }
        sum.weights = sum.weights * shrink + weight;
    }
    if (half) {
        ggml_cpu_fp16_to_fp32(halves, sum.values, p.DV);
    }
}

// One part of the cells of a row and head. The first takes the sink.
inline void attend_part(const Problem & p, int64_t row, int64_t head, int64_t stream, const void * query, int64_t part,
                        const int32_t * cells, int64_t n_cells, Sum & sum, float * work) {
    const int64_t first = part * kPart;
    const int64_t n = std::min(kPart, n_cells - first);
    attend_cells(p, p.mask_row(row, head, stream), p.slope(head), query, p.key(head, stream), p.value(head, stream),
                 cells + first, n, sum, work);
    if (part == 0 && p.sinks) {
        add_sink(sum, ((const float *) p.sinks->data)[head], p.DV);
    }
}

inline void finish(const Problem & p, const Sum & sum, float * out) {
    ggml_vec_scale_f32(p.DV, sum.values, sum.weights == 0 ? 0 : 1 / sum.weights);
    memcpy(out, sum.values, p.DV * sizeof(float));
}

inline void quantize_query(const Problem & p, int64_t row, int64_t head, int64_t stream, float * out) {
    const ggml_type type = ggml_get_type_traits_cpu(p.k->type)->vec_dot_type;
    ggml_get_type_traits_cpu(type)->from_float(p.query(row, head, stream), out, p.DK);
}

// A row and head, all parts.
inline void attend_row(const Problem & p, int64_t row, int64_t head, int64_t stream, const int32_t * cells, int64_t n,
                       float * work) {
    float * query = work;
    Sum all, part;
    all.values = query + p.DK;
    part.values = all.values + p.DV;
    float * rest = part.values + p.DV;
    memset(all.values, 0, p.DV * sizeof(float));
    quantize_query(p, row, head, stream, query);
    for (int64_t i = 0; i == 0 || i * kPart < n; ++i) {
        part.largest = -INFINITY;
        part.weights = 0;
        attend_part(p, row, head, stream, query, i, cells, n, part, rest);
        merge(all, part, p.DV);
    }
    finish(p, all, p.result(row, head, stream));
}

// A tile of rows of one sequence and one head.
inline void attend_tile(const Problem & p, int64_t row, int64_t n_rows, int64_t head, int64_t stream, const int32_t * cells,
                        int64_t n_cells, bool aligned, float * work) {
    const float slope = p.slope(head);
    float * Q = work;                 // [n_rows][DK]
    float * K = Q + kTile * p.DK;     // [DK][kTile]
    float * scores = K + kTile * p.DK;        // [n_rows][kTile]
    float * masks = scores + kTile * kTile;   // the same
    float * sums = masks + kTile * kTile;     // [n_rows][DV]
    float * V = sums + kTile * p.DV;          // [kTile][DV]
    float * one = V + kTile * p.DV;           // a key
    float largest[kTile], weights[kTile];
    std::fill_n(largest, kTile, -INFINITY);
    std::fill_n(weights, kTile, 0.0f);
    memset(sums, 0, n_rows * p.DV * sizeof(float));
    for (int64_t r = 0; r < n_rows; ++r) {
        memcpy(Q + r * p.DK, p.query(row + r, head, stream), p.DK * sizeof(float));
    }
    const char * keys = p.key(head, stream);
    const char * values = p.value(head, stream);

    for (int64_t next = 0; next < n_cells;) {
        int32_t column_cell[kTile];
        std::fill_n(column_cell, kTile, (int32_t) kMasked);
        bool whole = true;  // all columns, from cells side by side
        if (aligned) {
            const int32_t tile = p.marks.cell_pos[cells[next]] / kTile;
            for (; next < n_cells && p.marks.cell_pos[cells[next]] / kTile == tile; ++next) {
                column_cell[p.marks.cell_pos[cells[next]] % kTile] = cells[next];
            }
        } else {
            for (int64_t c = 0; c < kTile && next < n_cells; ++c, ++next) {
                column_cell[c] = cells[next];
            }
        }
        for (int64_t c = 0; c < kTile; ++c) {
            const int64_t cell = column_cell[c];
            whole &= cell == column_cell[0] + c && column_cell[0] >= 0;
            if (cell < 0) {
                for (int64_t d = 0; d < p.DK; ++d) {
                    K[d * kTile + c] = 0;
                }
                memset(V + c * p.DV, 0, p.DV * sizeof(float));
                continue;
            }
            const char * key = keys + cell * p.k->nb[1];
            const char * value = values + cell * p.v->nb[1];
            const float * k32 = (const float *) key;
            if (p.k->type == GGML_TYPE_F16) {
                ggml_cpu_fp16_to_fp32((const ggml_fp16_t *) key, one, p.DK);
                ggml_cpu_fp16_to_fp32((const ggml_fp16_t *) value, V + c * p.DV, p.DV);
                k32 = one;
            } else {
                memcpy(V + c * p.DV, value, p.DV * sizeof(float));
            }
            for (int64_t d = 0; d < p.DK; ++d) {
                K[d * kTile + c] = k32[d];
            }
        }

        memset(scores, 0, n_rows * kTile * sizeof(float));
        simd_gemm(scores, Q, K, (int) n_rows, (int) p.DK, (int) kTile);
        ggml_vec_scale_f32(n_rows * kTile, scores, p.scale);
        if (p.softcap != 0) {
            ggml_vec_tanh_f32(n_rows * kTile, scores, scores);
            ggml_vec_scale_f32(n_rows * kTile, scores, p.softcap);
        }
        for (int64_t r = 0; r < n_rows; ++r) {
            const ggml_fp16_t * mask = p.mask_row(row + r, head, stream);
            float * out = masks + r * kTile;
            if (mask && whole && slope == 1) {
                ggml_cpu_fp16_to_fp32(mask + column_cell[0], out, kTile);
                continue;
            }
            for (int64_t c = 0; c < kTile; ++c) {
                out[c] = column_cell[c] < 0 ? -INFINITY : mask ? slope * GGML_CPU_FP16_TO_FP32(mask[column_cell[c]]) : 0;
            }
        }
        ggml_vec_add_f32(n_rows * kTile, scores, scores, masks);

        for (int64_t r = 0; r < n_rows; ++r) {
            float * line = scores + r * kTile;
            float most;
            ggml_vec_max_f32(kTile, &most, line);
            if (most == -INFINITY) {
                memset(line, 0, kTile * sizeof(float));
                continue;
            }
            if (most > largest[r]) {
                const float shrink = expf(largest[r] - most);
                ggml_vec_scale_f32(p.DV, sums + r * p.DV, shrink);
                weights[r] *= shrink;
                largest[r] = most;
            }
            weights[r] += ggml_vec_soft_max_f32(kTile, line, line, largest[r]);
        }
        simd_gemm(sums, scores, V, (int) n_rows, (int) kTile, (int) p.DV);
    }

    for (int64_t r = 0; r < n_rows; ++r) {
        Sum sum;
        sum.largest = largest[r];
        sum.weights = weights[r];
        sum.values = sums + r * p.DV;
        if (p.sinks) {
            add_sink(sum, ((const float *) p.sinks->data)[head], p.DV);
        }
        finish(p, sum, p.result(row + r, head, stream));
    }
}

// Which rows go in tiles, and which one by one.
struct Split {
    int64_t n_single = 0;
    int64_t n_tiles = 0;

    Split(const Problem & p, const Scratch & s) {
        for (int64_t row = 0; row < p.n_rows;) {
            int64_t end = row + 1;
            bool text = p.marks.row_seq;  // positions follow each other; those of an image do not
            while (end < p.n_rows && (!p.marks.row_seq || p.marks.row_seq[end] == p.marks.row_seq[row])) {
                text = text && p.marks.row_pos[end] == p.marks.row_pos[end - 1] + 1;
                ++end;
            }
            int64_t first = row, last = end;  // of the tiled ones
            if (text) {
                first = row + (kBlock - p.marks.row_pos[row] % kBlock) % kBlock;
                last = end - (p.marks.row_pos[row] + (end - row)) % kBlock;
            }
            if (first >= last || !p.tiles_can() || (!text && end - row < kTile)) {
                first = last = end;
            }
            for (int64_t r = row; r < first; ++r) {
                s.rows[n_single++] = (int32_t) r;
            }
            for (int64_t r = first; r < last; r += kTile, ++n_tiles) {
                s.tiles[2 * n_tiles] = (int32_t) r;
                s.tiles[2 * n_tiles + 1] = (int32_t) std::min(kTile, last - r);
            }
            for (int64_t r = last; r < end; ++r) {
                s.rows[n_single++] = (int32_t) r;
            }
            row = end;
        }
    }
};

// One row over several threads: each takes some parts of some heads, then they merge.
inline void forward_one(const ggml_compute_params * params, const Problem & p, const Scratch & s) {
    const int64_t ith = params->ith, nth = params->nth;
    const int64_t n = list_row(p, p.mask_row(0, 0, 0), s);
    const int64_t n_parts = std::max<int64_t>((n + kPart - 1) / kPart, 1);
    float * partials = (float *) ((char *) params->wdata + nth * Scratch::bytes(p.DK, p.DV, p.n_kv, p.n_rows));
    const int64_t stride = 2 + p.DV;
    const int64_t n_units = n_parts * p.n_heads;
    for (int64_t unit = ith * n_units / nth; unit < (ith + 1) * n_units / nth; ++unit) {
        const int64_t part = unit / p.n_heads, head = unit % p.n_heads;
        float * query = s.floats;
        quantize_query(p, 0, head, 0, query);
        float * out = partials + (head * n_parts + part) * stride;
        Sum sum;
        sum.values = out + 2;
        attend_part(p, 0, head, 0, query, part, s.cells, n, sum, query + p.DK);
        out[0] = sum.largest;
        out[1] = sum.weights;
    }
    ggml_barrier(params->threadpool);
    for (int64_t head = ith; head < p.n_heads; head += nth) {
        Sum all;
        all.values = s.floats;
        memset(all.values, 0, p.DV * sizeof(float));
        for (int64_t part = 0; part < n_parts; ++part) {
            float * partial = partials + (head * n_parts + part) * stride;
            Sum one;
            one.largest = partial[0];
            one.weights = partial[1];
            one.values = partial + 2;
            merge(all, one, p.DV);
        }
        finish(p, all, p.result(0, head, 0));
    }
}

inline void forward(const ggml_compute_params * params, ggml_tensor * dst) {
    const Problem p(dst);
    const Scratch s(p, params->wdata, params->ith);
    const bool masks_per_head = p.mask && p.mask->ne[2] != 1;
    if (p.n_rows == 1 && p.n_streams == 1 && !masks_per_head) {
        return forward_one(params, p, s);
    }
    const Split split(p, s);
    const int64_t n_tiled = split.n_tiles * p.n_heads * p.n_streams;
    const int64_t n_single = split.n_single * p.n_heads * p.n_streams;
    const int64_t grain = std::max<int64_t>(n_single / (4 * params->nth), 1);
    const int64_t n_units = n_tiled + (n_single + grain - 1) / grain;

    if (params->ith == 0) {
        ggml_threadpool_chunk_set(params->threadpool, params->nth);
    }
    ggml_barrier(params->threadpool);

    const ggml_fp16_t * listed = nullptr;  // the mask row whose cells are in s.cells
    int64_t listed_rows = 0;               // 1: of one row
    int64_t n = 0;
    bool aligned = false;
    for (int64_t unit = params->ith; unit < n_units; unit = ggml_threadpool_chunk_add(params->threadpool, 1)) {
        if (unit < n_tiled) {
            const int64_t head = unit % p.n_heads, stream = unit / p.n_heads / split.n_tiles;
            const int32_t * tile = s.tiles + 2 * (unit / p.n_heads % split.n_tiles);
            const ggml_fp16_t * mask = p.mask_row(tile[0], head, stream);
            if (n == 0 || mask != listed || listed_rows != tile[1]) {
                n = list_tile(p, tile[0], tile[1], head, stream, s, aligned);
                listed = mask;
                listed_rows = tile[1];
            }
            attend_tile(p, tile[0], tile[1], head, stream, s.cells, n, aligned, s.floats);
            continue;
        }
        const int64_t first = (unit - n_tiled) * grain;
        for (int64_t i = first; i < std::min(first + grain, n_single); ++i) {
            const int64_t head = i % p.n_heads, stream = i / p.n_heads / split.n_single;
            const int64_t row = s.rows[i / p.n_heads % split.n_single];
            const ggml_fp16_t * mask = p.mask_row(row, head, stream);
            if (n == 0 || mask != listed || listed_rows != 1) {
                n = list_row(p, mask, s);
                listed = mask;
                listed_rows = 1;
            }
            attend_row(p, row, head, stream, s.cells, n, s.floats);
        }
    }
}

inline size_t work_size(const ggml_tensor * dst, int n_tasks) {
    const int64_t DK = dst->src[1]->ne[0], DV = dst->src[2]->ne[0], n_kv = dst->src[1]->ne[1];
    const int64_t n_rows = dst->src[0]->ne[1], n_heads = dst->src[0]->ne[2];
    const int64_t n_parts = (n_kv + kPart - 1) / kPart;
    const size_t partials = n_rows == 1 ? sizeof(float) * n_heads * n_parts * (2 + DV) : 0;
    return n_tasks * Scratch::bytes(DK, DV, n_kv, n_rows) + partials + 128;
}

}  // namespace po_attention
