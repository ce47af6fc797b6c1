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
#include <cstdint>
#include <cstring>

#include "kernels/attention_cells.hpp"
#include "kernels/attention_problem.hpp"
#include "kernels/attention_rows.hpp"
#include "kernels/attention_tiles.hpp"
#include "kernels/prompt_block.hpp"

namespace po_attention {

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
