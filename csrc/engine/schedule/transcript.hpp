// Transcript remembers the tokens of a prompt and its answer, for clients that go on from them (`context`).
// Plain values, no threads.
#pragma once
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "engine/types.hpp"

namespace po {

class Transcript {
  public:
    explicit Transcript(Tokens prompt) : tokens_(std::move(prompt)), n_prompt_(tokens_.size()) {}

    // The next token of the answer and its bytes.
    void add(Token token, std::string_view bytes) {
        tokens_.push_back(token);
        text_ += bytes;
        ends_.push_back(text_.size());
    }

    // Prompt and the part of the answer that was shown, its first n_bytes. A token that was cut by a stop string, or
    // that ends within a character, is replaced by the tokens of what it has shown. tokenize: text to tokens.
    template <typename Tokenize>
    Tokens shown(size_t n_bytes, Tokenize tokenize) && {
        const size_t whole = std::upper_bound(ends_.begin(), ends_.end(), n_bytes) - ends_.begin();
        const size_t covered = whole > 0 ? ends_[whole - 1] : 0;
        Tokens out(tokens_.begin(), tokens_.begin() + static_cast<std::ptrdiff_t>(n_prompt_));
        for (size_t i = 0; i < whole; ++i) {
            if (ends_[i] > (i > 0 ? ends_[i - 1] : 0)) {  // control tokens have no text
                out.push_back(tokens_[n_prompt_ + i]);
            }
        }
        if (covered < n_bytes) {
            const Tokens rest = tokenize(std::string_view(text_).substr(covered, n_bytes - covered));
            out.insert(out.end(), rest.begin(), rest.end());
        }
        return out;
    }

  private:
    Tokens tokens_;
    size_t n_prompt_;
    std::string text_;          // of the answer
    std::vector<size_t> ends_;  // of its tokens in text_
};

}  // namespace po
