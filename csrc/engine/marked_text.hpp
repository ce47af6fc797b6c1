// MarkedText is a text of which some parts may spell out control tokens, because a template wrote them.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "engine/special_tokens.hpp"

namespace po {

struct MarkedText {
    std::string text;
    std::vector<Span> trusted;  // in order; they do not touch

    // Fragments come in turn from the template and from data (pyollama/prompt/prompts.py).
    void add(std::string_view fragment, bool is_trusted) {
        const size_t begin = text.size();
        text += fragment;
        if (!is_trusted || fragment.empty()) {
            return;
        }
        if (!trusted.empty() && trusted.back().end == begin) {
            trusted.back().end = text.size();
        } else {
            trusted.push_back({begin, text.size()});
        }
    }

    void trust_all() {
        trusted.clear();
        if (!text.empty()) trusted.push_back({0, text.size()});
    }

    // Takes out bytes [begin, end), or a little less, so that no character is split.
    void cut(size_t begin, size_t end) {
        const auto inside = [&](size_t at) {
            return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
        };
        while (begin < end && inside(begin)) ++begin;
        while (begin < end && inside(end)) --end;
        text.erase(begin, end - begin);
        std::vector<Span> left;
        for (const Span & span : trusted) {
            const auto moved = [&](size_t at) { return at <= begin ? at : at < end ? begin : at - (end - begin); };
            if (moved(span.begin) == moved(span.end)) continue;
            if (!left.empty() && left.back().end == moved(span.begin)) {
                left.back().end = moved(span.end);
            } else {
                left.push_back({moved(span.begin), moved(span.end)});
            }
        }
        trusted = std::move(left);
    }
};

}  // namespace po
