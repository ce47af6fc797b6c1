// How prompts may be cut without changing what attention computes.
#pragma once

#include <cstdint>

namespace po_attention {

constexpr int64_t kBlock = 16;  // rows; alignment of prompt rows

}  // namespace po_attention
