// PrefixCache keeps the KV of finished requests for prompts that begin alike, and gives cells back when asked.
// Ownership: borrows the pool; idle sequences belong to the cache. Threads: the scheduler thread.
#pragma once
#include <cstdint>
#include <string>

#include "engine/memory/kv_pool.hpp"
#include "engine/memory/prefix_index.hpp"
#include "engine/types.hpp"

namespace po {

class PrefixCache {
  public:
    struct Found {
        SeqId seq = kNoSeq;
        Pos length = 0;     // tokens that can be taken over
        std::string miss;   // why not more; empty: nothing more could be
    };

    explicit PrefixCache(KvPool & pool) : pool_(pool) {}

    // The best beginning of tokens, at most limit of them. The entry counts as used.
    Found find(const Tokens & tokens, Pos limit);

    // Takes a running sequence over: its first length tokens stay for later prompts, the rest is freed.
    // tokens: what it holds. The sequence is gone for the caller.
    void keep(SeqId running, const Tokens & tokens, Pos length);

    // For memory that cannot be cut: remembers a running sequence as it is now, which may go on. All it holds are the
    // first length of tokens.
    void remember(SeqId running, const Tokens & tokens, Pos length);

    // Frees cells, least recently used entries first, from their ends, until wanted are free or nothing is left.
    // Returns how many are free.
    int64_t make_room(int64_t wanted);
    bool empty() const { return index_.empty(); }
    size_t size() const { return index_.size(); }

  private:
    void forget(SeqId idle);
    void add(SeqId running, const Tokens & kept);
    void shorten_oldest(int64_t cells);

    KvPool & pool_;
    PrefixIndex index_;
};

}  // namespace po
