// PrefixIndex finds, among the token runs that idle sequences hold, the one that shares the longest beginning with a
// prompt. A radix tree: a run that several sequences share is one chain of nodes, and matching costs one pass over
// the prompt however many sequences there are.
// Ownership: sequence ids and copies of tokens; no memory calls. Threads: the scheduler thread.
#pragma once
#include <memory>
#include <unordered_map>
#include <vector>

#include "engine/types.hpp"

namespace po {

class PrefixIndex {
  public:
    struct Hit {
        SeqId seq = kNoSeq;  // kNoSeq: nothing in common
        Pos length = 0;      // tokens in common
    };

    PrefixIndex();
    ~PrefixIndex();

    // The longest common beginning with any entry; its first limit tokens at most.
    Hit match(const Tokens & tokens, Pos limit) const;

    // The longest entry that, as a whole, is a beginning of tokens and no longer than limit.
    Hit match_whole(const Tokens & tokens, Pos limit) const;

    // Entries that are beginnings of tokens, or equal to them: all that an entry for tokens makes superfluous.
    std::vector<SeqId> covered_by(const Tokens & tokens) const;

    // REQUIRES: seq has no entry, tokens is not empty. The entry counts as just used.
    void insert(SeqId seq, const Tokens & tokens);
    void remove(SeqId seq);

    // Keeps the first length tokens of an entry, at its place in the order of use. REQUIRES: 0 < length.
    void trim(SeqId seq, Pos length);

    void touch(SeqId seq);
    SeqId least_recent() const;  // kNoSeq: empty
    Pos length(SeqId seq) const;
    bool empty() const { return entries_.empty(); }
    size_t size() const { return entries_.size(); }
    std::vector<SeqId> sequences() const;

  private:
    struct Node;
    struct Entry {
        Node * node = nullptr;  // the entry ends at the end of this node
        Pos length = 0;
        uint64_t used = 0;
    };
    struct Walk {
        const Node * node;  // the last node entered
        Pos in_node;        // tokens of its run that matched
        Pos length;         // tokens matched in all
    };

    Walk walk(const Tokens & tokens, Pos limit) const;
    Node * split(Node * node, Pos at);
    void prune(Node * node);
    Tokens tokens_of(SeqId seq) const;

    std::unique_ptr<Node> root_;
    std::unordered_map<SeqId, Entry> entries_;
    uint64_t clock_ = 0;
};

}  // namespace po
