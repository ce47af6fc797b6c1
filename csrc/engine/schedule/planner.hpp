// How many prompt rows the next step computes, and whose. Decode rows always come first; this is about the rest.
// Plain values, no threads.
#pragma once
#include <cstdint>
#include <vector>

namespace po {

// CostModel learns what rows cost on this machine and turns a time into a number of rows.
class CostModel {
  public:
    // target_ns: how long a step may take while someone waits for the next token.
    // relaxed_ns: the same while nobody does; it bounds how late a new request is seen.
    CostModel(int64_t target_ns, int64_t relaxed_ns);

    // A step took ns for these rows. Steps without prompt rows teach what decoding costs.
    void learn(int decode_rows, int prompt_rows, int64_t ns);

    // Prompt rows that fit beside decode_rows: a multiple of 32 (so that shapes repeat), at least 16 (or 128 when
    // nobody decodes), at most most_rows.
    int budget(int decode_rows, int most_rows) const;

    // How fast waiting makes a prompt rank as shorter: half as fast as this machine computes. 0: not known yet.
    double aging() const { return row_ns_ > 0 ? 0.5 / row_ns_ : 0; }

  private:
    int64_t target_ns_;
    int64_t relaxed_ns_;
    double decode_ns_ = 0;  // a step of decode rows alone
    double row_ns_ = 0;     // one prompt row; 0: not known yet
};

struct PromptDemand {
    int rows;           // left to compute, > 0
    int64_t waited_ns;  // since it was submitted
};

// Splits budget over the demands: grants[i] rows for demands[i], the sum never above budget. Short ones first, and
// whoever has waited ranks as if it were shorter, by rows_per_ns. While others wait, nobody gets more than half of
// what is left.
std::vector<int> grant_rows(const std::vector<PromptDemand> & demands, int budget, double rows_per_ns);

}  // namespace po
