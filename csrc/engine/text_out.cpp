#include "engine/text_out.hpp"

#include <utility>

namespace po {

TextOut::TextOut(std::vector<std::string> stops) : stops_(std::move(stops)) {}

bool TextOut::add(std::string_view bytes, std::string & emit) {
    if (done_) return true;
    if (stops_.empty()) {
        repair_.add(bytes, emit);
        return false;
    }
    passed_.clear();
    done_ = stops_.add(bytes, passed_);
    repair_.add(passed_, emit);
    if (done_) repair_.flush(emit);
    return done_;
}

void TextOut::flush(std::string & emit) {
    if (done_) return;
    passed_.clear();
    stops_.flush(passed_);
    repair_.add(passed_, emit);
    repair_.flush(emit);
}

}  // namespace po
