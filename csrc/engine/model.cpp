#include "engine/model.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <limits>
#include <mutex>
#include <new>

#include "engine/log.hpp"
#include "engine/work_limit.hpp"
#include "llama.h"

extern thread_local bool po_partitioned;  // of the vendored tree

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

// While one of these lives, the tokenizer of this thread takes no special tokens out of its text.
struct Partitioned {
    Partitioned() { po_partitioned = true; }
    ~Partitioned() { po_partitioned = false; }
};

constexpr size_t kMoreThanBytes = 8;  // tokens of a text beyond its bytes: a space that is put in front of it

void start_backends() {
    static std::once_flag once;
    std::call_once(once, [] {
        WorkLimit::install();
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
                       : no_memory_or(Code::model_error, errors.reason("the file could not be read"));
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
    read_vocab();
}

std::string Model::meta(const std::string & key) const {
    char text[64];
    return llama_model_meta_val_str(model_, key.c_str(), text, sizeof text) < 0 ? "" : text;
}

void Model::read_vocab() {
    special_ = std::make_unique<SpecialTokens>(vocab_);
    Token around[8];
    const int32_t n = std::max(llama_tokenize(vocab_, "", 0, around, std::size(around), true, false), 0);
    const int n_before = n > 0 && (adds_bos() || llama_vocab_type(vocab_) == LLAMA_VOCAB_TYPE_WPM) ? 1 : 0;
    before_.assign(around, around + n_before);
    behind_.assign(around + n_before, around + n);
    read_bytes();
}

// What a text has at least and at most of tokens follows from its bytes, where a token is no longer than its piece. Other
// tokenizers turn words of any length into one token; bytes that a vocabulary lacks vanish from a text.
void Model::read_bytes() {
    const std::string name = meta("tokenizer.ggml.model");
    if (special_->swallow_space() || (name != "llama" && name != "gpt2" && name != "gemma4")) {
        return;
    }
    const auto read = [this](const std::string & character) {
        Tokens tokens;
        std::string shown;
        if (tokenize(character, false, false, tokens)) {
            for (const Token token : tokens) shown += piece(token, false);
        }
        for (const char byte : character) {
            if (shown.find(byte) == std::string::npos) is_in_token_[static_cast<unsigned char>(byte)] = false;
        }
    };
    is_in_token_.fill(true);
    for (int byte = 0; byte < 0x80; ++byte) read(std::string(1, static_cast<char>(byte)));
    for (int byte = 0x80; byte < 0xC0; ++byte) read({'\xC2', static_cast<char>(byte)});
    for (int byte = 0xC3; byte < 0xE0; ++byte) read({static_cast<char>(byte), '\x80'});
    for (int byte = 0xE0; byte < 0xF0; ++byte) {
        read({static_cast<char>(byte), byte == 0xE0 ? '\xA0' : '\x80', '\x80'});
    }
    for (int byte = 0xF0; byte < 0xF5; ++byte) {
        read({static_cast<char>(byte), byte == 0xF0 ? '\x90' : '\x80', '\x80', '\x80'});
    }
    for (Token token = 0; token < n_vocab_; ++token) {
        longest_piece_ = std::max(longest_piece_, std::strlen(llama_vocab_get_text(vocab_, token)));
    }
}

int64_t Model::least_tokens(std::string_view text) const {
    if (longest_piece_ == 0) {
        return 0;
    }
    int64_t bytes = 0;
    for (const char byte : text) bytes += is_in_token_[static_cast<unsigned char>(byte)];
    return bytes / static_cast<int64_t>(longest_piece_);
}

size_t Model::front_of(std::string_view text, int64_t n_tokens) const {
    size_t missing = static_cast<size_t>(n_tokens) * longest_piece_;
    size_t at = 0;
    while (at < text.size() && missing > 0) missing -= is_in_token_[static_cast<unsigned char>(text[at++])];
    return longest_piece_ > 0 ? at : text.size();
}

size_t Model::back_of(std::string_view text, int64_t n_tokens) const {
    size_t missing = static_cast<size_t>(n_tokens) * longest_piece_;
    size_t at = text.size();
    while (at > 0 && missing > 0) missing -= is_in_token_[static_cast<unsigned char>(text[--at])];
    return longest_piece_ > 0 ? text.size() - at : text.size();
}

Status Model::tokenize(const MarkedText & text, bool add_special, Tokens & out) const noexcept {
    try {
        if (text.text.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max()) / 2) {
            return Status::error(Code::bad_request, "the text is too long");
        }
        tokenize(text.text, text.trusted, add_special, out);
        return {};
    } catch (const WorkStopped & stopped) {
        return stopped.status("the tokenizer");
    } catch (const std::bad_alloc &) {
        return Status::error(Code::no_memory, "out of memory: the text is too long for what this model may take");
    } catch (const std::exception & error) {
        return Status::error(Code::internal, error.what());
    }
}

Status Model::tokenize(std::string_view text, bool add_special, bool parse_special, Tokens & out) const noexcept {
    try {
        MarkedText marked;
        marked.add(text, parse_special);
        return tokenize(marked, add_special, out);
    } catch (const std::exception & error) {
        return Status::error(Code::internal, error.what());
    }
}

void Model::tokenize(std::string_view text, const std::vector<Span> & trusted, bool add_special, Tokens & out) const {
    out.clear();
    if (add_special) {
        out = before_;
    }
    const std::vector<Section> sections = special_->split(text, trusted);
    size_t longest = 0;
    for (const Section & section : sections) {
        longest = std::max(longest, section.token == kNoToken ? section.text.end - section.text.begin : 0);
    }
    size_t room = longest + kMoreThanBytes;
    std::unique_ptr<Token[]> tokens(new Token[room]);  // not filled: most of it is never touched
    const Partitioned partitioned;
    for (const Section & section : sections) {
        if (section.token != kNoToken) {
            out.push_back(section.token);
            continue;
        }
        const auto size = static_cast<int32_t>(section.text.end - section.text.begin);
        const auto run = [&] {
            return llama_tokenize(vocab_, text.data() + section.text.begin, size, tokens.get(),
                                  static_cast<int32_t>(room), false, false);
        };
        int32_t n = run();
        if (n < 0) {  // white space became longer than it was
            room = static_cast<size_t>(-int64_t{n});
            tokens.reset(new Token[room]);
            n = run();
        }
        out.insert(out.end(), tokens.get(), tokens.get() + n);
    }
    if (add_special) {
        const Token bos = llama_vocab_bos(vocab_);
        if (adds_bos() && out.size() > 1 && out[0] == bos && out[1] == bos) {
            out.erase(out.begin());  // a template that spells out the BOS
        }
        out.insert(out.end(), behind_.begin(), behind_.end());
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
