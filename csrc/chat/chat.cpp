#include "chat/chat.hpp"

#include <exception>
#include <mutex>
#include <new>
#include <utility>

#include "chat.h"
#include "chat/chat_json.hpp"
#include "llama.h"
#include "log.h"

namespace po {
namespace {

Status failed(Code code, const std::string & reason) { return Status::error(code, reason); }

const char * source_of(const llama_model * model) {
    const char * source = llama_model_chat_template(model, nullptr);
    return source != nullptr ? source : llama_model_chat_template(model, "tool_use");
}

// The library writes some of its messages to stdout, which may not be ours to write to. What matters it throws too.
void silence_library() {
    static std::once_flag once;
    std::call_once(once, [] { common_log_set_verbosity_thold(LOG_LEVEL_OUTPUT - 1); });
}

// Why a template does not compile. The library's own init loses the reason on its way out.
std::string compile_error(const std::string & source) {
    try {
        common_chat_template(source, "", "");
        return "it cannot be used";
    } catch (const std::exception & thrown) {
        return plain_reason(thrown.what());
    }
}

class CommonTemplates final : public ChatTemplates {
  public:
    explicit CommonTemplates(common_chat_templates_ptr templates)
        : templates_(std::move(templates)), caps_(common_chat_templates_get_caps(templates_.get())) {}

    Status render(std::string_view request_json, std::string & result_json) const noexcept override {
        try {
            const common_chat_templates_inputs in = read_request(std::string(request_json));
            const std::lock_guard<std::mutex> lock(rendering_);
            result_json = print_result(apply(in), caps_);
            return {};
        } catch (const std::bad_alloc &) {
            return {Code::no_memory, "out of memory"};
        } catch (const std::exception & thrown) {
            return failed(Code::bad_request, plain_reason(thrown.what()));
        }
    }

  private:
    // The library fails too when it cannot derive an output parser. The prompt is still right then, so it is rendered
    // without one; if that fails as well, the template itself has refused the chat.
    common_chat_params apply(common_chat_templates_inputs in) const {
        try {
            return common_chat_templates_apply(templates_.get(), in);
        } catch (const std::bad_alloc &) {
            throw;
        } catch (const std::exception &) {
            in.force_pure_content = true;
            return common_chat_templates_apply(templates_.get(), in);
        }
    }

    const common_chat_templates_ptr templates_;
    const std::map<std::string, bool> caps_;
    mutable std::mutex rendering_;  // the library promises nothing about concurrent use
};

}  // namespace

Status ChatTemplates::open(const llama_model * model, std::unique_ptr<ChatTemplates> & out) noexcept {
    try {
        const char * source = source_of(model);
        if (source == nullptr) return failed(Code::model_error, "the model has no chat template");
        try {
            silence_library();
            out = std::make_unique<CommonTemplates>(common_chat_templates_init(model, ""));
            return {};
        } catch (const std::bad_alloc &) {
            throw;
        } catch (const std::exception &) {
            return failed(Code::model_error, "the model's chat template does not compile: " + compile_error(source));
        }
    } catch (const std::exception &) {
        return {Code::no_memory, "out of memory"};
    }
}

}  // namespace po
