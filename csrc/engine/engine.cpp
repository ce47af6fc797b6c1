#include "engine/engine.hpp"

#include <algorithm>
#include <exception>

namespace po {

Status Engine::open(const LoadSpec & spec, EventQueue & events, std::shared_ptr<Engine> & out) noexcept {
    try {
        std::shared_ptr<Engine> engine(new Engine(spec, events));
        engine->thread_ = std::thread([raw = engine.get()] { raw->run(); });
        out = std::move(engine);
        return {};
    } catch (const std::exception & error) {
        return Status::error(Code::internal, error.what());
    }
}

Engine::~Engine() { close(false); }

Status Engine::generate(const GenerateSpec & spec, std::string_view prompt) noexcept {
    try {
        return accept(spec.id, [this, spec, text = std::string(prompt)] { prepare(spec, text); });
    } catch (const std::exception & error) {
        return Status::error(Code::internal, error.what());
    }
}

Status Engine::embed(const EmbedSpec & spec, const std::vector<std::string> & texts) noexcept {
    try {
        return accept(spec.id, [this, spec, texts] { prepare(spec, texts); });
    } catch (const std::exception & error) {
        return Status::error(Code::internal, error.what());
    }
}

// Prepares now, or as soon as there is a vocabulary.
Status Engine::accept(ReqId id, Job job) {
    {
        const std::lock_guard lock(mutex_);
        if (closing_ || state_ == State::closed) {
            return Status::error(Code::cancelled, "the engine is closed");
        }
        if (!board_.add(id)) {
            return Status::error(Code::bad_request, "a request with id " + std::to_string(id) + " is under way");
        }
        if (state_ == State::loading) {
            early_.push_back(std::move(job));
            return {};
        }
    }
    job();
    return {};
}

void Engine::prepare(const GenerateSpec & spec, const std::string & prompt) {
    Failed failure{spec.id, {}, 0, 0};
    const Model * model = ready_model();
    if (!model) {
        return refuse(failure, Status::error(Code::model_error, failure_));
    }
    if (most_ctx_ == 0) {
        return refuse(failure, Status::error(Code::bad_request, "this model only computes embeddings"));
    }
    Tokens tokens;
    Status status = model->tokenize(prompt, true, true, tokens);
    std::unique_ptr<Request> request;
    if (status) {
        status = Request::make(spec, std::move(tokens), *model, most_ctx_, request, failure);
    }
    if (!status) {
        return refuse(failure, status);
    }
    hand_over(spec.id, [this, shared = std::make_shared<std::unique_ptr<Request>>(std::move(request))] {
        scheduler_->submit(std::move(*shared));
    });
}

void Engine::prepare(const EmbedSpec & spec, const std::vector<std::string> & texts) {
    const Model * model = ready_model();
    if (!model) {
        return refuse({spec.id, {}, 0, 0}, Status::error(Code::model_error, failure_));
    }
    auto job = std::make_shared<EmbedJob>();
    job->spec = spec;
    for (const std::string & text : texts) {
        Tokens & tokens = job->inputs.emplace_back();
        if (Status status = model->tokenize(text, true, true, tokens); !status) {
            return refuse({spec.id, {}, 0, 0}, status);
        }
    }
    hand_over(spec.id, [this, job] { embedder_->submit(std::move(*job)); });
}

void Engine::hand_over(ReqId id, Job job) {
    bool taken = false;
    {
        const std::lock_guard lock(mutex_);
        taken = state_ == State::ready;
        if (taken) {
            inbox_.push_back(std::move(job));
        }
    }
    if (taken) {
        news_.notify_one();
    } else {  // closed since it was accepted
        refuse({id, {}, 0, 0}, Status::error(Code::model_error, failure_));
    }
}

void Engine::refuse(Failed failure, const Status & why) {
    failure.status = why;
    board_.remove(failure.id);
    events_.push(std::move(failure));
}

void Engine::cancel(ReqId id) noexcept {
    if (board_.cancel(id)) {
        news_.notify_one();
    }
}

const Model * Engine::ready_model() const {
    const std::lock_guard lock(mutex_);
    return state_ == State::ready ? model_.get() : nullptr;
}

Status Engine::tokenize(std::string_view text, bool add_special, bool parse_special, Tokens & out) const noexcept {
    const Model * model = ready_model();
    return model ? model->tokenize(text, add_special, parse_special, out)
                 : Status::error(Code::bad_request, "the model is not loaded");
}

Status Engine::detokenize(const Tokens & tokens, std::string & out) const noexcept {
    try {
        const Model * model = ready_model();
        if (!model) {
            return Status::error(Code::bad_request, "the model is not loaded");
        }
        for (const Token token : tokens) {
            if (!model->valid(token)) {
                return Status::error(Code::bad_request, "token " + std::to_string(token) +
                                                            " is outside the vocabulary");
            }
            out += model->piece(token, true);
        }
        return {};
    } catch (const std::exception & error) {
        return Status::error(Code::internal, error.what());
    }
}

Status Engine::render(std::string_view request_json, std::string & result_json) noexcept {
    const Model * model = ready_model();
    if (!model) {
        return Status::error(Code::bad_request, "the model is not loaded");
    }
    {
        const std::lock_guard lock(chat_mutex_);
        if (!chat_) {
            if (Status status = ChatTemplates::open(model->raw(), chat_); !status) {
                return status;
            }
        }
    }
    return chat_->render(request_json, result_json);
}

void Engine::close(bool finish) noexcept {
    {
        const std::lock_guard lock(mutex_);
        closing_ = true;
        if (!finish || state_ == State::loading) {
            board_.close();
        }
    }
    news_.notify_one();
    if (thread_.joinable()) {
        thread_.join();
    }
}

}  // namespace po
