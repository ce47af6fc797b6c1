#include "chat/answer_parser.hpp"

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include "chat/answer_reading.hpp"

namespace po {
namespace {

constexpr size_t kReadAgain = 64;   // all is read again when it has grown by this part
constexpr size_t kLongestEnd = 64;  // bytes of what closes a call or a message

const char * const kBlank = " \t\r\n";

// The longest end of text that is a proper beginning of mark.
size_t overlap(std::string_view text, std::string_view mark) {
    for (size_t n = std::min(text.size(), mark.size() - 1); n > 0; --n) {
        if (text.substr(text.size() - n) == mark.substr(0, n)) return n;
    }
    return 0;
}

bool begins(std::string_view text, std::string_view beginning) { return text.substr(0, beginning.size()) == beginning; }

class PegAnswerParser final : public AnswerParser {
  public:
    explicit PegAnswerParser(AnswerGrammar grammar) : grammar_(std::move(grammar)), text_(grammar_.before) {
        said_ = read_ = good_ = text_.size();  // the prompt is never part of the answer
        const Reading start = reading_of(text_);
        if (start.failed) return;
        AnswerDelta continued;  // what an answer that goes on has said already
        say_new(Flow::thinking, start.thinking, continued);
        say_new(Flow::content, start.content, continued);
        flow_ = start.flow;
    }

    void add(std::string_view text, AnswerDelta & out) noexcept override {
        try {
            if (gave_up_) return say(Flow::content, text, out);
            text_ += text;
            if (flow_ != Flow::none) pass(out);
            if (flow_ == Flow::none && text_.size() - read_ > read_ / kReadAgain) read(out);
        } catch (const std::exception &) {
            abandon(out);
        }
    }

    void finish(AnswerDelta & out) noexcept override {
        try {
            if (gave_up_) return;
            const Reading reading = reading_of(text_);
            if (reading.failed) return give_up(out);
            take(reading, out);
            skip_closing_marks(text_.size());
            say_rest(reading, out);
            gave_up_ = true;
        } catch (const std::exception &) {
            abandon(out);
        }
    }

    size_t bytes_read() const noexcept override { return bytes_read_; }

  private:
    Reading reading_of(const std::string & text) {
        bytes_read_ += text.size();
        return read_answer(grammar_, text);
    }

    // Lets text through up to a delimiter, or to what may become one.
    void pass(AnswerDelta & out) {
        const std::string_view text = text_;
        size_t end = text.size();
        bool found = false;
        size_t kept = 0;
        for (const std::string & delimiter : grammar_.delimiters) {
            const size_t at = text.substr(0, end).find(delimiter, said_);
            if (at != std::string_view::npos) {
                end = at;
                found = true;
            } else if (!found) {
                kept = std::max(kept, overlap(text.substr(said_), delimiter));
            }
        }
        if (!found) end -= kept;
        const std::string_view passed = text.substr(said_, end - said_);
        say(flow_, passed, out);
        said_ = end;
        if (found) flow_ = Flow::none;
    }

    void read(AnswerDelta & out) {
        const Reading reading = reading_of(text_);
        read_ = text_.size();
        if (!reading.failed) {
            good_ = text_.size();
            first_failure_ = 0;
            return take(reading, out);
        }
        // A text that ends in half a delimiter can fail although the whole would not.
        if (first_failure_ == 0) {
            first_failure_ = text_.size();
        } else if (text_.size() > first_failure_ + grammar_.longest) {
            give_up(out);
        }
    }

    // Says what is new in a reading. What was said before stays said.
    void take(const Reading & reading, AnswerDelta & out) {
        say_new(Flow::thinking, reading.thinking, out);
        say_new(Flow::content, reading.content, out);
        for (; n_calls_ < reading.n_complete; ++n_calls_) out.calls.push_back(reading.calls[n_calls_]);
        said_ = std::max(said_, reading.said);
        flow_ = reading.flow;
    }

    void say_new(Flow kind, std::string_view whole, AnswerDelta & out) {
        trim(kind, whole);
        const size_t said = said_of(kind);
        if (whole.size() > said) say(kind, whole.substr(said), out);
    }

    void say(Flow kind, std::string_view text, AnswerDelta & out) {
        size_t & said = said_of(kind);
        if (said == 0) trim(kind, text);
        said += text.size();
        (kind == Flow::thinking ? out.thinking : out.content) += text;
    }

    // White space after the tags of a thought belongs to them.
    void trim(Flow kind, std::string_view & text) const {
        if (kind == Flow::thinking || thinking_ > 0) {
            text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
        }
    }

    size_t & said_of(Flow kind) { return kind == Flow::thinking ? thinking_ : content_; }

    // What follows the last that was said, at the end of the answer.
    void say_rest(const Reading & reading, AnswerDelta & out) {
        std::string_view rest = std::string_view(text_).substr(std::min(said_, text_.size()));
        out.open_thought = reading.last == Flow::thinking && reading.n_complete == 0;
        if (reading.last == Flow::thinking) {
            for (const std::string & tag : grammar_.end_tags) {
                if (begins(rest, tag)) {
                    out.open_thought = false;
                    rest.remove_prefix(tag.size());
                } else if (!rest.empty() && begins(tag, rest)) {
                    return say(Flow::thinking, rest, out);
                }
            }
        }
        if (!grammar_.before.empty() && begins(grammar_.before, rest)) return;  // the header of a next message
        if (rest.find_first_not_of(kBlank) != std::string_view::npos) say(Flow::content, rest, out);
    }

    // The answer is not what the parser reads: up to the longest beginning that it is, it counts; the rest is content.
    void give_up(AnswerDelta & out) {
        size_t low = good_, high = text_.size();
        while (high - low > 1) {
            const size_t middle = low + (high - low) / 2;
            (reading_of(text_.substr(0, middle)).failed ? high : low) = middle;
        }
        while (low > good_ && (static_cast<unsigned char>(text_[low]) & 0xC0) == 0x80) --low;
        const Reading reading = reading_of(text_.substr(0, low));
        if (!reading.failed) take(reading, out);
        skip_closing_marks(low);
        abandon(out);
    }

    // What closes a call or a message was read but not said: the longest beginning that is a whole answer has it.
    void skip_closing_marks(size_t end) {
        for (size_t at = std::min(end, said_ + kLongestEnd); at > said_; --at) {
            const Reading reading = reading_of(text_.substr(0, at));
            if (!reading.failed && reading.said == at) said_ = at;
        }
    }

    void abandon(AnswerDelta & out) noexcept {
        gave_up_ = true;
        say(Flow::content, std::string_view(text_).substr(std::min(said_, text_.size())), out);
    }

    const AnswerGrammar grammar_;
    std::string text_;          // the end of the prompt, then the answer
    size_t content_ = 0;         // bytes of content that were said
    size_t thinking_ = 0;        // and of thought
    size_t n_calls_ = 0;
    size_t said_ = 0;           // bytes of text_ that are accounted for
    size_t read_ = 0;           // bytes of text_ at the last reading
    size_t good_ = 0;           // and at the last that did not fail
    size_t first_failure_ = 0;  // bytes of text_ when readings began to fail; 0: they do not
    Flow flow_ = Flow::none;
    size_t bytes_read_ = 0;
    bool gave_up_ = false;
};

}  // namespace

Status AnswerParser::open(std::string_view parser_json, std::unique_ptr<AnswerParser> & out) noexcept {
    try {
        out = std::make_unique<PegAnswerParser>(AnswerGrammar::load(std::string(parser_json)));
        return {};
    } catch (const std::bad_alloc &) {
        return {Code::no_memory, "out of memory"};
    } catch (const std::exception & thrown) {
        return Status::error(Code::bad_request, thrown.what());
    }
}

}  // namespace po
