// A row that takes its cells one by one, in parts whose results are merged in order. For flash_attention.hpp, within
// ggml's ops.cpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/attention_problem.hpp"

namespace po_attention {

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

}  // namespace po_attention
