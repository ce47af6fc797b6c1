#include "engine/engine.hpp"

#include <algorithm>
#include <chrono>
#include <exception>

#include "engine/work_limit.hpp"

namespace po {
namespace {

// Bytes of text that a rendering may make on its way, kept or not: real templates make 10 to 60 for each of the request.
constexpr size_t kLeastRendered = size_t{256} << 20;
constexpr size_t kRenderedPerByte = 1000;

}  // namespace

Status Engine::open(const LoadSpec & spec, EventQueue & events, std::shared_ptr<Engine> & out) noexcept {
    try {
        std::shared_ptr<Engine> engine(new Engine(spec, events));
        engine->thread_ = std::thread([raw = engine.get()] { raw->run(); });
        engine->text_thread_ = std::thread([raw = engine.get()] { raw->run_texts(); });
        out = std::move(engine);
        return {};
    } catch (const std::exception & error) {
        return Status::error(Code::internal, error.what());
    }
}

Engine::Engine(const LoadSpec & spec, EventQueue & events)
    : spec_(spec), events_(events), watchdog_([this] {
          events_.push(LoadFailed{"the model's chat template did not end and cannot be stopped"});
      }) {}

Engine::~Engine() { close(false); }

Status Engine::generate(const GenerateSpec & spec, MarkedText prompt) noexcept {
    if (spec_.trust_control_tokens) prompt.trust_all();
    return accept(spec.id, [this, spec, text = std::move(prompt)]() mutable { prepare(spec, text); });
}

Status Engine::embed(const EmbedSpec & spec, std::vector<std::string> texts) noexcept {
    return accept(spec.id, [this, spec, texts = std::move(texts)] { prepare(spec, texts); });
}

Status Engine::tokenize(ReqId id, std::vector<MarkedText> texts, bool only_count) noexcept {
    if (spec_.trust_control_tokens) {
        for (MarkedText & text : texts) text.trust_all();
    }
    return accept(id, [this, id, only_count, texts = std::move(texts)] {
        answer(id, [&](const Model & model, Event & out) {
            Tokenized tokenized{id, {}, {}};
            Status status;
            for (size_t i = 0; status && i < texts.size(); ++i) {
                Tokens tokens;
                status = model.tokenize(texts[i], true, tokens);
                if (only_count) {
                    tokenized.counts.push_back(static_cast<int64_t>(tokens.size()));
                } else {
                    tokenized.tokens.push_back(std::move(tokens));
                }
            }
            out = std::move(tokenized);
            return status;
        });
    });
}

Status Engine::detokenize(ReqId id, Tokens tokens) noexcept {
    return accept(id, [this, id, tokens = std::move(tokens)] {
        answer(id, [&](const Model &, Event & out) {
            Detokenized detokenized{id, {}};
            const Status status = detokenize(tokens, detokenized.text);
            out = std::move(detokenized);
            return status;
        });
    });
}

Status Engine::render(ReqId id, std::string request_json) noexcept {
    return accept(id, [this, id, request = std::move(request_json)] {
        answer(id, [&](const Model &, Event & out) {
            Rendered rendered{id, {}};
            const Status status = render_within([this, id] { return !wanted(id); }, request, rendered.result);
            out = std::move(rendered);
            return status;
        });
    });
}

// The text thread takes it as soon as there is a vocabulary.
template <typename Work>
Status Engine::accept(ReqId id, Work work) noexcept {
    try {
        Job job = [shared = std::make_shared<Work>(std::move(work))] { (*shared)(); };
        const std::lock_guard lock(mutex_);
        if (closing_ || state_ == State::closed) {
            return Status::error(Code::cancelled, "the engine is closed");
        }
        if (!board_.add(id)) {
            return Status::error(Code::bad_request, "a request with id " + std::to_string(id) + " is under way");
        }
        texts_.push_back(std::move(job));
        text_news_.notify_one();
        return {};
    } catch (const std::exception & error) {
        return Status::error(Code::internal, error.what());
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

Status Engine::allow_cells(int n_cells) noexcept {
    const std::lock_guard lock(mutex_);
    if (state_ != State::ready || most_ctx_ == 0) {
        return Status::error(Code::bad_request, "this model has no KV pool now");
    }
    try {
        if (const int most = whole_steps(n_cells); most > most_ctx_) {
            inbox_.push_back([this, most] { scheduler_->set_most_cells(most); });
            most_ctx_ = most;
        }
    } catch (const std::exception & error) {
        return Status::error(Code::internal, error.what());
    }
    news_.notify_one();
    return {};
}

const Model * Engine::ready_model() const {
    const std::lock_guard lock(mutex_);
    return state_ == State::ready ? model_.get() : nullptr;
}

Status Engine::tokenize(const MarkedText & text, bool add_special, Tokens & out) const noexcept {
    const Model * model = ready_model();
    return model ? model->tokenize(text, add_special, out)
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
    try {
        return render_within([this] { return board_.closed(); }, request_json, result_json);
    } catch (const std::exception & error) {
        return Status::error(Code::internal, error.what());
    }
}

// Its time begins here, and its budget holds whether or not somebody still waits for it.
Status Engine::render_within(const std::function<bool()> & cancelled, std::string_view request_json,
                             std::string & result_json) {
    const Model * model = ready_model();
    if (!model) {
        return Status::error(Code::bad_request, "the model is not loaded");
    }
    const auto time = std::chrono::nanoseconds(static_cast<int64_t>(spec_.render_seconds * 1e9));
    const std::lock_guard lock(chat_mutex_);
    const Watchdog::Watch watch(watchdog_, 2 * time);
    const WorkLimit limit({cancelled, time, kLeastRendered + kRenderedPerByte * request_json.size()});
    if (!chat_) {
        if (Status status = ChatTemplates::open(model->raw(), chat_); !status) {
            return status;
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
    {
        const std::lock_guard lock(mutex_);
        text_ends_ = true;
    }
    text_news_.notify_one();
    if (text_thread_.joinable()) {
        text_thread_.join();
    }
}

}  // namespace po
