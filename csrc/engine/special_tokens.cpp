#include "engine/special_tokens.hpp"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <map>

#include "engine/work_limit.hpp"
#include "llama.h"

namespace po {
namespace {

constexpr int kSpecial = LLAMA_TOKEN_ATTR_CONTROL | LLAMA_TOKEN_ATTR_USER_DEFINED | LLAMA_TOKEN_ATTR_UNKNOWN;

bool is_framed(const std::string & text, std::string_view left, std::string_view right) {
    return text.size() > left.size() + right.size() && text.compare(0, left.size(), left) == 0 &&
           text.compare(text.size() - right.size(), right.size(), right) == 0;
}

// Some files call their control tokens user-defined. What ends an answer or looks like these is one all the same.
bool acts_as_control(const llama_vocab * vocab, Token id, const std::string & text) {
    return llama_vocab_is_eog(vocab, id) || is_framed(text, "<|", "|>") || is_framed(text, "<｜", "｜>") ||
           is_framed(text, "<start_of_", ">") || is_framed(text, "<end_of_", ">");
}

bool is_space(char byte) { return std::isspace(static_cast<unsigned char>(byte)) != 0; }

// Parts of a text that are taken, by tokens of falling length: one that overlaps a token of no greater length covers
// its first or its last byte.
class Taken {
  public:
    explicit Taken(size_t size) : bytes_(size) {}

    bool at(size_t byte) const { return bytes_[byte]; }
    void take(const Span & span) {
        for (size_t byte = span.begin; byte < span.end; ++byte) {
            bytes_[byte] = true;
        }
    }

  private:
    std::vector<bool> bytes_;
};

// REQUIRES: spans in order that do not touch.
bool lies_in(const std::vector<Span> & spans, const Span & span) {
    const auto after = std::upper_bound(spans.begin(), spans.end(), span.begin,
                                        [](size_t place, const Span & other) { return place < other.begin; });
    return after != spans.begin() && std::prev(after)->end >= span.end;
}

std::vector<Section> with_text_between(std::vector<Section> tokens, size_t size) {
    std::sort(tokens.begin(), tokens.end(),
              [](const Section & a, const Section & b) { return a.text.begin < b.text.begin; });
    std::vector<Section> sections;
    sections.reserve(2 * tokens.size() + 1);
    size_t begin = 0;
    for (const Section & token : tokens) {
        if (token.text.begin > begin) {
            sections.push_back({kNoToken, {begin, token.text.begin}});
        }
        sections.push_back(token);
        begin = token.text.end;
    }
    if (size > begin) {
        sections.push_back({kNoToken, {begin, size}});
    }
    return sections;
}

}  // namespace

SpecialTokens::SpecialTokens(const llama_vocab * vocab) : nodes_{{kNone, kNone}} {
    for (Token id = 0; id < llama_vocab_n_tokens(vocab); ++id) {
        const int attr = llama_vocab_get_attr(vocab, id);
        const char * text = llama_vocab_get_text(vocab, id);
        if ((attr & kSpecial) == 0 || *text == '\0') {
            continue;
        }
        Entry entry{id, text, (attr & LLAMA_TOKEN_ATTR_USER_DEFINED) == 0,
                    (attr & LLAMA_TOKEN_ATTR_LSTRIP) != 0, (attr & LLAMA_TOKEN_ATTR_RSTRIP) != 0};
        entry.control |= acts_as_control(vocab, id, entry.text);
        swallow_space_ |= entry.strips_left || entry.strips_right;
        entries_.push_back(std::move(entry));
    }
    // The library sorts the same list by the same rule, so tokens of one length get the same order.
    std::sort(entries_.begin(), entries_.end(),
              [](const Entry & a, const Entry & b) { return a.text.size() > b.text.size(); });
    for (size_t rank = entries_.size(); rank-- > 0;) {
        add(static_cast<uint32_t>(rank));  // short ones first, so that the longer ones find them on their way
    }
}

uint32_t SpecialTokens::child(uint32_t node, char byte) const {
    const auto edge = edges_.find(uint64_t{node} << 8 | static_cast<unsigned char>(byte));
    return edge == edges_.end() ? kNone : edge->second;
}

void SpecialTokens::add(uint32_t rank) {
    const std::string & text = entries_[rank].text;
    uint32_t node = 0;
    uint32_t shorter = kNone;
    for (const char byte : text) {
        if (nodes_[node].rank != kNone) {
            shorter = node;
        }
        uint32_t next = child(node, byte);
        if (next == kNone) {
            next = static_cast<uint32_t>(nodes_.size());
            nodes_.push_back({kNone, kNone});
            edges_.emplace(uint64_t{node} << 8 | static_cast<unsigned char>(byte), next);
        }
        node = next;
    }
    starts_[static_cast<unsigned char>(text[0])] = true;
    nodes_[node] = {rank, shorter};  // of two tokens with one text the first counts: it comes last here
}

// The node of the longest token that begins there, or kNone.
uint32_t SpecialTokens::longest_at(std::string_view text, size_t begin) const {
    uint32_t found = kNone;
    uint32_t node = 0;
    for (size_t at = begin; at < text.size(); ++at) {
        node = child(node, text[at]);
        if (node == kNone) {
            break;
        }
        if (nodes_[node].rank != kNone) {
            found = node;
        }
    }
    return found;
}

std::vector<Section> SpecialTokens::split(std::string_view text, const std::vector<Span> & trusted) const {
    // The longest token that begins at each place, by rank. Where it cannot stand, the next shorter one is offered.
    std::map<uint32_t, std::vector<Candidate>> candidates;
    const auto offer = [&](size_t begin, uint32_t node) {
        if (node != kNone) {
            candidates[nodes_[node].rank].push_back({static_cast<uint32_t>(begin), node});
        }
    };
    for (size_t begin = 0; begin < text.size(); ++begin) {
        if (starts_[static_cast<unsigned char>(text[begin])]) {
            WorkLimit::step();
            offer(begin, longest_at(text, begin));
        }
    }
    Taken taken(candidates.empty() ? 0 : text.size());
    std::vector<Section> found;
    while (!candidates.empty()) {
        const Entry & entry = entries_[candidates.begin()->first];
        std::vector<Candidate> places = std::move(candidates.begin()->second);
        candidates.erase(candidates.begin());
        std::sort(places.begin(), places.end(),
                  [](const Candidate & a, const Candidate & b) { return a.begin < b.begin; });
        for (const Candidate & place : places) {
            WorkLimit::step();
            Span span{place.begin, place.begin + entry.text.size()};
            if (taken.at(span.begin)) {
                continue;
            }
            if (taken.at(span.end - 1) || (entry.control && !lies_in(trusted, span))) {
                offer(span.begin, nodes_[place.node].shorter);
                continue;
            }
            while (entry.strips_left && span.begin > 0 && !taken.at(span.begin - 1) && is_space(text[span.begin - 1])) {
                --span.begin;
            }
            while (entry.strips_right && span.end < text.size() && !taken.at(span.end) && is_space(text[span.end])) {
                ++span.end;
            }
            taken.take(span);
            found.push_back({entry.id, span});
        }
    }
    return with_text_between(std::move(found), text.size());
}

}  // namespace po
