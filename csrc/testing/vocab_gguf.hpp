// A model file of a few kilobytes for tests: a byte vocabulary, a chat template and no tensors.
#pragma once
#include <memory>
#include <string>

#include "llama.h"

namespace po {

struct VocabGguf {
    std::string chat_template;  // empty: none
    bool add_bos = true;        // the tokenizer adds "<s>"
};

struct FreeModel {
    void operator()(llama_model * model) const { llama_model_free(model); }
};
using ModelPtr = std::unique_ptr<llama_model, FreeModel>;

// Writes the file to the temporary folder, loads its vocabulary and removes it. Null when that fails.
ModelPtr load_vocab(const VocabGguf & spec);

// Loads the vocabulary of a file. Null when that fails.
ModelPtr load_vocab(const std::string & path);

}  // namespace po
