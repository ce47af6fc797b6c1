// Embedding vectors between the engine's bytes and JSON. Needs no library but the standard one: the server loads it too.
// Threads: any; nothing is shared.
#pragma once
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <system_error>

namespace po {

constexpr int kFloatBytes = 4;
constexpr int kFloatText = 24;  // more than nine digits, sign, point and exponent need

inline float float_at(const char * bytes) {  // little-endian, whatever the machine
    uint32_t bits = 0;
    for (int i = kFloatBytes - 1; i >= 0; --i) {
        bits = bits << 8 | static_cast<unsigned char>(bytes[i]);
    }
    float value = 0;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

inline void put_float(float value, std::string & out) {
    uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    for (int i = 0; i < kFloatBytes; ++i) {
        out += static_cast<char>(bits >> 8 * i & 0xFF);
    }
}

// Appends the first n numbers of a vector, of length 1 again if those are not all of them. A vector of zeros stays.
// false: a number is infinite or none; nothing was appended.
inline bool append_head(const char * bytes, int64_t n_all, int64_t n, std::string & out) {
    double squares = 0;
    for (int64_t i = 0; i < n_all; ++i) {
        const double value = float_at(bytes + i * kFloatBytes);
        if (!std::isfinite(value)) {
            return false;
        }
        squares += i < n ? value * value : 0;
    }
    const double length = n < n_all && squares > 0 ? std::sqrt(squares) : 1;
    for (int64_t i = 0; i < n; ++i) {
        put_float(static_cast<float>(double(float_at(bytes + i * kFloatBytes)) / length), out);
    }
    return true;
}

// Appends a number as "%.9g" prints it: the digits that a float has, not those of the double it would become.
inline void append_number(float value, std::string & out) {
    char text[kFloatText];
#if defined(__cpp_lib_to_chars)
    const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::general, 9);
    out.append(text, end.ptr);
#else
    out.append(text, static_cast<size_t>(std::snprintf(text, sizeof text, "%.9g", double(value))));
#endif
}

// Appends vectors of width numbers each as JSON arrays with commas between them.
inline void append_json(const char * bytes, int64_t n_vectors, int64_t width, std::string & out) {
    for (int64_t i = 0; i < n_vectors; ++i) {
        out += i == 0 ? "[" : ",[";
        for (int64_t k = 0; k < width; ++k) {
            if (k > 0) {
                out += ',';
            }
            append_number(float_at(bytes + (i * width + k) * kFloatBytes), out);
        }
        out += ']';
    }
}

}  // namespace po
