// SpecialTokens finds the tokens that a text spells out, as <|im_end|>, and the text between them.
// The vendored library does the same, but reads control tokens in all text or in none, and goes through the text once
// for each token of the vocabulary that is special.
// Ownership: copies what it needs of the vocabulary. Threads: const calls from any.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/types.hpp"

struct llama_vocab;

namespace po {

// Bytes [begin, end) of a text.
struct Span {
    size_t begin = 0;
    size_t end = 0;
};

// One token that was spelled out, with the white space it swallows, or text between such tokens.
struct Section {
    Token token = kNoToken;  // kNoToken: text
    Span text;
};

class SpecialTokens {
  public:
    explicit SpecialTokens(const llama_vocab * vocab);

    // The sections of a text, in order. Control tokens are found only where they lie wholly inside one of the trusted
    // spans, which are in order and do not touch; user-defined tokens, which are plain words that are never split, are
    // found everywhere. Longer tokens go first, as in the library. REQUIRES: less than 2^32 bytes.
    std::vector<Section> split(std::string_view text, const std::vector<Span> & trusted) const;

    bool swallow_space() const { return swallow_space_; }  // there are tokens that swallow white space beside them

  private:
    struct Entry {
        Token id;
        std::string text;
        bool control;
        bool strips_left;
        bool strips_right;
    };
    struct Candidate {
        uint32_t begin;
        uint32_t node;
    };

    // A tree of all texts, whose edges are found by node and byte.
    struct Node {
        uint32_t rank;     // of the token that ends here, or kNone
        uint32_t shorter;  // the node of the next shorter token on the way from the root, or kNone
    };
    static constexpr uint32_t kNone = UINT32_MAX;

    uint32_t child(uint32_t node, char byte) const;
    uint32_t longest_at(std::string_view text, size_t begin) const;
    void add(uint32_t rank);

    std::vector<Entry> entries_;  // by rank: the longest first
    std::vector<Node> nodes_;
    std::unordered_map<uint64_t, uint32_t> edges_;
    std::array<bool, 256> starts_{};  // bytes that a token may begin with
    bool swallow_space_ = false;
};

}  // namespace po
