// Rows of a prompt that take their cells in tiles, as matrix products. For flash_attention.hpp, within ggml's ops.cpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/attention_problem.hpp"
#include "kernels/attention_rows.hpp"

namespace po_attention {

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

}  // namespace po_attention
