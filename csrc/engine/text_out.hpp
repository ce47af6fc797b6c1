// TextOut turns token bytes into text that may be shown: it finds stop strings across token borders, never emits
// half a code point, and replaces invalid bytes.
// Ownership: a value per request; owns copies of the stop strings.
// Threads: one at a time, no locks.
// Cost: linear in the bytes, however the stops overlap; plain ASCII without stops is one append.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "engine/stop_matcher.hpp"
#include "engine/utf8.hpp"

namespace po {

class TextOut {
  public:
    // An empty stop string is found before the first byte, as Ollama finds it.
    explicit TextOut(std::vector<std::string> stops);

    // Takes the next bytes of the output and appends to emit what may be shown now: valid UTF-8, without any
    // text that may yet turn out to be a stop. Invalid bytes become U+FFFD, one for each maximal subpart.
    // true: a stop string is complete. The text before it has been emitted, neither it nor what follows ever
    // will be, and later calls change nothing. The stop that ends first wins; of those that end together, the
    // longest.
    bool add(std::string_view bytes, std::string & emit);

    // End of the output: appends what is held back. A code point that the end cut is left out. Nothing after a stop.
    void flush(std::string & emit);

    // How many bytes of the output were shown, or were replaced.
    size_t shown() const { return passed_on_ - repair_.held(); }

  private:
    void pass(std::string_view bytes, std::string & emit);

    StopMatcher stops_;
    Utf8Repair repair_;
    std::string passed_;    // what the matcher let through in this call; kept for its memory
    size_t passed_on_ = 0;  // bytes, to repair_
    bool empty_stop_;
    bool done_ = false;
};

}  // namespace po
