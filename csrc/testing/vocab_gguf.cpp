#include "testing/vocab_gguf.hpp"

#include <cstdio>
#include <filesystem>
#include <vector>

#include "gguf.h"

namespace po {
namespace {

struct FreeGguf {
    void operator()(gguf_context * gguf) const { gguf_free(gguf); }
};

struct Vocab {
    std::vector<std::string> text{"<unk>", "<s>", "</s>"};
    std::vector<float> scores{0, 0, 0};
    std::vector<int32_t> types{LLAMA_TOKEN_TYPE_UNKNOWN, LLAMA_TOKEN_TYPE_CONTROL, LLAMA_TOKEN_TYPE_CONTROL};

    Vocab() {
        for (int byte = 0; byte < 256; ++byte) {
            char name[8];
            std::snprintf(name, sizeof name, "<0x%02X>", static_cast<unsigned>(byte) & 0xFFu);
            text.emplace_back(name);
            scores.push_back(0);
            types.push_back(LLAMA_TOKEN_TYPE_BYTE);
        }
    }
};

void set_vocab(gguf_context * gguf) {
    const Vocab vocab;
    std::vector<const char *> text;
    for (const std::string & t : vocab.text) text.push_back(t.c_str());
    gguf_set_val_str(gguf, "tokenizer.ggml.model", "llama");
    gguf_set_arr_str(gguf, "tokenizer.ggml.tokens", text.data(), text.size());
    gguf_set_arr_data(gguf, "tokenizer.ggml.scores", GGUF_TYPE_FLOAT32, vocab.scores.data(), vocab.scores.size());
    gguf_set_arr_data(gguf, "tokenizer.ggml.token_type", GGUF_TYPE_INT32, vocab.types.data(), vocab.types.size());
    gguf_set_val_u32(gguf, "tokenizer.ggml.bos_token_id", 1);
    gguf_set_val_u32(gguf, "tokenizer.ggml.eos_token_id", 2);
}

bool write(const VocabGguf & spec, const std::string & path) {
    const std::unique_ptr<gguf_context, FreeGguf> gguf(gguf_init_empty());
    gguf_set_val_str(gguf.get(), "general.architecture", "llama");
    set_vocab(gguf.get());
    gguf_set_val_bool(gguf.get(), "tokenizer.ggml.add_bos_token", spec.add_bos);
    if (!spec.chat_template.empty()) {
        gguf_set_val_str(gguf.get(), "tokenizer.chat_template", spec.chat_template.c_str());
    }
    return gguf_write_to_file(gguf.get(), path.c_str(), true);
}

}  // namespace

ModelPtr load_vocab(const std::string & path) {
    llama_log_set([](ggml_log_level, const char *, void *) {}, nullptr);
    llama_model_params params = llama_model_default_params();
    params.vocab_only = true;
    return ModelPtr(llama_model_load_from_file(path.c_str(), params));
}

ModelPtr load_vocab(const VocabGguf & spec) {
    const std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("vocab-" + std::to_string(reinterpret_cast<uintptr_t>(&spec)) + ".gguf");
    ModelPtr model = write(spec, path.string()) ? load_vocab(path.string()) : nullptr;
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    return model;
}

}  // namespace po
