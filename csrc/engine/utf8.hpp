// Utf8Repair passes a byte stream on in whole code points and replaces what is not UTF-8.
// Ownership: a value. Threads: one at a time.
#pragma once
#include <string>
#include <string_view>

namespace po {

class Utf8Repair {
  public:
    // Appends every code point that is complete now; an invalid sequence becomes one U+FFFD for each maximal
    // subpart (Unicode 15, section 3.9, table 3-8), so any cut of the stream into calls gives the same text.
    void add(std::string_view bytes, std::string & out);

    // The begun code point will not be completed: it becomes U+FFFD, or goes without a trace.
    void flush(std::string & out);
    void drop() { need_ = 0; }

    size_t held() const { return need_ != 0 ? static_cast<size_t>(have_) : 0; }  // bytes of the begun code point

  private:
    void begin(unsigned char lead, std::string & out);
    bool go_on(unsigned char byte, std::string & out);  // false: byte does not belong to the begun code point

    char held_[4] = {};             // the begun code point
    int have_ = 0, need_ = 0;       // its bytes so far, and in all; need_ 0: none begun
    unsigned char low_ = 0x80, high_ = 0xBF;  // what its next byte may be
};

}  // namespace po
