// One chat rendered with the Jinja template of a model file, for tools that run nothing.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "engine/status.hpp"

namespace po {

// Reads header and vocabulary of files (one GGUF, or the parts of a split one), never the weights. Any thread.
// request_json and result_json as in ChatTemplates::render. model_error: the file or its template is broken.
Status render_chat(const std::vector<std::string> & files, std::string_view request_json,
                   std::string & result_json) noexcept;

}  // namespace po
