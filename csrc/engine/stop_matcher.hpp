// StopMatcher finds the first of several byte strings in a stream, in time linear in the stream.
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
    StopMatcher() = default;

    // Empty strings are ignored.
    explicit StopMatcher(const std::vector<std::string> & stops);

    bool empty() const noexcept { return nodes_.size() <= 1; }

    // Appends to passed the bytes that can no longer be part of a stop, in order.
    // true: a stop is complete; all bytes before it were passed, it and the rest of bytes are dropped.
    bool add(std::string_view bytes, std::string & passed);

    // Appends to passed what is held back, and starts anew.
    void flush(std::string & passed);

  private:
    struct Node {
        int32_t child = 0, sibling = 0;  // 0: none, since the root is nobody's child
        int32_t fail = 0;                // the longest proper suffix of this node that is a node
        int32_t depth = 0;               // bytes from the root
        int32_t stop = 0;                // length of the longest stop that ends here, 0: none
        unsigned char byte = 0;
    };

    void insert(std::string_view stop);
    void link();
    int32_t child_of(int32_t node, unsigned char byte) const noexcept;
    int32_t step(int32_t node, unsigned char byte) const noexcept;

    std::vector<Node> nodes_;
    std::array<int32_t, 256> first_{};  // children of the root by byte
    std::string held_;                  // the last depth bytes of the stream
    int32_t at_ = 0;
};

}  // namespace po
