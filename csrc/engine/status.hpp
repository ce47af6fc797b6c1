#pragma once
#include <string>
#include <utility>

namespace po {

enum class Code { ok, bad_request, too_long, no_memory, cancelled, model_error, lost_context, internal };

// Status is how every call of ours reports: nothing throws over a border.
// text is empty when ok, else one sentence fit to show to a user.
struct Status {
    Code code = Code::ok;
    std::string text;

    explicit operator bool() const { return code == Code::ok; }

    static Status error(Code code, std::string text) { return {code, std::move(text)}; }
};

// The name a code has on the wire (FAILURE_STATUS in pyollama/wire/runner.py).
inline const char * wire_name(Code code) {
    switch (code) {
        case Code::bad_request: return "bad_request";
        case Code::too_long:    return "too_long";
        case Code::no_memory:   return "no_memory";
        case Code::model_error:
        case Code::lost_context: return "model_error";
        default: return "internal";
    }
}

}  // namespace po
