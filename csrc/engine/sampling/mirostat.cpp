#include "engine/sampling/mirostat.hpp"

#include <algorithm>
#include <cmath>

#include "engine/sampling/filters.hpp"

namespace po {
namespace {

// How steeply probability falls with rank (the exponent of Zipf's law), from the best tokens; NaN for one token.
double zipf_exponent(const Candidates & c, size_t n) noexcept {
    double products = 0, squares = 0;
    for (size_t i = 0; i + 1 < n; ++i) {
        const double t = std::log(static_cast<double>(i + 2) / static_cast<double>(i + 1));
        const double b = static_cast<double>(c.items[i].logit) - c.items[i + 1].logit;  // log of the ratio
        products += t * b;
        squares += t * t;
    }
    return products / squares;
}

}  // namespace

void Mirostat::cut_by_rank(Candidates & c, int n_vocab) const noexcept {
    constexpr size_t kFitted = 100;  // the paper's m
    const size_t n = c.items.size();
    sort_best(c, kFitted);
    const double s = zipf_exponent(c, std::min(n, kFitted));
    const double eps = s - 1;
    const double k = std::pow(eps * std::exp2(mu_) / (1 - std::pow(n_vocab, -eps)), 1 / s);
    if (!(k < static_cast<double>(n))) return;  // also when it is NaN
    const auto keep = std::max<size_t>(1, static_cast<size_t>(std::max(k, 1.0)));
    sort_best(c, keep);
    c.items.erase(c.items.begin() + keep, c.items.end());
    c.sorted = true;
}

void Mirostat::cut_by_surprise(Candidates & c) const noexcept {
    softmax(c);
    const Candidate best = *std::min_element(c.items.begin(), c.items.end(), better);
    const auto gone = [&](const Candidate & item) { return !(-std::log2(item.p) <= mu_) && item.token != best.token; };
    c.items.erase(std::remove_if(c.items.begin(), c.items.end(), gone), c.items.end());
}

size_t Mirostat::draw(Candidates & c, int n_vocab, Random & random) noexcept {
    if (version_ == 1) {
        cut_by_rank(c, n_vocab);
    } else {
        cut_by_surprise(c);
    }
    const size_t drawn = po::draw(c, random);
    mu_ -= eta_ * (-std::log2(c.items[drawn].p) - tau_);
    return drawn;
}

}  // namespace po
