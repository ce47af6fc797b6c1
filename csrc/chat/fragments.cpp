#include "chat/fragments.hpp"

#include <algorithm>

namespace po {

void Fragments::add(const std::string & text, size_t begin, size_t size, bool is_data) {
    if (size == 0) {
        return;
    }
    if ((list_.size() % 2 == 0) != is_data) {
        list_.emplace_back();
    }
    list_.back().append(text, begin, size);
}

Fragments mark_prompt(const std::string & prompt, const jinja::po_rendering & rendering, const Continuation * more) {
    Fragments fragments;
    size_t done = 0;  // bytes of the prompt
    size_t skip = rendering.front;
    bool equal = true;
    bool lost_data = false;  // the rendering goes on with data where the prompt does not
    for (const jinja::string_part & part : rendering.parts) {
        const size_t skipped = std::min(skip, part.val.size());
        skip -= skipped;
        const auto begin = part.val.begin() + static_cast<ptrdiff_t>(skipped);
        const auto most = std::min<size_t>(part.val.size() - skipped, prompt.size() - done);
        const auto end = equal ? std::mismatch(begin, begin + static_cast<ptrdiff_t>(most),
                                               prompt.begin() + static_cast<ptrdiff_t>(done)).first
                               : begin;
        const auto size = static_cast<size_t>(end - begin);
        fragments.add(prompt, done, size, part.is_input);
        done += size;
        equal &= end == part.val.end();
        lost_data |= end != part.val.end() && part.is_input;
    }
    if (!lost_data && !more) {
        fragments.add(prompt, done, prompt.size() - done, false);
    } else if (!lost_data && prompt.compare(done, std::string::npos, more->text()) == 0) {
        for (const auto & [text, is_data] : {std::pair{&more->before, false}, std::pair{&more->reasoning, true},
                                             std::pair{&more->between, false}, std::pair{&more->content, true}}) {
            fragments.add(*text, 0, text->size(), is_data);
        }
    } else {
        fragments.add(prompt, done, prompt.size() - done, true);
    }
    return fragments;
}

}  // namespace po
