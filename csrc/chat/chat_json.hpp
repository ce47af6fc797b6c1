// The JSON on both sides of ChatTemplates::render(), as values of the vendored chat library. Private to csrc/chat.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "chat.h"

namespace po {

// What a request asks for. Nulls count as absent, a message without content as one with an empty content, and a tool
// call without arguments as one with none.
// Throws std::exception with a reason fit for the user: it is no JSON, or a field has the wrong type.
common_chat_templates_inputs read_request(const std::string & request_json);

// prompt: the fragments of rendered.prompt.
std::string print_result(const common_chat_params & rendered, const std::vector<std::string> & prompt,
                         const std::map<std::string, bool> & caps);

// The reason inside what the library threw, without the trail of source lines and links it wraps around it.
std::string plain_reason(const std::string & thrown);

}  // namespace po
