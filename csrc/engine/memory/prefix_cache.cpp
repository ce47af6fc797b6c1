#include "engine/memory/prefix_cache.hpp"

#include <algorithm>

namespace po {
namespace {

constexpr Pos kShortest = 16;  // tokens; below, computing anew costs less than the entry
constexpr int64_t kCutStep = 64;

}  // namespace

PrefixCache::Found PrefixCache::find(const Tokens & tokens, Pos limit) {
    Found found;
    const PrefixIndex::Hit longest = index_.match(tokens, limit);
    const PrefixIndex::Hit usable = pool_.traits().cuts ? longest : index_.match_whole(tokens, limit);
    if (usable.seq != kNoSeq && pool_.can_fork(usable.seq, usable.length)) {
        found.seq = usable.seq;
        found.length = usable.length;
        index_.touch(usable.seq);
    }
    if (found.length == limit) {
        return found;
    }
    if (index_.empty()) {
        found.miss = "the cache is empty";
    } else if (found.length < longest.length && !pool_.traits().cuts) {
        found.miss = "recurrent state cannot be cut at token " + std::to_string(longest.length);
    } else if (found.length < longest.length) {
        found.miss = "the sliding window has passed token " + std::to_string(longest.length);
    } else if (longest.length == 0) {
        found.miss = "no cached prompt begins alike";
    } else {
        found.miss = "differs from the cache at token " + std::to_string(longest.length);
    }
    return found;
}

void PrefixCache::keep(SeqId running, const Tokens & tokens, Pos length) {
    const bool whole = length == pool_.cells().length(running);
    if (length < kShortest || (!whole && !pool_.traits().cuts)) {
        pool_.drop(running);
        return;
    }
    const Tokens kept(tokens.begin(), tokens.begin() + length);
    const PrefixIndex::Hit known = index_.match(kept, length);
    if (known.length == length && pool_.can_fork(known.seq, length)) {
        index_.touch(known.seq);
        pool_.drop(running);
        return;
    }
    if (pool_.traits().cuts) {
        for (const SeqId covered : index_.covered_by(kept)) {
            forget(covered);
        }
        pool_.cut(running, length);
    }
    add(running, kept);
    pool_.drop(running);
}

void PrefixCache::remember(SeqId running, const Tokens & tokens, Pos length) {
    const Tokens kept(tokens.begin(), tokens.begin() + length);
    if (length < kShortest || index_.match_whole(kept, length).length == length) {
        return;
    }
    add(running, kept);
}

void PrefixCache::add(SeqId running, const Tokens & kept) {
    if (pool_.idle_full() && !index_.empty()) {
        forget(index_.least_recent());
    }
    if (!pool_.idle_full()) {
        index_.insert(pool_.copy(running), kept);
    }
}

int64_t PrefixCache::make_room(int64_t wanted) {
    while (pool_.cells().free() < wanted && !index_.empty()) {
        shorten_oldest(wanted - pool_.cells().free());
    }
    return pool_.cells().free();
}

// Cuts the end of the oldest entry, so that a system prompt at its beginning survives; drops it when too little stays.
void PrefixCache::shorten_oldest(int64_t cells) {
    const SeqId oldest = index_.least_recent();
    const Pos length = index_.length(oldest);
    const int64_t shorter = length - (cells + kCutStep - 1) / kCutStep * kCutStep;
    const bool cuttable = pool_.traits().cuts && pool_.traits().window == 0;
    if (!cuttable || shorter < kShortest || pool_.cells().own(oldest, static_cast<Pos>(shorter)) == 0) {
        forget(oldest);
        return;
    }
    pool_.cut(oldest, static_cast<Pos>(shorter));
    index_.trim(oldest, static_cast<Pos>(shorter));
}

void PrefixCache::forget(SeqId idle) {
    index_.remove(idle);
    pool_.drop(idle);
}

}  // namespace po
