#include "chat/answer_reading.hpp"

#include <algorithm>
#include <memory>
#include <new>
#include <set>
#include <stdexcept>
#include <utility>

#include "chat-peg-parser.h"
#include "json.h"

namespace po {
namespace {

using Builder = common_chat_peg_builder;

common_chat_format format_of(const std::string & name) {
    for (int i = 0; i < COMMON_CHAT_FORMAT_COUNT; ++i) {
        const auto format = static_cast<common_chat_format>(i);
        if (name == common_chat_format_name(format)) return format;
    }
    throw std::invalid_argument("the answer parser has an unknown format");
}

std::vector<std::string> delimiters_of(const common_peg_arena & arena) {
    std::set<std::string> found;
    for (common_peg_parser_id id = 0; id < arena.size(); ++id) {
        const common_peg_parser_variant & parser = arena.get(id);
        if (const auto * until = std::get_if<common_peg_until_parser>(&parser)) {
            found.insert(until->delimiters.begin(), until->delimiters.end());
        }
    }
    found.erase("");
    return {found.begin(), found.end()};
}

std::unique_ptr<common_chat_peg_mapper> mapper_for(common_chat_format format, common_chat_msg & message) {
    if (format == COMMON_CHAT_FORMAT_PEG_GEMMA4) return std::make_unique<common_chat_peg_gemma4_mapper>(message);
    if (format == COMMON_CHAT_FORMAT_PEG_MINIMAX_M3)
        return std::make_unique<common_chat_peg_minimax_m3_mapper>(message);
    return std::make_unique<common_chat_peg_mapper>(message);
}

bool is_object(const std::string & json) { return common_json::parse_no_throw(json).is_object(); }

// Where the parts of an answer lie in its text.
struct Places {
    size_t said = 0;    // the end of the last content or thought
    bool open = false;  // it goes on
    Flow last = Flow::none;
    std::vector<size_t> call_ends;
    bool open_call = false;  // the last call is not closed

    void note(const common_peg_ast_node & node) {
        const bool thought = node.tag == Builder::REASONING;
        if (thought || node.tag == Builder::CONTENT) {
            if (node.end < said || node.end == node.start) return;
            said = node.end;
            open = node.is_partial;
            last = thought ? Flow::thinking : Flow::content;
        }
        if (node.tag == Builder::TOOL || node.tag == Builder::TOOL_OPEN) note_call(node);
        if (node.tag.rfind("tool", 0) == 0 && !call_ends.empty()) {
            call_ends.back() = std::max(call_ends.back(), node.end);
        }
    }

    // A call has a node of its own, one for its beginning, or both, in either order.
    void note_call(const common_peg_ast_node & node) {
        if (node.start >= call_start_ && !call_ends.empty() && node.start < call_ends.back()) {
            call_ends.back() = std::max(call_ends.back(), node.end);
        } else {
            call_ends.push_back(node.end);
            call_start_ = node.start;
        }
        if (node.tag == Builder::TOOL) open_call = node.is_partial;
    }

  private:
    size_t call_start_ = 0;
};

}  // namespace

AnswerGrammar AnswerGrammar::load(const std::string & parser_json) {
    const common_json json = common_json::parse(parser_json);
    AnswerGrammar grammar;
    grammar.format = format_of(json.at("format").get<std::string>());
    grammar.before = json.at("generation_prompt").get<std::string>();
    grammar.end_tags = json.at("thinking_end_tags").get<std::vector<std::string>>();
    grammar.arena.load(json.at("parser").get<std::string>());
    grammar.delimiters = delimiters_of(grammar.arena);
    for (const std::string & delimiter : grammar.delimiters) {
        grammar.longest = std::max(grammar.longest, delimiter.size());
    }
    return grammar;
}

Reading read_answer(const AnswerGrammar & grammar, const std::string & text) {
    Reading reading;
    reading.failed = true;
    try {
        common_peg_parse_context context(text, COMMON_PEG_PARSE_FLAG_LENIENT);
        const common_peg_parse_result result = grammar.arena.parse(context);
        if (result.fail()) return reading;
        common_chat_msg message;
        mapper_for(grammar.format, message)->from_ast(context.ast, result);
        Places places;
        context.ast.visit(result, [&places](const common_peg_ast_node & node) { places.note(node); });

        reading.content = std::move(message.content);
        reading.thinking = std::move(message.reasoning_content);
        reading.last = places.last;
        reading.said = std::max(places.said, std::min(grammar.before.size(), text.size()));
        for (common_chat_tool_call & call : message.tool_calls) {
            reading.calls.push_back({std::move(call.name), std::move(call.arguments)});
        }
        const size_t n_calls = reading.calls.size();
        for (const ParsedCall & call : reading.calls) {
            const bool closed = reading.n_complete + 1 < n_calls || !places.open_call;
            if (!closed || !is_object(call.arguments)) break;
            const size_t index = std::min(reading.n_complete++, places.call_ends.size() - 1);
            if (!places.call_ends.empty()) reading.said = std::max(reading.said, places.call_ends[index]);
        }
        if (result.success() && reading.n_complete == n_calls) {
            reading.said = text.size();  // closing marks too
        }
        if (result.need_more_input() && places.open && places.said == text.size()) {
            reading.flow = places.last;
        }
        reading.failed = false;
    } catch (const std::bad_alloc &) {
        throw;
    } catch (const std::exception &) {
        reading = Reading();  // nested too deep, or a mapper that refuses its own parser's result
        reading.failed = true;
    }
    return reading;
}

}  // namespace po
