// AnswerParser reads the answer of a chat as it is written: what is content, what is thought, what is a tool call. How
// is said by the parser that ChatTemplates::render() returned for this chat.
// Ownership: a value per request. Threads: one at a time, no locks.
// Cost: linear in the text. The vendored parser reads all text anew each time, so it is asked only at texts that may
// change what follows (the ends of thought and content, the beginnings of calls) and when enough has arrived; between
// them text passes through.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/status.hpp"

namespace po {

struct ParsedCall {
    std::string name;
    std::string arguments;  // a JSON object as text
};

// What one piece of text adds to the answer. Any part may be empty.
struct AnswerDelta {
    std::string content;
    std::string thinking;
    std::vector<ParsedCall> calls;  // complete ones
    bool open_thought = false;      // at the end: the answer ended within a thought
};

class AnswerParser {
  public:
    // parser_json: {"format", "generation_prompt", "parser", "thinking_end_tags"} of a rendering.
    // bad_request: it is none.
    static Status open(std::string_view parser_json, std::unique_ptr<AnswerParser> & out) noexcept;

    virtual ~AnswerParser() = default;

    // Takes the next piece of text, whole UTF-8 characters. Text that the parser cannot read is content.
    virtual void add(std::string_view text, AnswerDelta & out) noexcept = 0;

    // End of the answer: what was held back. A call that is not complete is content.
    virtual void finish(AnswerDelta & out) noexcept = 0;

    // How much the vendored parser has read so far, a text that it read twice counted twice.
    virtual size_t bytes_read() const noexcept = 0;
};

}  // namespace po
