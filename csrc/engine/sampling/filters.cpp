#include "engine/sampling/filters.hpp"

#include <algorithm>
#include <cmath>

namespace po {
namespace {

using Items = std::vector<Candidate>;

float max_logit(const Candidates & c) noexcept {
    if (c.sorted) return c.items.front().logit;
    return std::min_element(c.items.begin(), c.items.end(), better)->logit;
}

// Sets every p to exp(logit - max) and returns their sum.
double exponentials(Candidates & c, float max) noexcept {
    double sum = 0;
    for (Candidate & item : c.items) {
        item.p = std::exp(item.logit - max);
        sum += item.p;
    }
    return sum;
}

void cut(Items & items, size_t n) noexcept { items.erase(items.begin() + static_cast<std::ptrdiff_t>(n), items.end()); }

// Sorts items[from, ...) by less a chunk at a time, so that only what is needed gets sorted, and returns how many
// make up p or more. strict: more than p.
template <class Less>
size_t count_until(Items & items, float p, bool strict, Less less) noexcept {
    double sum = 0;
    size_t sorted = 0;
    for (size_t i = 0; i < items.size(); ++i) {
        if (i == sorted) {
            sorted = std::min(items.size(), std::max<size_t>(64, sorted * 4));
            std::partial_sort(items.begin() + i, items.begin() + sorted, items.end(), less);
        }
        sum += items[i].p;
        if (strict ? sum > p : sum >= p) return i + 1;
    }
    return items.size();
}

// Sets every key to the distance of the token's surprise from the entropy, in nats.
void measure_typicality(Candidates & c) noexcept {
    const float max = max_logit(c);
    const double sum = exponentials(c, max);
    const double log_sum = std::log(sum);
    double entropy = 0;
    for (Candidate & item : c.items) {
        const double surprise = log_sum - (static_cast<double>(item.logit) - max);
        item.p = static_cast<float>(item.p / sum);
        item.key = static_cast<float>(surprise);
        entropy += item.p * surprise;
    }
    for (Candidate & item : c.items) item.key = std::fabs(item.key - static_cast<float>(entropy));
}

}  // namespace

void softmax(Candidates & c) noexcept {
    const double sum = exponentials(c, max_logit(c));
    for (Candidate & item : c.items) item.p = static_cast<float>(item.p / sum);
}

void sort_best(Candidates & c, size_t n) noexcept {
    if (c.sorted) return;
    n = std::min(n, c.items.size());
    std::partial_sort(c.items.begin(), c.items.begin() + n, c.items.end(), better);
    c.sorted = n == c.items.size();
}

void keep_typical(Candidates & c, float p) noexcept {
    if (p >= 1) return;
    measure_typicality(c);
    cut(c.items, count_until(c.items, p, true, [](const Candidate & a, const Candidate & b) {
            return a.key != b.key ? a.key < b.key : better(a, b);
        }));
    c.sorted = false;
}

void keep_top_p(Candidates & c, float p) noexcept {
    if (p >= 1) return;
    softmax(c);
    cut(c.items, count_until(c.items, p, false, better));
    c.sorted = true;
}

void keep_min_p(Candidates & c, float p) noexcept {
    if (p <= 0) return;
    const float bar = max_logit(c) + std::log(std::min(p, 1.0f));
    const auto gone = [bar](const Candidate & item) { return item.logit < bar; };
    c.items.erase(std::remove_if(c.items.begin(), c.items.end(), gone), c.items.end());
}

void heat(Candidates & c, float temperature) noexcept {
    const float max = max_logit(c);
    for (Candidate & item : c.items) item.logit = (item.logit - max) / temperature;
}

size_t draw(Candidates & c, Random & random) noexcept {
    softmax(c);
    double left = random.uniform();
    size_t last = 0;
    for (size_t i = 0; i < c.items.size(); ++i) {
        if (c.items[i].p <= 0) continue;
        last = i;
        left -= c.items[i].p;
        if (left < 0) return i;
    }
    return last;  // the probabilities add up to a little less than 1
}

}  // namespace po
