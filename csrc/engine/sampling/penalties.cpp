#include "engine/sampling/penalties.hpp"

#include <algorithm>

namespace po {

Penalties::Penalties(float repeat, float presence, float frequency, int last_n)
    : repeat_(repeat),
      presence_(presence),
      frequency_(frequency),
      last_n_(last_n),
      active_(last_n != 0 && (repeat != 1 || presence != 0 || frequency != 0)) {
    if (!active_) return;
    constexpr int kPrompt = 4096;  // enough that few requests ever grow it
    const auto room = static_cast<size_t>(last_n < 0 ? kPrompt : std::min(last_n, kPrompt));
    window_.reserve(last_n < 0 ? 0 : room);
    counts_.reserve(room);
    replaced_.reserve(room);
}

std::vector<Penalties::Count>::iterator Penalties::find(Token token) noexcept {
    return std::lower_bound(counts_.begin(), counts_.end(), token,
                            [](const Count & c, Token wanted) { return c.token < wanted; });
}

void Penalties::add(Token token) {
    const auto at = find(token);
    if (at != counts_.end() && at->token == token) {
        ++at->n;
    } else {
        counts_.insert(at, {token, 1});
    }
}

void Penalties::remove(Token token) noexcept {
    const auto at = find(token);
    if (--at->n == 0) counts_.erase(at);
}

void Penalties::accept(Token token) {
    if (!active_) return;
    if (last_n_ > 0 && window_.size() == static_cast<size_t>(last_n_)) {
        remove(window_[oldest_]);
        window_[oldest_] = token;
        oldest_ = (oldest_ + 1) % window_.size();
    } else if (last_n_ > 0) {
        window_.push_back(token);
    }
    add(token);
}

const std::vector<Replacement> & Penalties::apply(const float * raw) {
    replaced_.clear();
    for (const Count & c : counts_) {
        float logit = raw[c.token];
        logit = logit > 0 ? logit / repeat_ : logit * repeat_;
        logit -= static_cast<float>(c.n) * frequency_ + presence_;
        replaced_.push_back({c.token, logit});
    }
    return replaced_;
}

}  // namespace po
