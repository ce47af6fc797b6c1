#include "engine/render_chat.hpp"

#include <exception>
#include <memory>

#include "chat/chat.hpp"
#include "engine/model.hpp"

namespace po {

Status render_chat(const std::vector<std::string> & files, std::string_view request_json,
                   std::string & result_json) noexcept {
    try {
        LoadSpec spec;
        spec.files = files;
        spec.vocab_only = true;
        std::unique_ptr<Model> model;
        if (Status status = Model::load(spec, [](float) { return true; }, model); !status) {
            return status;
        }
        std::unique_ptr<ChatTemplates> chat;
        if (Status status = ChatTemplates::open(model->raw(), chat); !status) {
            return status;
        }
        return chat->render(request_json, result_json);
    } catch (const std::exception & error) {
        return Status::error(Code::internal, error.what());
    }
}

}  // namespace po
