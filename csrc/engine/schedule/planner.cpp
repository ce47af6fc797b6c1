#include "engine/schedule/planner.hpp"

#include <algorithm>
#include <numeric>

namespace po {
namespace {

constexpr int kShapeStep = 32;
constexpr int kLeastRows = 16;           // progress even when decoding alone exceeds the target
constexpr int kLeastRelaxedRows = 128;   // below this matrix products are bound by reading weights
constexpr double kNewShare = 0.3;        // of the newest step in the averages

double averaged(double old, double now) { return old == 0 ? now : old + kNewShare * (now - old); }

}  // namespace

CostModel::CostModel(int64_t target_ns, int64_t relaxed_ns) : target_ns_(target_ns), relaxed_ns_(relaxed_ns) {}

void CostModel::learn(int decode_rows, int prompt_rows, int64_t ns) {
    if (prompt_rows == 0) {
        decode_ns_ = averaged(decode_ns_, static_cast<double>(ns));
    } else if (prompt_rows >= kLeastRows) {
        const double beside = decode_rows > 0 ? decode_ns_ : 0;
        row_ns_ = averaged(row_ns_, std::max(1.0, (static_cast<double>(ns) - beside) / prompt_rows));
    }
}

int CostModel::budget(int decode_rows, int most_rows) const {
    if (most_rows <= 0) {
        return 0;
    }
    const bool relaxed = decode_rows == 0;
    const int least = std::min(relaxed ? kLeastRelaxedRows : kLeastRows, most_rows);
    if (row_ns_ == 0) {
        return std::min(most_rows, relaxed ? kLeastRelaxedRows : kShapeStep);
    }
    const double left = relaxed ? static_cast<double>(relaxed_ns_) : static_cast<double>(target_ns_) - decode_ns_;
    const double rows = std::min(left / row_ns_, static_cast<double>(most_rows));
    if (rows >= most_rows) {
        return most_rows;
    }
    return std::max(static_cast<int>(rows) / kShapeStep * kShapeStep, least);
}

std::vector<int> grant_rows(const std::vector<PromptDemand> & demands, int budget, double rows_per_ns) {
    std::vector<size_t> order(demands.size());
    std::iota(order.begin(), order.end(), size_t{0});
    const auto rank = [&](size_t i) {
        return demands[i].rows - rows_per_ns * static_cast<double>(demands[i].waited_ns);
    };
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return rank(a) < rank(b); });

    std::vector<int> grants(demands.size(), 0);
    int left = budget;
    for (size_t k = 0; k < order.size() && left > 0; ++k) {
        const bool others_wait = k + 1 < order.size();
        const int most = others_wait ? std::max(left / 2, std::min(left, kLeastRows)) : left;
        grants[order[k]] = std::min(demands[order[k]].rows, most);
        left -= grants[order[k]];
    }
    for (size_t k = 0; k < order.size() && left > 0; ++k) {  // what short ones left over
        const int more = std::min(demands[order[k]].rows - grants[order[k]], left);
        grants[order[k]] += more;
        left -= more;
    }
    return grants;
}

}  // namespace po
