#include "engine/model.hpp"

#include <algorithm>
#include <limits>
#include <mutex>

#include "engine/log.hpp"
#include "llama.h"

namespace po {
namespace {

bool on_progress(float part, void * data) {
    return (*static_cast<const std::function<bool(float)> *>(data))(part);
}

bool has_gpu() {
    for (size_t i = 0; i < ggml_backend_dev_count(); ++i) {
        const auto type = ggml_backend_dev_type(ggml_backend_dev_get(i));
        if (type == GGML_BACKEND_DEVICE_TYPE_GPU || type == GGML_BACKEND_DEVICE_TYPE_IGPU) {
            return true;
        }
    }
    return false;
}

llama_load_mode load_mode(const LoadSpec & spec) {
    if (spec.use_mlock) {
        return spec.use_mmap.value_or(true) ? LLAMA_LOAD_MODE_MMAP_MLOCK : LLAMA_LOAD_MODE_MLOCK;
    }
    if (!spec.use_mmap) {
        return LLAMA_LOAD_MODE_AUTO;
    }
    return *spec.use_mmap ? LLAMA_LOAD_MODE_MMAP : LLAMA_LOAD_MODE_NONE;
}

llama_model_params model_params(const LoadSpec & spec, const std::function<bool(float)> & progress) {
    llama_model_params params = llama_model_default_params();
    params.n_gpu_layers = spec.n_gpu_layers;
    params.load_mode = load_mode(spec);
    params.vocab_only = spec.vocab_only;
    if (spec.main_gpu) {
        params.split_mode = LLAMA_SPLIT_MODE_NONE;
        params.main_gpu = *spec.main_gpu;
    }
    params.progress_callback = on_progress;
    params.progress_callback_user_data = const_cast<std::function<bool(float)> *>(&progress);
    return params;
}

// The library says why in words only.
Status refused(const std::string & reason) {
    for (const char * words : {"allocate", "bad_alloc", "out of memory", "insufficient memory"}) {
        if (reason.find(words) != std::string::npos) {
            return Status::error(Code::no_memory, reason);
        }
    }
    return Status::error(Code::model_error, reason);
}

void start_backends() {
    static std::once_flag once;
    std::call_once(once, [] {
        install_log();
        llama_backend_init();
    });
}

}  // namespace

Status Model::load(const LoadSpec & spec, const std::function<bool(float)> & progress, std::unique_ptr<Model> & out) {
    start_backends();
    if (spec.files.empty()) {
        return Status::error(Code::bad_request, "no model file given");
    }
    bool stopped = false;
    const std::function<bool(float)> watched = [&](float part) {
        stopped = !progress(part);
        return !stopped;
    };
    std::vector<const char *> paths;
    for (const std::string & file : spec.files) {
        paths.push_back(file.c_str());
    }
    const ErrorLines errors;
    std::unique_ptr<Model> model(new Model);
    const llama_model_params params = model_params(spec, watched);
    model->model_ = paths.size() == 1 ? llama_model_load_from_file(paths[0], params)
                                      : llama_model_load_from_splits(paths.data(), paths.size(), params);
    if (!model->model_) {
        return stopped ? Status::error(Code::cancelled, "the load was cancelled")
                       : refused(errors.reason("the file could not be read"));
    }
    model->read_traits();
    const int layers = llama_model_n_layer(model->model_) + 1;
    const int wanted = spec.n_gpu_layers < 0 ? layers : std::min(spec.n_gpu_layers, layers);
    model->n_gpu_layers_ = has_gpu() ? wanted : 0;
    if (model->encodes_first()) {
        return Status::error(Code::model_error, "models with an encoder and a decoder are not supported");
    }
    if (Status status = model->open_adapters(spec.adapters); !status) {
        return status;
    }
    out = std::move(model);
    return {};
}

Model::~Model() {
    if (model_) {
        llama_model_free(model_);
    }
}

Status Model::open_adapters(const std::vector<std::string> & files) {
    for (const std::string & file : files) {
        const ErrorLines errors;
        llama_adapter_lora * adapter = llama_adapter_lora_init(model_, file.c_str());
        if (!adapter) {
            return Status::error(Code::model_error, "adapter: " + errors.reason("the file could not be read"));
        }
        adapters_.push_back(adapter);
    }
    return {};
}

void Model::read_traits() {
    vocab_ = llama_model_get_vocab(model_);
    n_vocab_ = llama_vocab_n_tokens(vocab_);
    const std::string arch = meta("general.architecture");
    const std::string pooling = meta(arch + ".pooling_type");
    pools_ = !pooling.empty();
    pools_last_ = pooling == std::to_string(LLAMA_POOLING_TYPE_LAST);
    pools_mean_ = pooling == std::to_string(LLAMA_POOLING_TYPE_MEAN);
    projects_ = !meta(arch + ".dense_2_feat_out").empty();
    ranks_ = pooling == std::to_string(LLAMA_POOLING_TYPE_RANK);
    causal_ = meta(arch + ".attention.causal") != "false" && !llama_model_has_encoder(model_);
    int32_t n = 0;
    const llama_token * never = llama_vocab_get_suppress_tokens(vocab_, &n);
    never_.assign(never, never + n);
}

std::string Model::meta(const std::string & key) const {
    char text[64];
    return llama_model_meta_val_str(model_, key.c_str(), text, sizeof text) < 0 ? "" : text;
}

Status Model::tokenize(std::string_view text, bool add_special, bool parse_special, Tokens & out) const noexcept {
    try {
        if (text.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max()) / 2) {
            return Status::error(Code::bad_request, "the text is too long");
        }
        const auto length = static_cast<int32_t>(text.size());
        out.resize(text.size() + 2);
        const auto run = [&] {
            return llama_tokenize(vocab_, text.data(), length, out.data(), static_cast<int32_t>(out.size()),
                                  add_special, parse_special);
        };
        int32_t n = run();
        if (n < 0 && n != std::numeric_limits<int32_t>::min()) {
            out.resize(static_cast<size_t>(-n));
            n = run();
        }
        if (n < 0) {
            return Status::error(Code::bad_request, "the text is too long");
        }
        out.resize(static_cast<size_t>(n));
        const Token bos = llama_vocab_bos(vocab_);
        if (add_special && adds_bos() && out.size() > 1 && out[0] == bos && out[1] == bos) {
            out.erase(out.begin());  // a template that spells out the BOS
        }
        return {};
    } catch (const std::exception & error) {
        return Status::error(Code::internal, error.what());
    }
}

std::string Model::piece(Token token, bool special) const {
    std::string text(32, '\0');
    int32_t n = llama_token_to_piece(vocab_, token, text.data(), static_cast<int32_t>(text.size()), 0, special);
    if (n < 0) {
        text.resize(static_cast<size_t>(-n));
        n = llama_token_to_piece(vocab_, token, text.data(), static_cast<int32_t>(text.size()), 0, special);
    }
    text.resize(static_cast<size_t>(std::max(n, 0)));
    return text;
}

bool Model::is_end(Token token) const { return llama_vocab_is_eog(vocab_, token); }

bool Model::is_special(Token token) const { return llama_vocab_is_control(vocab_, token); }

bool Model::adds_bos() const { return llama_vocab_get_add_bos(vocab_); }

Token Model::first_token() const {
    const Token bos = llama_vocab_bos(vocab_);
    return valid(bos) ? bos : valid(llama_vocab_eos(vocab_)) ? llama_vocab_eos(vocab_) : -1;
}

int Model::n_ctx_train() const { return llama_model_n_ctx_train(model_); }

int Model::n_embd() const { return llama_model_n_embd_out(model_); }

int Model::n_vector() const { return ranks_ ? static_cast<int>(llama_model_n_cls_out(model_)) : n_embd(); }

bool Model::recurrent() const { return llama_model_is_recurrent(model_) || llama_model_is_hybrid(model_); }

int Model::window() const { return llama_model_n_swa(model_); }

bool Model::encodes_first() const { return llama_model_has_encoder(model_) && llama_model_has_decoder(model_); }

}  // namespace po
