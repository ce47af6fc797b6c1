#include "chat/chat.hpp"

#include <exception>
#include <mutex>
#include <new>
#include <optional>
#include <utility>

#include "chat.h"
#include "chat/chat_json.hpp"
#include "chat/fragments.hpp"
#include "engine/work_limit.hpp"
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

// While it lives, the renderings of this thread leave their marks there.
struct Recording {
    explicit Recording(jinja::po_rendering & rendering) { jinja::po_rendered = &rendering; }
    ~Recording() { jinja::po_rendered = nullptr; }
};

class CommonTemplates final : public ChatTemplates {
  public:
    explicit CommonTemplates(common_chat_templates_ptr templates)
        : templates_(std::move(templates)), caps_(common_chat_templates_get_caps(templates_.get())) {}

    Status render(std::string_view request_json, std::string & result_json) const noexcept override {
        try {
            const common_chat_templates_inputs in = read_request(std::string(request_json));
            const std::lock_guard<std::mutex> lock(rendering_);
            jinja::po_rendering rendering;
            const common_chat_params rendered = apply(in, rendering);
            const std::optional<Continuation> more = continuation(in);
            const Fragments prompt = mark_prompt(rendered.prompt, rendering, more ? &*more : nullptr);
            result_json = print_result(rendered, prompt.list(), caps_);
            return {};
        } catch (const WorkStopped & stopped) {
            return stopped.status("the model's chat template");
        } catch (const std::bad_alloc &) {
            return {Code::no_memory, "out of memory"};
        } catch (const std::exception & thrown) {
            return failed(Code::bad_request, plain_reason(thrown.what()));
        }
    }

  private:
    // The library fails too when it cannot derive an output parser. The prompt is still right then, so it is rendered
    // without one; if that fails as well, the template itself has refused the chat.
    common_chat_params apply(common_chat_templates_inputs in, jinja::po_rendering & rendering) const {
        const Recording recording(rendering);
        try {
            return common_chat_templates_apply(templates_.get(), in);
        } catch (const std::bad_alloc &) {
            throw;
        } catch (const std::exception &) {
            in.force_pure_content = true;
            return common_chat_templates_apply(templates_.get(), in);
        }
    }

    // What goes behind the rendering when the last message is to be continued, found out with marks in its place.
    std::optional<Continuation> continuation(common_chat_templates_inputs in) const {
        if (in.continue_final_message == COMMON_CHAT_CONTINUATION_NONE || in.messages.empty()) return std::nullopt;
        static const std::string reasoning_mark = "\x01reasoning\x02", content_mark = "\x01""content\x02";
        common_chat_msg & last = in.messages.back();
        Continuation more;
        more.reasoning = last.reasoning_content;
        more.content = last.render_content();
        if (!more.reasoning.empty()) last.reasoning_content = reasoning_mark;
        if (!more.content.empty()) last.content = content_mark, last.content_parts.clear();
        jinja::po_rendering rendering;
        std::string text = apply(in, rendering).prompt;
        size_t rendered = 0;
        for (const jinja::string_part & part : rendering.parts) rendered += part.val.size();
        text.erase(0, rendered - rendering.front);
        const size_t reasoning_at = text.find(reasoning_mark);
        if (reasoning_at != std::string::npos) {
            more.before = text.substr(0, reasoning_at);
            text.erase(0, reasoning_at + reasoning_mark.size());
        } else {
            more.reasoning.clear();
        }
        const size_t content_at = text.find(content_mark);
        if (content_at == std::string::npos) more.content.clear();
        (reasoning_at == std::string::npos ? more.before : more.between) = text.substr(0, content_at);
        return more;
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
            WorkLimit::install();
            out = std::make_unique<CommonTemplates>(common_chat_templates_init(model, ""));
            return {};
        } catch (const std::bad_alloc &) {
            throw;
        } catch (const std::exception &) {
            return failed(Code::model_error, "the model's chat template does not compile: " + compile_error(source));
        }
    } catch (const WorkStopped & stopped) {
        return stopped.status("the model's chat template");
    } catch (const std::exception &) {
        return {Code::no_memory, "out of memory"};
    }
}

}  // namespace po
