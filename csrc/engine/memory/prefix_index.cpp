#include "engine/memory/prefix_index.hpp"

#include <algorithm>

namespace po {

// Every node but the root has a run, and either ends an entry or has two children at least.
struct PrefixIndex::Node {
    Tokens run;
    Node * parent = nullptr;
    std::unordered_map<Token, std::unique_ptr<Node>> children;  // by the first token of their run
    std::vector<SeqId> ends;

    Pos size() const { return static_cast<Pos>(run.size()); }
    Node * child(Token token) const {
        const auto found = children.find(token);
        return found == children.end() ? nullptr : found->second.get();
    }
};

PrefixIndex::PrefixIndex() : root_(std::make_unique<Node>()) {}
PrefixIndex::~PrefixIndex() = default;

PrefixIndex::Walk PrefixIndex::walk(const Tokens & tokens, Pos limit) const {
    const Pos end = std::min(limit, static_cast<Pos>(tokens.size()));
    Walk at{root_.get(), 0, 0};
    while (at.in_node == at.node->size() && at.length < end) {
        const Node * next = at.node->child(tokens[at.length]);
        if (!next) {
            break;
        }
        const Pos most = std::min(next->size(), end - at.length);
        const auto first = next->run.begin();
        const auto differs = std::mismatch(first, first + most, tokens.begin() + at.length).first;
        at = {next, static_cast<Pos>(differs - first), at.length + static_cast<Pos>(differs - first)};
    }
    return at;
}

PrefixIndex::Hit PrefixIndex::match(const Tokens & tokens, Pos limit) const {
    const Walk at = walk(tokens, limit);
    if (at.length == 0) {
        return {};
    }
    const Node * node = at.node;  // every entry below holds these tokens
    while (node->ends.empty()) {
        node = node->children.begin()->second.get();
    }
    return {node->ends.back(), at.length};
}

PrefixIndex::Hit PrefixIndex::match_whole(const Tokens & tokens, Pos limit) const {
    const Walk at = walk(tokens, limit);
    const Node * node = at.in_node == at.node->size() ? at.node : at.node->parent;
    while (node && node->ends.empty()) {
        node = node->parent;
    }
    return node ? Hit{node->ends.back(), length(node->ends.back())} : Hit{};
}

std::vector<SeqId> PrefixIndex::covered_by(const Tokens & tokens) const {
    const Walk at = walk(tokens, static_cast<Pos>(tokens.size()));
    std::vector<SeqId> covered;
    const Node * node = at.in_node == at.node->size() ? at.node : at.node->parent;
    for (; node; node = node->parent) {
        covered.insert(covered.end(), node->ends.begin(), node->ends.end());
    }
    return covered;
}

void PrefixIndex::insert(SeqId seq, const Tokens & tokens) {
    const Walk at = walk(tokens, static_cast<Pos>(tokens.size()));
    Node * node = const_cast<Node *>(at.node);
    if (at.in_node < node->size()) {
        node = split(node, at.in_node);
    }
    if (at.length < static_cast<Pos>(tokens.size())) {
        auto leaf = std::make_unique<Node>();
        leaf->run.assign(tokens.begin() + at.length, tokens.end());
        leaf->parent = node;
        Node * added = leaf.get();
        node->children.emplace(added->run.front(), std::move(leaf));
        node = added;
    }
    node->ends.push_back(seq);
    entries_[seq] = {node, static_cast<Pos>(tokens.size()), ++clock_};
}

// Cuts the run of node in two and returns the new upper part. REQUIRES: 0 < at < node->size().
PrefixIndex::Node * PrefixIndex::split(Node * node, Pos at) {
    auto & slot = node->parent->children[node->run.front()];
    auto upper = std::make_unique<Node>();
    upper->run.assign(node->run.begin(), node->run.begin() + at);
    upper->parent = node->parent;
    node->run.erase(node->run.begin(), node->run.begin() + at);
    node->parent = upper.get();
    upper->children.emplace(node->run.front(), std::move(slot));
    slot = std::move(upper);
    return slot.get();
}

void PrefixIndex::remove(SeqId seq) {
    const auto found = entries_.find(seq);
    if (found == entries_.end()) {
        return;
    }
    Node * node = found->second.node;
    entries_.erase(found);
    node->ends.erase(std::find(node->ends.begin(), node->ends.end(), seq));
    prune(node);
}

// Restores the invariant of Node at a node that lost an end.
void PrefixIndex::prune(Node * node) {
    if (node == root_.get() || !node->ends.empty() || node->children.size() > 1) {
        return;
    }
    Node * parent = node->parent;
    if (node->children.empty()) {
        parent->children.erase(Token(node->run.front()));
        prune(parent);
        return;
    }
    auto only = std::move(node->children.begin()->second);
    only->run.insert(only->run.begin(), node->run.begin(), node->run.end());
    only->parent = parent;
    parent->children[only->run.front()] = std::move(only);  // frees node
}

void PrefixIndex::trim(SeqId seq, Pos length) {
    Tokens tokens = tokens_of(seq);
    const uint64_t used = entries_[seq].used;
    tokens.resize(static_cast<size_t>(length));
    remove(seq);
    insert(seq, tokens);
    entries_[seq].used = used;
}

Tokens PrefixIndex::tokens_of(SeqId seq) const {
    const Entry & entry = entries_.at(seq);
    Tokens tokens(static_cast<size_t>(entry.length));
    auto end = tokens.end();
    for (const Node * node = entry.node; node; node = node->parent) {
        end = std::copy_backward(node->run.begin(), node->run.end(), end);
    }
    return tokens;
}

void PrefixIndex::touch(SeqId seq) {
    if (const auto found = entries_.find(seq); found != entries_.end()) {
        found->second.used = ++clock_;
    }
}

SeqId PrefixIndex::least_recent() const {
    const auto oldest = std::min_element(entries_.begin(), entries_.end(),
                                         [](auto & a, auto & b) { return a.second.used < b.second.used; });
    return oldest == entries_.end() ? kNoSeq : oldest->first;
}

Pos PrefixIndex::length(SeqId seq) const { return entries_.at(seq).length; }

std::vector<SeqId> PrefixIndex::sequences() const {
    std::vector<SeqId> all;
    for (const auto & entry : entries_) {
        all.push_back(entry.first);
    }
    return all;
}

}  // namespace po
