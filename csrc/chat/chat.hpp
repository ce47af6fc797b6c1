// ChatTemplates renders chats with the Jinja template that a GGUF carries, by the vendored chat library.
// JSON goes in and out, so that none of that library's types shows.
// Ownership: borrows the model, which must outlive it. Threads: any; calls wait for each other.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "engine/status.hpp"

struct llama_model;

namespace po {

class ChatTemplates {
  public:
    // Compiles the model's template and probes what it can do: some milliseconds, so keep the result.
    // model_error: the model has no template, or it does not compile; the text says which. out is then unchanged.
    static Status open(const llama_model * model, std::unique_ptr<ChatTemplates> & out) noexcept;

    virtual ~ChatTemplates() = default;

    // Renders one chat.
    // request_json: {"messages": [OpenAI messages], "tools": [OpenAI tools], "enable_thinking": bool or null,
    //   "reasoning_effort": text or null, "add_generation_prompt": true, "continue_final_message": false};
    //   only messages is required.
    // result_json: {"prompt", "generation_prompt", "additional_stops", "preserved_tokens", "format", "parser",
    //   "reads_calls": bool, "reads_thoughts": bool, "is_plain": bool (the parser gives all text back),
    //   "supports_thinking", "thinking_start_tag", "thinking_end_tags", "caps": {name: bool}}. The prompt is a list of
    //   texts, in turn what the template wrote and what came with the chat; text whose origin is not certain counts as
    //   the latter, names of roles as the former. It includes generation_prompt and leaves out a BOS that the tokenizer
    //   adds. An AnswerParser reads the answer.
    // A WorkLimit of the thread holds: model_error, or cancelled.
    // bad_request: the request is malformed, or the template refused it, in the template's own words.
    virtual Status render(std::string_view request_json, std::string & result_json) const noexcept = 0;
};

}  // namespace po
