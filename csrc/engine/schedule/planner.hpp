// How many prompt rows the next step computes, and whose. Decode rows always come first; this is about the rest.
// Plain values, no threads.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "engine/types.hpp"
#include "kernels/prompt_block.hpp"

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

// Attention computes prompt rows in blocks of so many aligned ones, and rows of a broken block in another way, which
// rounds differently (csrc/kernels/flash_attention.hpp). Prompts are cut between blocks only, so that their rows do not
// depend on how they are cut.
constexpr int kBlockRows = po_attention::kBlock;

// The rows of a prompt that a step computes, of at most `most` beginning at pos: up to the end of a block, or of the prompt.
// 0: not a block fits.
inline int whole_blocks(Pos pos, int most, int rows_left) {
    return most >= rows_left ? rows_left : std::max(most - (pos + most) % kBlockRows, 0);
}

// Where the rows of a prompt of n tokens begin of which the first `reused` are there already: a prompt that is there as a
// whole is computed from the beginning of its last block, if that is whole, as when it was new.
inline Pos first_row(Pos reused, Pos n) { return reused == n - 1 && n % kBlockRows == 0 ? n - kBlockRows : reused; }

struct PromptDemand {
    int rows;           // left to compute, > 0
    int64_t waited_ns;  // since it was submitted
};

// Splits budget over the demands: grants[i] rows for demands[i], the sum never above budget. Short ones first, and
// whoever has waited ranks as if it were shorter, by rows_per_ns. While others wait, nobody gets more than half of
// what is left.
std::vector<int> grant_rows(const std::vector<PromptDemand> & demands, int budget, double rows_per_ns);

}  // namespace po
