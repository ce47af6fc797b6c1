// RepeatGuard notices an answer that got stuck: a model that repeats itself never stops by itself.
// Plain values, no threads.
#pragma once
#include <string>
#include <string_view>

#include "engine/types.hpp"

namespace po {

class RepeatGuard {
  public:
    // A token was chosen, and shown is the text that goes out with it; empty while half a character is held back.
    // true: the same token, or the same text but for the white space around it, came more than 30 times again.
    bool add(Token token, std::string_view shown) {
        same_tokens_ = token == token_ ? same_tokens_ + 1 : 0;
        token_ = token;
        if (!shown.empty()) {
            const std::string_view text = trimmed(shown);
            same_texts_ = text == text_ ? same_texts_ + 1 : 0;
            text_ = text;
        }
        return same_tokens_ > kMost || same_texts_ > kMost;
    }

  private:
    static constexpr int kMost = 30;  // Ollama's number

    static std::string_view trimmed(std::string_view text) {
        constexpr std::string_view kSpace = " \t\n\v\f\r";
        const size_t first = text.find_first_not_of(kSpace);
        return first == std::string_view::npos ? std::string_view() : text.substr(first, text.find_last_not_of(kSpace) + 1 - first);
    }

    Token token_ = kNoToken;
    std::string text_;
    int same_tokens_ = 0;  // in a row, the first not counted
    int same_texts_ = 0;
};

}  // namespace po
