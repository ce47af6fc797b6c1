#include "chat/chat_json.hpp"

#include <stdexcept>
#include <utility>
#include <vector>

#include "json.h"

namespace po {
namespace {

common_json parse(const std::string & text) {
    common_json json = common_json::parse_no_throw(text);
    if (json.is_discarded()) throw std::invalid_argument("the chat request is not valid JSON");
    if (!json.is_object()) throw std::invalid_argument("the chat request must be a JSON object");
    return json;
}

bool has(const common_json & object, const char * key) { return object.contains(key) && !object.at(key).is_null(); }

bool read_bool(const common_json & request, const char * key, bool absent) {
    if (!has(request, key)) return absent;
    if (!request.at(key).is_boolean()) throw std::invalid_argument(std::string("'") + key + "' must be true or false");
    return request.at(key).get<bool>();
}

void drop_nulls(common_json & object) {
    std::vector<std::string> empty;
    for (const auto & [key, value] : object.items()) {
        if (value.is_null()) empty.push_back(key);
    }
    for (const std::string & key : empty) object.erase(key);
}

void complete_call(common_json & call) {
    if (!call.is_object() || !has(call, "function") || !call["function"].is_object()) return;
    if (!call.contains("type")) call["type"] = "function";
    common_json & function = call["function"];
    if (!has(function, "arguments") || function["arguments"] == "") function["arguments"] = "{}";
}

void complete_message(common_json & message) {
    if (!message.is_object()) return;
    drop_nulls(message);
    if (!message.contains("content")) message["content"] = "";
    if (!message.contains("tool_calls") || !message["tool_calls"].is_array()) return;
    for (common_json & call : message["tool_calls"]) complete_call(call);
}

std::vector<common_chat_msg> read_messages(common_json & request) {
    if (!has(request, "messages")) throw std::invalid_argument("'messages' is missing");
    common_json & messages = request["messages"];
    if (!messages.is_array()) throw std::invalid_argument("'messages' must be an array");
    for (common_json & message : messages) complete_message(message);
    return common_chat_msgs_parse_oaicompat(messages);
}

void read_thinking(common_json & request, common_chat_templates_inputs & in) {
    in.reasoning_format = COMMON_REASONING_FORMAT_AUTO;  // a parser that takes thinking apart from content
    in.enable_thinking = read_bool(request, "enable_thinking", true);
    if (has(request, "enable_thinking")) {
        in.chat_template_kwargs["thinking"] = in.enable_thinking ? "true" : "false";  // its name in some templates
    }
    if (!has(request, "reasoning_effort")) return;
    if (!request["reasoning_effort"].is_string()) throw std::invalid_argument("'reasoning_effort' must be a text");
    in.chat_template_kwargs["reasoning_effort"] = request["reasoning_effort"].dump();
}

std::string erase_from(std::string text, const char * mark) {
    const size_t at = text.find(mark);
    return at == std::string::npos ? text : text.substr(0, at);
}

std::string erase_through(std::string text, const char * mark) {
    const size_t at = text.find(mark);
    return at == std::string::npos ? text : text.substr(at + std::char_traits<char>::length(mark));
}

// Whether a parser does more than give all text back.
bool reads_anything(const std::string & parser) {
    for (const char * sign : {"\"tool-name\"", "\"reasoning\"", "\"delimiters\":[\""}) {
        if (parser.find(sign) != std::string::npos) return true;
    }
    return false;
}

}  // namespace

common_chat_templates_inputs read_request(const std::string & request_json) {
    common_json request = parse(request_json);
    common_chat_templates_inputs in;
    in.messages = read_messages(request);
    if (has(request, "tools")) in.tools = common_chat_tools_parse_oaicompat(request.at("tools"));
    in.parallel_tool_calls = !in.tools.empty();  // a parser that reads several calls
    read_thinking(request, in);
    in.add_generation_prompt = read_bool(request, "add_generation_prompt", true);
    if (read_bool(request, "continue_final_message", false)) in.continue_final_message = COMMON_CHAT_CONTINUATION_AUTO;
    return in;
}

std::string print_result(const common_chat_params & rendered, const std::vector<std::string> & prompt,
                         const std::map<std::string, bool> & caps) {
    common_json out = common_json::object();
    out["prompt"] = prompt;
    out["generation_prompt"] = rendered.generation_prompt;
    out["additional_stops"] = rendered.additional_stops;
    out["preserved_tokens"] = rendered.preserved_tokens;
    out["format"] = common_chat_format_name(rendered.format);
    out["parser"] = rendered.parser;
    out["reads_calls"] = rendered.parser.find("\"tool-name\"") != std::string::npos;
    out["is_plain"] = !reads_anything(rendered.parser);
    out["reads_thoughts"] = rendered.parser.find("\"reasoning\"") != std::string::npos;
    out["supports_thinking"] = rendered.supports_thinking;
    out["thinking_start_tag"] = rendered.thinking_start_tag;
    out["thinking_end_tags"] = rendered.thinking_end_tags;
    out["caps"] = caps;
    return out.dump_safe();
}

std::string plain_reason(const std::string & thrown) {
    static const char * const kRaised = "Jinja Exception: ";
    if (thrown.find(kRaised) != std::string::npos) return erase_through(thrown, kRaised);
    std::string reason = erase_through(thrown, "\nError: ");
    reason = erase_from(std::move(reason), " (ref: ");
    return erase_from(std::move(reason), "; tools = ");
}

}  // namespace po
