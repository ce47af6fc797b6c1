#include "engine/sampling/candidates.hpp"

#include <algorithm>
#include <limits>

namespace po {
namespace {

constexpr float kLowest = -std::numeric_limits<float>::infinity();
constexpr float kHighest = std::numeric_limits<float>::max();

// Sixteen maxima side by side, which a compiler can keep in vector registers without reordering any comparison.
float largest(const float * values, size_t n) noexcept {
    constexpr size_t kLanes = 16;
    float lanes[kLanes];
    std::fill(lanes, lanes + kLanes, kLowest);
    size_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
        for (size_t l = 0; l < kLanes; ++l) lanes[l] = values[i + l] > lanes[l] ? values[i + l] : lanes[l];
    }
    float max = kLowest;
    for (; i < n; ++i) max = values[i] > max ? values[i] : max;
    for (const float lane : lanes) max = lane > max ? lane : max;
    return max;
}

Candidate candidate(Token token, float logit) noexcept { return {token, std::min(logit, kHighest), 0, 0}; }

// The k best so far, worst in front.
class Best {
  public:
    Best(std::vector<Candidate> & items, size_t k) : items_(items), k_(k) { items_.clear(); }

    // What a later token must exceed to get in.
    float bar() const noexcept { return items_.size() < k_ ? kLowest : items_.front().logit; }

    void offer(Candidate c) {
        if (items_.size() == k_) {
            std::pop_heap(items_.begin(), items_.end(), better);
            items_.pop_back();
        }
        items_.push_back(c);
        std::push_heap(items_.begin(), items_.end(), better);
    }

  private:
    std::vector<Candidate> & items_;
    const size_t k_;
};

void take_best(const Logits & logits, size_t k, std::vector<Candidate> & items) {
    constexpr size_t kBlock = 64;
    Best best(items, k);
    logits.for_each_run([&](Token first, const float * values, size_t n) {
        for (size_t from = 0; from < n; from += kBlock) {
            const size_t to = std::min(n, from + kBlock);
            if (!(largest(values + from, to - from) > best.bar())) continue;
            for (size_t i = from; i < to; ++i) {
                if (values[i] > best.bar()) best.offer(candidate(first + static_cast<Token>(i), values[i]));
            }
        }
    });
    std::sort_heap(items.begin(), items.end(), better);
}

void take_all(const Logits & logits, std::vector<Candidate> & items) {
    items.clear();
    logits.for_each_run([&](Token first, const float * values, size_t n) {
        for (size_t i = 0; i < n; ++i) {
            if (values[i] > kLowest) items.push_back(candidate(first + static_cast<Token>(i), values[i]));
        }
    });
}

}  // namespace

Token best_token(const Logits & logits) noexcept {
    constexpr size_t kBlock = 1024;
    Token best = kNoToken;
    float max = kLowest;
    logits.for_each_run([&](Token first, const float * values, size_t n) {
        for (size_t from = 0; from < n; from += kBlock) {
            const size_t to = std::min(n, from + kBlock);
            const float here = largest(values + from, to - from);
            if (!(here > max)) continue;
            max = here;
            best = first + static_cast<Token>(std::find(values + from, values + to, here) - values);
        }
    });
    return best;
}

void take(const Logits & logits, int k, Candidates & out) {
    out.sorted = k > 0;
    if (k > 0) {
        take_best(logits, static_cast<size_t>(k), out.items);
    } else {
        take_all(logits, out.items);
    }
}

}  // namespace po
