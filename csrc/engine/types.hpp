#pragma once
#include <cstdint>
#include <vector>

namespace po {

using Token = int32_t;
using SeqId = int32_t;
using Pos = int32_t;
using ReqId = uint64_t;
using Tokens = std::vector<Token>;

constexpr SeqId kNoSeq = -1;
constexpr Token kNoToken = -1;

}  // namespace po
