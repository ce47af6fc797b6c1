// Through ggml's own operation: what the vendored tree computes with our patches.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>
#include <vector>

#include "ggml-cpu.h"
#include "ggml.h"

namespace {

constexpr int kWidth = 32;  // of a head
constexpr int kHeads = 4, kKvHeads = 2;

struct Row {
    int seq;
    int pos;
};

// The same numbers for the same sequence and position, wherever they come to lie.
std::vector<float> numbers(int kind, int seq, int pos, int n) {
    std::mt19937 random(static_cast<unsigned>(kind * 1000003 + seq * 10007 + pos));
    std::normal_distribution<float> normal;
    std::vector<float> out(static_cast<size_t>(n));
    for (float & x : out) x = normal(random);
    return out;
}

// A KV pool: which token each cell holds; seq -1: none.
using Pool = std::vector<Row>;

Pool pool_of(int n_cells, const std::vector<int> & lengths, unsigned shuffle) {
    Pool pool;
    for (size_t seq = 0; seq < lengths.size(); ++seq) {
        for (int pos = 0; pos < lengths[seq]; ++pos) pool.push_back({static_cast<int>(seq), pos});
    }
    pool.resize(static_cast<size_t>(n_cells), Row{-1, -1});
    if (shuffle) {
        std::mt19937 random(shuffle);
        std::shuffle(pool.begin(), pool.end(), random);
    }
    return pool;
}

struct Setting {
    int threads = 1;
    int window = 0;  // sliding; 0: none
    bool sinks = false;
    bool marks = true;
    ggml_type type = GGML_TYPE_F16;
};

using Result = std::vector<float>;  // of one row: kHeads * kWidth

std::vector<Result> attend(const Pool & pool, const std::vector<Row> & rows, const Setting & s = {}) {
    const int64_t n_kv = static_cast<int64_t>(pool.size()), n_rows = static_cast<int64_t>(rows.size());
    ggml_context * ctx = ggml_init({size_t{64} << 20, nullptr, false});
    ggml_tensor * q = ggml_new_tensor_3d(ctx, GGML_TYPE_F32, kWidth, n_rows, kHeads);
    ggml_tensor * k = ggml_new_tensor_3d(ctx, s.type, kWidth, n_kv, kKvHeads);
    ggml_tensor * v = ggml_new_tensor_3d(ctx, s.type, kWidth, n_kv, kKvHeads);
    const int64_t behind = s.marks ? (2 * (n_kv + 2 * n_rows)) / n_kv + 2 : 0;
    ggml_tensor * whole = ggml_new_tensor_2d(ctx, GGML_TYPE_F16, n_kv, n_rows + behind);
    ggml_tensor * mask = s.marks ? ggml_view_2d(ctx, whole, n_kv, n_rows, whole->nb[1], 0) : whole;

    const auto put = [&](ggml_tensor * t, int64_t at, int64_t head, const std::vector<float> & x) {
        char * to = static_cast<char *>(t->data) + at * t->nb[1] + head * t->nb[2];
        if (t->type == GGML_TYPE_F16) {
            ggml_fp32_to_fp16_row(x.data(), reinterpret_cast<ggml_fp16_t *>(to), kWidth);
        } else {
            std::memcpy(to, x.data(), sizeof(float) * kWidth);
        }
    };
    for (int64_t r = 0; r < n_rows; ++r) {
        for (int h = 0; h < kHeads; ++h) put(q, r, h, numbers(10 + h, rows[r].seq, rows[r].pos, kWidth));
    }
    for (int64_t c = 0; c < n_kv; ++c) {
        for (int h = 0; h < kKvHeads; ++h) {
            put(k, c, h, numbers(20 + h, pool[c].seq, pool[c].pos, kWidth));
            put(v, c, h, numbers(30 + h, pool[c].seq, pool[c].pos, kWidth));
        }
    }
    auto * bits = static_cast<ggml_fp16_t *>(whole->data);
    for (int64_t r = 0; r < n_rows; ++r) {
        for (int64_t c = 0; c < n_kv; ++c) {
            const bool seen = pool[c].seq == rows[r].seq && pool[c].pos <= rows[r].pos &&
                              (s.window == 0 || pool[c].pos > rows[r].pos - s.window);
            bits[r * n_kv + c] = ggml_fp32_to_fp16(seen ? 0.0f : -INFINITY);
        }
    }
    if (s.marks) {
        auto * marks = reinterpret_cast<int32_t *>(bits + n_rows * n_kv);
        for (int64_t c = 0; c < n_kv; ++c) marks[c] = pool[c].pos;
        for (int64_t r = 0; r < n_rows; ++r) {
            marks[n_kv + r] = rows[r].seq;
            marks[n_kv + n_rows + r] = rows[r].pos;
        }
    }
    ggml_tensor * out = ggml_flash_attn_ext(ctx, q, k, v, mask, 1 / std::sqrt(float(kWidth)), 0, 0);
    if (s.sinks) {
        ggml_tensor * sinks = ggml_new_tensor_1d(ctx, GGML_TYPE_F32, kHeads);
        for (int h = 0; h < kHeads; ++h) static_cast<float *>(sinks->data)[h] = 0.5f * float(h);
        ggml_flash_attn_ext_add_sinks(out, sinks);
    }
    ggml_cgraph * graph = ggml_new_graph(ctx);
    ggml_build_forward_expand(graph, out);
    EXPECT_EQ(ggml_graph_compute_with_ctx(ctx, graph, s.threads), GGML_STATUS_SUCCESS);
    std::vector<Result> results;
    const auto * data = static_cast<const float *>(out->data);
    for (int64_t r = 0; r < n_rows; ++r) {
        results.emplace_back(data + r * kHeads * kWidth, data + (r + 1) * kHeads * kWidth);
    }
    ggml_free(ctx);
    return results;
}

// The definition, in double precision.
Result expected(const Pool & pool, Row row, const Setting & s = {}) {
    Result out;
    for (int h = 0; h < kHeads; ++h) {
        const auto q = numbers(10 + h, row.seq, row.pos, kWidth);
        double total = s.sinks ? std::exp(0.5 * h) : 0;
        std::vector<double> sum(kWidth);
        for (const Row & cell : pool) {
            if (cell.seq != row.seq || cell.pos > row.pos || (s.window > 0 && cell.pos <= row.pos - s.window)) continue;
            const auto k = numbers(20 + h / 2, cell.seq, cell.pos, kWidth), v = numbers(30 + h / 2, cell.seq, cell.pos, kWidth);
            const double weight = std::exp(std::inner_product(q.begin(), q.end(), k.begin(), 0.0) / std::sqrt(double(kWidth)));
            total += weight;
            for (int d = 0; d < kWidth; ++d) sum[d] += weight * v[d];
        }
        for (const double x : sum) out.push_back(static_cast<float>(x / total));
    }
    return out;
}

std::vector<Row> run_of(int seq, int begin, int end) {
    std::vector<Row> rows;
    for (int pos = begin; pos < end; ++pos) rows.push_back({seq, pos});
    return rows;
}

std::vector<Row> operator+(std::vector<Row> a, const std::vector<Row> & b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

const std::vector<int> kLengths{700, 90, 200};

TEST(FlashAttention, IsAttention) {
    const Pool pool = pool_of(1024, kLengths, 3);
    for (const Setting & s : {Setting{}, Setting{2, 100}, Setting{1, 0, true}, Setting{2, 0, false, false},
                              Setting{1, 0, false, true, GGML_TYPE_F32}}) {
        const std::vector<Row> rows = std::vector<Row>{{1, 89}} + run_of(0, 600, 700) + run_of(2, 190, 200);
        const std::vector<Result> results = attend(pool, rows, s);
        const std::vector<Result> one = attend(pool, {{0, 699}}, s);
        for (size_t r = 0; r < rows.size(); r += 7) {
            const Result right = expected(pool, rows[r], s);
            for (size_t i = 0; i < right.size(); ++i) ASSERT_NEAR(results[r][i], right[i], 0.01) << r;
        }
        const Result right = expected(pool, {0, 699}, s);
        for (size_t i = 0; i < right.size(); ++i) ASSERT_NEAR(one[0][i], right[i], 0.01);
    }
}

// Each of the rest compares bits.
class Alike : public testing::TestWithParam<int> {  // window
  protected:
    Setting with(int threads) const { return {threads, GetParam()}; }
};

TEST_P(Alike, WhereverTheCellsLie) {
    const std::vector<Row> prompt = run_of(0, 500, 700);
    const auto tidy = attend(pool_of(1024, kLengths, 0), prompt, with(1));
    const auto one = attend(pool_of(1024, kLengths, 0), {{0, 699}}, with(1));
    for (unsigned shuffle = 1; shuffle < 4; ++shuffle) {
        EXPECT_EQ(attend(pool_of(2048, kLengths, shuffle), prompt, with(1)), tidy);
        EXPECT_EQ(attend(pool_of(2048, kLengths, shuffle), {{0, 699}}, with(1)), one);
    }
}

TEST_P(Alike, WhateverElseIsInThePool) {
    const auto crowded = attend(pool_of(1024, kLengths, 5), {{0, 699}}, with(1));
    EXPECT_EQ(attend(pool_of(768, {700}, 0), {{0, 699}}, with(1)), crowded);
}

TEST_P(Alike, WithAnyNumberOfThreads) {
    const Pool pool = pool_of(1024, kLengths, 7);
    const std::vector<Row> rows = std::vector<Row>{{1, 50}} + run_of(0, 600, 700);
    const auto one = attend(pool, rows, with(1));
    const auto single = attend(pool, {{0, 699}}, with(1));
    for (const int threads : {2, 3, 8}) {
        EXPECT_EQ(attend(pool, rows, with(threads)), one);
        EXPECT_EQ(attend(pool, {{0, 699}}, with(threads)), single);
    }
}

TEST_P(Alike, WhoeverElseIsInTheBatch) {
    const Pool pool = pool_of(1024, kLengths, 9);
    const auto alone = attend(pool, {{0, 699}}, with(2));
    const auto beside = attend(pool, std::vector<Row>{{1, 89}, {0, 699}} + run_of(2, 0, 200), with(2));
    EXPECT_EQ(beside[1], alone[0]);
    const auto prompt = attend(pool, run_of(2, 0, 200), with(2));
    EXPECT_EQ(std::vector<Result>(beside.begin() + 2, beside.end()), prompt);
}

TEST_P(Alike, HoweverAPromptIsCutBetweenBlocks) {
    const Pool pool = pool_of(1024, kLengths, 11);
    const auto whole = attend(pool, run_of(0, 0, 700), with(2));
    std::vector<Result> parts;
    int begin = 0;
    for (const int end : {16, 144, 160, 480, 688, 695, 700}) {
        for (Result & row : attend(pool, run_of(0, begin, end), with(2))) parts.push_back(std::move(row));
        begin = end;
    }
    EXPECT_EQ(parts, whole);
}

INSTANTIATE_TEST_SUITE_P(Windows, Alike, testing::Values(0, 100), testing::PrintToStringParamName());

// The tokens of an image share a position.
TEST(FlashAttention, TakesRowsOfOnePosition) {
    Pool pool = pool_of(512, {300}, 13);
    const std::vector<Row> rows(80, Row{0, 299});
    const Result right = expected(pool, {0, 299});
    for (const Result & row : attend(pool, rows)) {
        for (size_t i = 0; i < right.size(); ++i) ASSERT_NEAR(row[i], right[i], 0.01);
    }
}

}  // namespace
