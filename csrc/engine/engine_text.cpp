// The part of Engine that runs in its text thread: texts become tokens, and chats become texts.
#include "engine/engine.hpp"
#include "engine/work_limit.hpp"

namespace po {

// Begins when the load has ended, and ends when nothing more can come.
void Engine::run_texts() noexcept {
    std::unique_lock lock(mutex_);
    for (;;) {
        text_news_.wait(lock, [this] { return text_ends_ || (state_ != State::loading && !texts_.empty()); });
        if (texts_.empty()) {
            return;
        }
        Job job = std::move(texts_.front());
        texts_.pop_front();
        text_busy_ = true;
        lock.unlock();
        job();
        job = nullptr;
        lock.lock();
        text_busy_ = false;
        if (closing_) {
            news_.notify_one();
        }
    }
}

bool Engine::wanted(ReqId id) const noexcept { return !board_.cancelled(id) && !board_.closed(); }

void Engine::prepare(const GenerateSpec & spec, MarkedText & prompt) {
    answer(spec.id, [&](const Model & model, Event & out) {
        if (most_ctx_ == 0) {
            return Status::error(Code::bad_request, "this model only computes embeddings");
        }
        const int n_ctx = Request::context_of(spec, most_ctx_);
        Failed failure{spec.id, {}, 0, 0};
        Tokens tokens;
        std::unique_ptr<Request> request;
        Status status;
        if (const int64_t least = model.least_tokens(prompt.text); least >= n_ctx && !spec.truncate) {
            status = Request::too_long(least, n_ctx, failure);
        } else {
            // Its tokens will be cut in the middle. Of what is left here, n_ctx tokens at both ends at least, that cut
            // takes more than half, and with it the place where the text is joined.
            const size_t front = model.front_of(prompt.text, n_ctx);
            const size_t back = model.back_of(prompt.text, n_ctx);
            if (front + back < prompt.text.size()) {
                prompt.cut(front, prompt.text.size() - back);
            }
            status = model.tokenize(prompt, true, tokens);
        }
        if (status) {
            status = Request::make(spec, std::move(tokens), model, most_ctx_, request, failure);
        }
        if (!status) {
            out = std::move(failure);
            return status;
        }
        hand_over(spec.id, [this, shared = std::make_shared<std::unique_ptr<Request>>(std::move(request))] {
            scheduler_->submit(std::move(*shared));
        });
        return status;
    });
}

// A text to embed is data. Of a text that will be cut, twice what is kept is enough to know its first tokens.
void Engine::prepare(const EmbedSpec & spec, const std::vector<std::string> & texts) {
    answer(spec.id, [&](const Model & model, Event & out) {
        const int limit = embedder_->limit(spec);
        auto job = std::make_shared<EmbedJob>();
        job->spec = spec;
        for (std::string_view text : texts) {
            if (const int64_t least = model.least_tokens(text); least > limit && !spec.truncate) {
                Status status;
                out = embedder_->too_long(spec, least, status);
                return status;
            }
            if (size_t end = model.front_of(text, 2 * int64_t{limit}); end < text.size()) {
                while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // inside a character
                text = text.substr(0, end);
            }
            if (Status status = model.tokenize(text, true, spec_.trust_control_tokens, job->inputs.emplace_back()); !status) {
                return status;
            }
        }
        hand_over(spec.id, [this, job] { embedder_->submit(std::move(*job)); });
        return Status{};
    });
}

// Does work that gives the only event of a request, or none if somebody else will send it. A failure may be prepared in
// out. A request that nobody waits for any more ends as cancelled.
void Engine::answer(ReqId id, const std::function<Status(const Model &, Event &)> & work) {
    Event out;
    Status status;
    if (const Model * model = ready_model(); !model) {
        status = Status::error(Code::model_error, failure_);
    } else {
        try {
            const WorkLimit limit({[this, id] { return !wanted(id); }});
            status = wanted(id) ? work(*model, out) : Status::error(Code::cancelled, "cancelled");
        } catch (const WorkStopped & stopped) {
            status = stopped.status("the text");
        } catch (const std::bad_alloc &) {
            status = Status::error(Code::no_memory, "out of memory");
        } catch (const std::exception & error) {
            status = Status::error(Code::internal, error.what());
        }
    }
    if (status.code == Code::cancelled) {
        Finished end;
        end.id = id;
        end.reason = "cancelled";
        board_.remove(id);
        events_.push(std::move(end));
    } else if (!status) {
        Failed * failure = std::get_if<Failed>(&out);
        refuse(failure ? std::move(*failure) : Failed{id, {}, 0, 0}, status);
    } else if (!std::holds_alternative<Loading>(out)) {
        board_.remove(id);
        events_.push(std::move(out));
    }
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

}  // namespace po
