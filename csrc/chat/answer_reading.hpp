// One reading of a whole answer by the vendored parser. Private to csrc/chat.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "chat.h"
#include "chat/answer_parser.hpp"

namespace po {

// A parser of the vendored library, loaded.
struct AnswerGrammar {
    common_chat_format format = COMMON_CHAT_FORMAT_CONTENT_ONLY;
    std::string before;                   // the end of the prompt that the parser begins with
    std::vector<std::string> end_tags;    // of a thought
    std::vector<std::string> delimiters;  // what may end a run of content or thought
    size_t longest = 0;                   // bytes of a delimiter
    common_peg_arena arena;

    // Throws std::exception: it is no parser.
    static AnswerGrammar load(const std::string & parser_json);
};

enum class Flow { none, content, thinking };  // where text goes until a delimiter comes

struct Reading {
    bool failed = false;
    std::string content;
    std::string thinking;
    std::vector<ParsedCall> calls;
    size_t n_complete = 0;  // of calls
    size_t said = 0;        // bytes of the text that are accounted for by content, thought and complete calls
    Flow flow = Flow::none;
    Flow last = Flow::none;  // what was said last
};

// Reads text, which begins with grammar.before. Throws std::bad_alloc only.
Reading read_answer(const AnswerGrammar & grammar, const std::string & text);

}  // namespace po
