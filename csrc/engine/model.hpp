// Model is the weights and the vocabulary.
// Ownership: frees the weights and the adapters; contexts must be gone by then.
// Threads: load on one; everything else is const and may be called from any.
#pragma once
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/load_spec.hpp"
#include "engine/marked_text.hpp"
#include "engine/special_tokens.hpp"
#include "engine/status.hpp"
#include "engine/types.hpp"

struct llama_adapter_lora;
struct llama_model;
struct llama_vocab;

namespace po {

class Model {
  public:
    // progress gets 0 to 1 and returns false to stop the load (code cancelled).
    // model_error: the library refused a file, in its own words. out is then unchanged.
    static Status load(const LoadSpec & spec, const std::function<bool(float)> & progress,
                       std::unique_ptr<Model> & out);
    ~Model();
    Model(const Model &) = delete;
    Model & operator=(const Model &) = delete;

    // Ids of a text. Control tokens are read in its trusted parts only, whose neighbours are tokenised as they would be
    // between such tokens. add_special: BOS and EOS as the model wants them, but never a second BOS.
    // A WorkLimit of the thread holds: cancelled. bad_request: the text is too long for the tokenizer.
    Status tokenize(const MarkedText & text, bool add_special, Tokens & out) const noexcept;
    // The same, all of it trusted (parse_special) or none.
    Status tokenize(std::string_view text, bool add_special, bool parse_special, Tokens & out) const noexcept;

    // So many tokens a text has at least, by the length of the longest piece; 0 if the vocabulary does not tell.
    int64_t least_tokens(std::string_view text) const;
    // So many bytes of its front, or of its back, give n tokens at least; all of them if that is not known.
    size_t front_of(std::string_view text, int64_t n_tokens) const;
    size_t back_of(std::string_view text, int64_t n_tokens) const;

    // Bytes of one token, maybe half a character. special: spell out special tokens, else they are empty.
    // REQUIRES: valid(token).
    std::string piece(Token token, bool special) const;

    bool valid(Token token) const { return token >= 0 && token < n_vocab_; }
    bool is_end(Token token) const;      // end of generation
    bool is_special(Token token) const;  // control tokens, as BOS, EOS, SEP
    int n_vocab() const { return n_vocab_; }
    bool adds_bos() const;
    Token first_token() const;            // for an empty prompt: BOS, else EOS, else -1
    int n_ctx_train() const;
    int n_embd() const;
    int n_gpu_layers() const { return n_gpu_layers_; }  // really offloaded

    bool pools() const { return pools_; }            // made for embeddings: the file names a pooling
    bool pools_last() const { return pools_last_; }  // by the last token
    bool pools_mean() const { return pools_mean_; }  // by all tokens alike
    bool projects() const { return projects_; }      // matrices follow the pooling
    int n_vector() const;                            // numbers in a vector
    bool causal() const { return causal_; }          // attends to the past only
    bool recurrent() const;                          // has state that cannot be cut: Mamba, RWKV, hybrids
    int window() const;                              // sliding window in tokens; 0: none
    bool encodes_first() const;                      // encoder-decoder, which we do not serve

    const std::vector<Token> & never() const { return never_; }  // tokens the file wants suppressed
    llama_model * raw() const { return model_; }
    const std::vector<llama_adapter_lora *> & adapters() const { return adapters_; }

  private:
    Model() = default;
    Status open_adapters(const std::vector<std::string> & files);
    void read_traits();
    void read_vocab();
    void read_bytes();
    void tokenize(std::string_view text, const std::vector<Span> & trusted, bool add_special, Tokens & out) const;
    std::string meta(const std::string & key) const;  // empty: no such key

    llama_model * model_ = nullptr;
    const llama_vocab * vocab_ = nullptr;
    std::vector<llama_adapter_lora *> adapters_;  // freed with the model
    std::vector<Token> never_;
    std::unique_ptr<SpecialTokens> special_;
    Tokens before_;  // what the tokenizer puts in front of every text, and what behind
    Tokens behind_;
    size_t longest_piece_ = 0;            // bytes; 0: a token may stand for more than its piece
    std::array<bool, 256> is_in_token_{};  // bytes that are always in some token; a vocabulary may lack a few
    int n_vocab_ = 0;
    int n_gpu_layers_ = 0;
    bool pools_ = false;
    bool pools_last_ = false;
    bool pools_mean_ = false;
    bool projects_ = false;
    bool ranks_ = false;
    bool causal_ = true;
};

}  // namespace po
