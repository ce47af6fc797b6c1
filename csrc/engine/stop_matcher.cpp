#include "engine/stop_matcher.hpp"

#include <algorithm>
#include <utility>

namespace po {

StopMatcher::StopMatcher(std::vector<std::string> stops) : stops_(std::move(stops)), nodes_(1) {
    for (size_t i = 0; i < stops_.size(); ++i) insert(static_cast<int32_t>(i));
    link();
}

void StopMatcher::insert(int32_t source) {
    int32_t node = 0;
    for (const char c : stops_[source]) {
        const auto byte = static_cast<unsigned char>(c);
        int32_t next = child_of(node, byte);
        if (next == 0) {
            next = static_cast<int32_t>(nodes_.size());
            nodes_.push_back({0, nodes_[node].child, 0, source, nodes_[node].depth + 1, 0, byte});
            nodes_[node].child = next;
            if (node == 0) first_[byte] = next;
        }
        node = next;
    }
    nodes_[node].stop = nodes_[node].depth;  // the root's stays 0
}

// Breadth first, because a node's suffix is always nearer to the root.
void StopMatcher::link() {
    std::vector<int32_t> queue{0};
    for (size_t i = 0; i < queue.size(); ++i) {
        for (int32_t node = nodes_[queue[i]].child; node != 0; node = nodes_[node].sibling) {
            Node & n = nodes_[node];
            n.fail = queue[i] == 0 ? 0 : step(nodes_[queue[i]].fail, n.byte);
            n.stop = std::max(n.stop, nodes_[n.fail].stop);
            queue.push_back(node);
        }
    }
}

int32_t StopMatcher::child_of(int32_t node, unsigned char byte) const noexcept {
    if (node == 0) return first_[byte];
    int32_t child = nodes_[node].child;
    while (child != 0 && nodes_[child].byte != byte) child = nodes_[child].sibling;
    return child;
}

int32_t StopMatcher::step(int32_t node, unsigned char byte) const noexcept {
    for (;;) {
        const int32_t next = child_of(node, byte);
        if (next != 0 || node == 0) return next;
        node = nodes_[node].fail;
    }
}

void StopMatcher::pass(int32_t node, size_t n, std::string & passed) const {
    passed.append(stops_[nodes_[node].source], 0, n);
}

size_t StopMatcher::skip(std::string_view bytes) const noexcept {
    size_t n = 0;
    while (n < bytes.size() && first_[static_cast<unsigned char>(bytes[n])] == 0) ++n;
    return n;
}

bool StopMatcher::add(std::string_view bytes, std::string & passed) {
    for (size_t i = 0; i < bytes.size(); ++i) {
        if (at_ == 0) {
            const size_t free = skip(bytes.substr(i));
            passed.append(bytes, i, free);
            i += free;
            if (i == bytes.size()) break;
        }
        const int32_t next = step(at_, static_cast<unsigned char>(bytes[i]));
        const size_t had = nodes_[at_].depth;
        const size_t freed = had + 1 - nodes_[next].depth;
        if (freed > 0 && had > 0) pass(at_, std::min(freed, had), passed);
        if (freed > had) passed += bytes[i];
        at_ = next;
        if (const size_t stop = nodes_[next].stop) {
            pass(next, nodes_[next].depth - stop, passed);
            at_ = 0;
            return true;
        }
    }
    return false;
}

void StopMatcher::flush(std::string & passed) {
    if (at_ != 0) pass(at_, nodes_[at_].depth, passed);
    at_ = 0;
}

}  // namespace po
