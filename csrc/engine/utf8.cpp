#include "engine/utf8.hpp"

#include <cstdint>
#include <cstring>

namespace po {
namespace {

constexpr const char * kReplacement = "\xEF\xBF\xBD";

size_t ascii_run(std::string_view bytes) {
    size_t n = 0;
    for (uint64_t word; n + sizeof word <= bytes.size(); n += sizeof word) {
        std::memcpy(&word, bytes.data() + n, sizeof word);
        if (word & 0x8080808080808080u) break;
    }
    while (n < bytes.size() && static_cast<unsigned char>(bytes[n]) < 0x80) ++n;
    return n;
}

// Bytes of the code point that lead begins, 0: no code point begins so.
int length_of(unsigned char lead) {
    if (lead >= 0xC2 && lead <= 0xDF) return 2;
    if (lead >= 0xE0 && lead <= 0xEF) return 3;
    if (lead >= 0xF0 && lead <= 0xF4) return 4;
    return 0;
}

}  // namespace

void Utf8Repair::add(std::string_view bytes, std::string & out) {
    while (!bytes.empty()) {
        if (need_ == 0) {
            const size_t plain = ascii_run(bytes);
            out.append(bytes.data(), plain);
            bytes.remove_prefix(plain);
            if (bytes.empty()) return;
            begin(static_cast<unsigned char>(bytes.front()), out);
            bytes.remove_prefix(1);
        } else if (go_on(static_cast<unsigned char>(bytes.front()), out)) {
            bytes.remove_prefix(1);
        }
    }
}

void Utf8Repair::begin(unsigned char lead, std::string & out) {
    need_ = length_of(lead);
    if (need_ == 0) {
        out += kReplacement;
        return;
    }
    held_[0] = static_cast<char>(lead);
    have_ = 1;
    low_ = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;   // no overlong forms
    high_ = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;  // no surrogates, nothing past U+10FFFF
}

bool Utf8Repair::go_on(unsigned char byte, std::string & out) {
    if (byte < low_ || byte > high_) {
        flush(out);
        return false;
    }
    held_[have_++] = static_cast<char>(byte);
    low_ = 0x80;
    high_ = 0xBF;
    if (have_ == need_) {
        out.append(held_, static_cast<size_t>(have_));
        need_ = 0;
    }
    return true;
}

void Utf8Repair::flush(std::string & out) {
    if (need_ != 0) out += kReplacement;
    need_ = 0;
}

}  // namespace po
