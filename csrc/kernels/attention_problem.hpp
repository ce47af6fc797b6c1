// One attention operation: its tensors, what the graph says about cells and rows, and the scratch of its threads.
// For flash_attention.hpp, within ggml's ops.cpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

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

}  // namespace po_attention
