// Embedder relies on this: from 8 rows on, and with a multiple of 4, a matrix product computes each row as in any other
// company, to the bit. A kernel that breaks it makes vectors depend on what else is in the batch.
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "ggml-alloc.h"
#include "ggml-backend.h"
#include "ggml-cpu.h"
#include "ggml.h"

namespace {

constexpr int kIn = 512;  // two blocks of the widest types
constexpr int kOut = 32;
constexpr int kRows = 40;

std::vector<float> noise(size_t n, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::vector<float> values(n);
    for (float & value : values) {
        value = normal(random);
    }
    return values;
}

struct Weights {
    ggml_context * context = nullptr;
    ggml_backend_buffer_t buffer = nullptr;
    ggml_tensor * tensor = nullptr;

    Weights(ggml_type type, ggml_backend_buffer_type_t place) {
        context = ggml_init({ggml_tensor_overhead(), nullptr, true});
        tensor = ggml_new_tensor_2d(context, type, kIn, kOut);
        buffer = ggml_backend_alloc_ctx_tensors_from_buft(context, place);
    }
    ~Weights() {
        ggml_backend_buffer_free(buffer);
        ggml_free(context);
    }
    void fill() {
        const std::vector<float> values = noise(size_t{kIn} * kOut, 1);
        std::vector<char> bytes(ggml_nbytes(tensor));
        ggml_quantize_chunk(tensor->type, values.data(), bytes.data(), 0, kOut, kIn, nullptr);
        ggml_backend_tensor_set(tensor, bytes.data(), 0, bytes.size());
    }
};

// The product of the weights and n rows. Empty: this kind of memory has no kernel for them.
std::vector<float> product(ggml_backend_t backend, Weights & weights, const float * rows, int n) {
    ggml_context * context = ggml_init({4 * ggml_tensor_overhead() + ggml_graph_overhead(), nullptr, true});
    ggml_tensor * in = ggml_new_tensor_2d(context, GGML_TYPE_F32, kIn, n);
    ggml_tensor * out = ggml_mul_mat(context, weights.tensor, in);
    std::vector<float> result;
    ggml_backend_buffer_t buffer = ggml_backend_alloc_ctx_tensors(context, backend);
    if (ggml_backend_supports_op(backend, out)) {
        ggml_cgraph * graph = ggml_new_graph(context);
        ggml_build_forward_expand(graph, out);
        ggml_backend_tensor_set(in, rows, 0, ggml_nbytes(in));
        EXPECT_EQ(ggml_backend_graph_compute(backend, graph), GGML_STATUS_SUCCESS);
        result.resize(size_t{kOut} * n);
        ggml_backend_tensor_get(out, result.data(), 0, ggml_nbytes(out));
    }
    ggml_backend_buffer_free(buffer);
    ggml_free(context);
    return result;
}

// Plain memory, and those kinds that hold weights in an order of their own.
std::vector<ggml_backend_buffer_type_t> places(ggml_backend_t backend) {
    std::vector<ggml_backend_buffer_type_t> all{ggml_backend_cpu_buffer_type()};
    ggml_backend_dev_t device = ggml_backend_get_device(backend);
    const auto more = reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(
        ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(device), "ggml_backend_dev_get_extra_bufts"));
    for (auto * place = more ? more(device) : nullptr; place && *place; ++place) {
        all.push_back(*place);
    }
    return all;
}

class RowKernels : public testing::TestWithParam<ggml_type> {};

TEST_P(RowKernels, ARowIsTheSameInAnyCompany) {
    ggml_backend_t backend = ggml_backend_cpu_init();
    const std::vector<float> rows = noise(size_t{kIn} * kRows, 2);
    for (const ggml_backend_buffer_type_t place : places(backend)) {
        Weights weights(GetParam(), place);
        const std::string name = ggml_backend_buft_name(place);
        if (name == "CPU_REPACK" && !weights.tensor->extra) {
            continue;
        }
        if (product(backend, weights, rows.data(), kRows).empty()) {
            continue;
        }
        weights.fill();
        const std::vector<float> all = product(backend, weights, rows.data(), kRows);
        for (int n = 8; n < kRows; n += 4) {
            const int first = kRows - n;
            const std::vector<float> some = product(backend, weights, rows.data() + size_t{kIn} * first, n);
            EXPECT_EQ(std::memcmp(some.data(), all.data() + size_t{kOut} * first, some.size() * sizeof(float)), 0)
                << n << " rows in " << name;
        }
    }
    ggml_backend_free(backend);
}

INSTANTIATE_TEST_SUITE_P(Types, RowKernels,
                         testing::Values(GGML_TYPE_F32, GGML_TYPE_F16, GGML_TYPE_BF16, GGML_TYPE_Q8_0, GGML_TYPE_Q4_0,
                                         GGML_TYPE_Q4_1, GGML_TYPE_Q5_0, GGML_TYPE_Q5_1, GGML_TYPE_IQ4_NL,
                                         GGML_TYPE_MXFP4, GGML_TYPE_Q2_K, GGML_TYPE_Q3_K, GGML_TYPE_Q4_K,
                                         GGML_TYPE_Q5_K, GGML_TYPE_Q6_K, GGML_TYPE_IQ4_XS),
                         [](const auto & info) { return std::string(ggml_type_name(info.param)); });

}  // namespace
