// Who takes part in the next step: the half of Scheduler that runs before each computation.
#include <algorithm>

#include "engine/schedule/scheduler.hpp"

namespace po {
namespace {

constexpr Pos kWorthWaiting = 32;  // tokens of a common beginning that another prompt is about to have computed

Pos common_length(const Tokens & a, const Tokens & b, Pos limit) {
    const auto most = std::min({static_cast<Pos>(a.size()), static_cast<Pos>(b.size()), limit});
    const auto differs = std::mismatch(a.begin(), a.begin() + most, b.begin()).first;
    return static_cast<Pos>(differs - a.begin());
}

}  // namespace

void Scheduler::drop_cancelled() {
    if (!board_.take_news() && !fresh_) {
        return;
    }
    fresh_ = false;
    const auto drop = [this](const Owned & request) {
        if (board_.cancelled(request->id())) {
            request->finish("cancelled", outbox_);
            release(*request);
        }
    };
    std::for_each(running_.begin(), running_.end(), drop);
    std::for_each(waiting_.begin(), waiting_.end(), drop);
    std::for_each(parked_.begin(), parked_.end(), drop);
    sweep();
}

PoolUse Scheduler::use() const {
    PoolUse use;
    use.total = pool_.cells().total();
    use.pinned = pool_.cells().pinned();
    use.running = static_cast<int>(running_.size());
    for (const Owned & request : running_) {
        use.claimed += cells_claimed(request->rows_left(), request->answer_left());
    }
    return use;
}

// The oldest first, and nobody overtakes it.
void Scheduler::resume_parked() {
    while (!parked_.empty() && !pool_.full()) {
        Request & request = *parked_.front();
        const int64_t needed = request.pos + cells_claimed(request.rows_left(), request.answer_left());
        grow(lacking(use(), needed));
        if (!admits(use(), needed)) {
            return;
        }
        grow(request.pos + request.rows_left() - pool_.cells().free());
        cache_.make_room(request.pos + request.rows_left());
        request.seq = pool_.open();
        Owned owned = std::move(parked_.front());
        parked_.pop_front();
        if (pool_.restore(request.seq, request.parked, request.pos)) {
            running_.push_back(std::move(owned));
        } else {
            pool_.drop(request.seq);
            request.seq = kNoSeq;
            request.pos = 0;
            waiting_.push_front(std::move(owned));
        }
        request.parked = {};
    }
}

void Scheduler::admit() {
    for (auto it = waiting_.begin(); it != waiting_.end() && !pool_.full() && parked_.empty();) {
        Request & request = **it;
        Source source = find_source(request);
        if (source.wait) {
            ++it;
            continue;
        }
        const Pos shared = source.found.length;
        const int64_t pinned_anew = shared > 0 ? pool_.cells().unpinned(source.found.seq, shared) : 0;
        const int64_t rows = static_cast<int64_t>(request.tokens.size()) - shared;
        const int64_t needed = pinned_anew + cells_claimed(rows, request.answer_left());
        grow(lacking(use(), needed));
        if (!admits(use(), needed)) {
            return;
        }
        Owned owned = std::move(*it);
        it = waiting_.erase(it);
        start(std::move(owned), source);
    }
}

// The longest beginning that an idle or running sequence holds; the last token is always computed anew.
Scheduler::Source Scheduler::find_source(const Request & request) {
    const Pos limit = static_cast<Pos>(request.tokens.size()) - 1;
    Source source;
    source.found = cache_.find(request.tokens, limit);
    const bool may_wait = pool_.traits().cuts && pool_.traits().window == 0;
    for (const Owned & other : running_) {
        const Pos common = common_length(other->tokens, request.tokens, std::min(limit, other->clean));
        const Pos there = std::min(common, other->pos);
        if (there > source.found.length && pool_.can_fork(other->seq, there)) {
            source.found.seq = other->seq;
            source.found.length = there;
            source.found.miss = there < limit ? "differs from a running prompt at token " + std::to_string(common) : "";
        }
        source.wait |= may_wait && other->prefilling() && common > other->pos &&
                       common >= source.found.length + kWorthWaiting;
    }
    const Pos first = first_row(source.found.length, limit + 1);
    if (pool_.traits().cuts && (first == 0 || pool_.can_fork(source.found.seq, first))) {
        source.found.length = first;
    }
    return source;
}

void Scheduler::start(Owned request, Source & source) {
    request->seq = pool_.open();
    if (source.found.length > 0) {
        pool_.fork(source.found.seq, request->seq, source.found.length);
    }
    request->pos = source.found.length;
    if (request->order == 0) {  // not after it was parked
        request->order = ++admitted_;
        request->reused = source.found.length;
        request->prefix_miss = std::move(source.found.miss);
    }
    running_.push_back(std::move(request));
}

// Positions can only move in cells that nobody shares. A request that shares is parked, which unshares it.
void Scheduler::shift_full() {
    for (size_t i = 0; i < running_.size();) {
        Request & request = *running_[i];
        if (request.prefilling() || !request.context_full()) {
            ++i;
            continue;
        }
        const Cut cut = request.next_cut();
        if (pool_.cells().shares(request.seq, cut.keep + cut.discard)) {
            park(i);
            continue;
        }
        pool_.shift(request.seq, cut.keep, cut.discard);
        request.shifted(cut);
        ++i;
    }
}

}  // namespace po
