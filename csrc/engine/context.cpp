#include "engine/context.hpp"

#include <algorithm>
#include <new>
#include <vector>

#include "engine/log.hpp"
#include "llama-ext.h"  // llama_get_memory_breakdown

namespace po {
namespace {

constexpr int kMostRunning = 192;  // of the library's 256 sequences; the others hold cached prefixes
constexpr int kMostRecurrent = 8;
constexpr int kIdleRecurrent = 8;

bool must_stop(void * board) { return static_cast<const CancelBoard *>(board)->must_stop(); }

bool cache_type(const std::string & name, ggml_type & out) {
    for (const ggml_type type : {GGML_TYPE_F16, GGML_TYPE_BF16, GGML_TYPE_F32, GGML_TYPE_Q8_0, GGML_TYPE_Q5_1,
                                 GGML_TYPE_Q5_0, GGML_TYPE_IQ4_NL, GGML_TYPE_Q4_1, GGML_TYPE_Q4_0}) {
        if (name == ggml_type_name(type)) {
            out = type;
            return true;
        }
    }
    return false;
}

llama_flash_attn_type flash_type(const std::optional<bool> & wanted) {
    if (!wanted) {
        return LLAMA_FLASH_ATTN_TYPE_AUTO;
    }
    return *wanted ? LLAMA_FLASH_ATTN_TYPE_ENABLED : LLAMA_FLASH_ATTN_TYPE_DISABLED;
}

// Not the opposite of "is host": a processor's own formats of weights, as AMX's, are no host buffers either.
bool on_gpu(ggml_backend_buffer_type_t buffers) {
    const ggml_backend_dev_t device = ggml_backend_buft_get_device(buffers);
    if (device == nullptr || ggml_backend_buft_is_host(buffers)) return false;
    const auto type = ggml_backend_dev_type(device);
    return type == GGML_BACKEND_DEVICE_TYPE_GPU || type == GGML_BACKEND_DEVICE_TYPE_IGPU;
}

}  // namespace

int running_limit(const Model & model, const LoadSpec & spec) {
    return std::clamp(spec.n_seq_max, 1, model.recurrent() ? kMostRecurrent : kMostRunning);
}

Status Context::open_generator(const Model & model, const LoadSpec & spec, int64_t n_cells, const ThreadPools & pools,
                               const CancelBoard & board, std::unique_ptr<Context> & out) {
    llama_context_params params = llama_context_default_params();
    params.n_ctx = static_cast<uint32_t>(n_cells);
    const int idle = model.recurrent() ? kIdleRecurrent : 0;  // elsewhere idle sequences have ids beyond the context's
    params.n_seq_max = static_cast<uint32_t>(running_limit(model, spec) + idle);
    params.n_batch = std::min(std::max(static_cast<uint32_t>(spec.n_batch), params.n_seq_max), params.n_ctx);
    params.n_ubatch = params.n_batch;
    params.n_outputs_max = params.n_seq_max;  // logits are as wide as the vocabulary: keep few of them
    params.kv_unified = true;
    params.swa_full = true;  // else windows overwrite what the prefix index promises
    return open(model, params, spec, pools, board, out);
}

Status Context::open_embedder(const Model & model, const LoadSpec & spec, const ThreadPools & pools,
                              const CancelBoard & board, const EmbedderShape & shape, std::unique_ptr<Context> & out) {
    llama_context_params params = llama_context_default_params();
    params.n_batch = params.n_ubatch = static_cast<uint32_t>(shape.rows);
    params.n_ctx = static_cast<uint32_t>(shape.cells);
    params.n_seq_max = static_cast<uint32_t>(shape.seqs);
    params.n_outputs_max = shape.whole ? params.n_batch : 2 * params.n_seq_max;
    params.kv_unified = true;
    params.embeddings = true;
    if (shape.by_token) {
        params.pooling_type = LLAMA_POOLING_TYPE_NONE;
    }
    return open(model, params, spec, pools, board, out);
}

Status Context::open(const Model & model, llama_context_params params, const LoadSpec & spec, const ThreadPools & pools,
                     const CancelBoard & board, std::unique_ptr<Context> & out) {
    if (!cache_type(spec.kv_cache_type, params.type_k)) {
        return Status::error(Code::bad_request, "unknown KV cache type \"" + spec.kv_cache_type + "\"");
    }
    params.type_v = params.type_k;
    params.flash_attn_type =
        params.embeddings ? LLAMA_FLASH_ATTN_TYPE_AUTO : flash_type(spec.flash_attention);  // the other depends on the batch
    params.rope_freq_base = spec.rope_frequency_base;
    params.rope_freq_scale = spec.rope_frequency_scale;
    params.n_threads = pools.n_threads();
    params.n_threads_batch = pools.n_threads_batch();
    params.abort_callback = must_stop;
    params.abort_callback_data = const_cast<CancelBoard *>(&board);

    const ErrorLines errors;
    std::unique_ptr<Context> context(new Context);
    context->context_ = llama_init_from_model(model.raw(), params);
    if (!context->context_) {
        Status status =
            no_memory_or(Code::bad_request, errors.reason("out of memory: the context could not be created"));
        if (status.code == Code::no_memory) {
            status.text = "not enough memory for a context of " + std::to_string(params.n_ctx) + " tokens: " + status.text;
        }
        return status;
    }
    pools.attach(context->context_);
    std::vector<llama_adapter_lora *> adapters = model.adapters();
    std::vector<float> scales(adapters.size(), 1.0F);
    if (!adapters.empty() &&
        llama_set_adapters_lora(context->context_, adapters.data(), adapters.size(), scales.data()) != 0) {
        return Status::error(Code::model_error, "adapter: " + errors.reason("it does not fit the model"));
    }
    context->most_rows_ = static_cast<int>(llama_n_batch(context->context_));
    context->batch_ = llama_batch_init(context->most_rows_, 0, 1);
    out = std::move(context);
    return {};
}

Status Context::move_to(Context & larger) noexcept {
    try {
        std::vector<uint8_t> state(llama_state_get_size(context_));
        state.resize(llama_state_get_data(context_, state.data(), state.size()));
        if (!state.empty() && llama_state_set_data(larger.context_, state.data(), state.size()) == state.size()) {
            std::swap(context_, larger.context_);
            std::swap(batch_, larger.batch_);
            std::swap(most_rows_, larger.most_rows_);
            return {};
        }
    } catch (const std::exception &) {
    }
    return {Code::no_memory, "the KV pool could not be moved"};
}

Context::~Context() {
    if (batch_.token) {
        llama_batch_free(batch_);
    }
    if (context_) {
        llama_free(context_);
    }
}

int Context::decode() noexcept {
    HeldLog log;
    try {
        const int result = llama_decode(context_, batch_);
        if (result == 2) {
            log.drop();
        }
        return result;
    } catch (const std::bad_alloc &) {  // graph reservation throws when memory ends
        return kNoMemory;
    } catch (...) {
        return kNoMemory - 1;
    }
}

int Context::add(Token token, Pos pos, SeqId seq, bool output) {
    const int row = batch_.n_tokens++;
    batch_.token[row] = token;
    batch_.pos[row] = pos;
    batch_.n_seq_id[row] = 1;
    batch_.seq_id[row][0] = seq;
    batch_.logits[row] = output;
    return row;
}

Status Context::warm_up(const Model & model) {
    const Token token = model.first_token() >= 0 ? model.first_token() : 0;
    clear_batch();
    add(token, 0, 0, true);
    const int result = decode();
    clear_batch();
    if (result == 2) {
        return Status::error(Code::cancelled, "the load was cancelled");
    }
    if (result != 0) {
        return Status::error(Code::model_error, "the model could not compute its first token");
    }
    llama_synchronize(context_);
    forget_all();
    return {};
}

void Context::forget_all() {
    if (llama_memory_t memory = llama_get_memory(context_)) {
        llama_memory_clear(memory, false);
    }
}

MemorySize Context::memory_size(bool with_weights) const {
    MemorySize size;
    uint64_t weights = 0;  // in host memory
    uint64_t weights_vram = 0;
    for (const auto & [buffer_type, bytes] : llama_get_memory_breakdown(context_)) {
        const bool gpu = on_gpu(buffer_type);
        (gpu ? weights_vram : weights) += bytes.model;
        size.all += bytes.total() - bytes.model;
        size.vram += gpu ? bytes.total() - bytes.model : 0;
    }
    if (with_weights) {
        // Weights that were rearranged for the processor are still in the file's mapping, but nobody reads them there.
        const uint64_t all_weights = llama_model_size(llama_get_model(context_));
        size.all += weights_vram + std::min(weights, all_weights - std::min(weights_vram, all_weights));
        size.vram += weights_vram;
    }
    return size;
}

}  // namespace po
