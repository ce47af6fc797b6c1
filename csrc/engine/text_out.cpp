#include "engine/text_out.hpp"

#include <algorithm>
#include <utility>

namespace po {

TextOut::TextOut(std::vector<std::string> stops)
    : stops_(stops), empty_stop_(std::find(stops.begin(), stops.end(), std::string()) != stops.end()) {}

bool TextOut::add(std::string_view bytes, std::string & emit) {
    done_ |= empty_stop_;
    if (done_) return true;
    if (stops_.empty()) {
        pass(bytes, emit);
        return false;
    }
    passed_.clear();
    done_ = stops_.add(bytes, passed_);
    pass(passed_, emit);
    if (done_) repair_.flush(emit);
    return done_;
}

void TextOut::flush(std::string & emit) {
    if (done_) return;
    passed_.clear();
    stops_.flush(passed_);
    pass(passed_, emit);
    passed_on_ -= repair_.held();
    repair_.drop();
}

void TextOut::pass(std::string_view bytes, std::string & emit) {
    passed_on_ += bytes.size();
    repair_.add(bytes, emit);
}

}  // namespace po
