// StopMatcher finds the first of several byte strings in a stream, in time linear in the stream
// (the automaton of Aho and Corasick).
// Ownership: a value; owns the automaton. Threads: one at a time.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace po {

class StopMatcher {
  public:
    // Empty strings are ignored.
    explicit StopMatcher(std::vector<std::string> stops);

    bool empty() const noexcept { return nodes_.size() <= 1; }

    // Appends to passed the bytes that can no longer be part of a stop, in order.
    // true: a stop is complete; all bytes before it were passed, it and the rest of bytes are dropped, and the matcher
    // starts anew. The stop that ends first wins; of those that end together, the longest.
    bool add(std::string_view bytes, std::string & passed);

    // Appends to passed what is held back, and starts anew.
    void flush(std::string & passed);

  private:
    // A prefix of some stop. The bytes held back are always the prefix that the current node stands for.
    struct Node {
        int32_t child = 0, sibling = 0;  // 0: none, since the root is nobody's child
        int32_t fail = 0;                // the longest proper suffix of this prefix that is a node
        int32_t source = 0;              // the stop that this is a prefix of
        size_t depth = 0;                // its bytes
        size_t stop = 0;                 // length of the longest stop that it ends with, 0: none
        unsigned char byte = 0;          // its last
    };

    void insert(int32_t source);
    void link();
    int32_t child_of(int32_t node, unsigned char byte) const noexcept;
    int32_t step(int32_t node, unsigned char byte) const noexcept;
    void pass(int32_t node, size_t n, std::string & passed) const;
    size_t skip(std::string_view bytes) const noexcept;

    std::vector<std::string> stops_;
    std::vector<Node> nodes_;
    std::array<int32_t, 256> first_{};  // children of the root by byte
    int32_t at_ = 0;
};

}  // namespace po
