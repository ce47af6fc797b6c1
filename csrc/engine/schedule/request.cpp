#include "engine/schedule/request.hpp"

#include <algorithm>
#include <limits>

namespace po {
namespace {

constexpr int kLeastContext = 8;
constexpr int kMostRepeats = 30;           // of one token in a row; a model that got stuck never stops by itself
constexpr int64_t kAnswerPerContext = 10;  // an unbounded answer ends at 10 * n_ctx, as Ollama's does

}  // namespace

Status Request::make(const GenerateSpec & spec, Tokens prompt, const Model & model, int most_ctx,
                     std::unique_ptr<Request> & out, Failed & failure) {
    std::unique_ptr<Request> request(new Request(spec));
    request->n_ctx_ = std::clamp(spec.n_ctx, kLeastContext, std::max(most_ctx, kLeastContext));
    request->n_output_most_ = spec.num_predict < 0 ? kAnswerPerContext * request->n_ctx_ : spec.num_predict;
    request->adds_bos_ = model.adds_bos();
    SampleSpec sampling = spec.sampling;
    if (sampling.repeat_last_n < 0) {
        sampling.repeat_last_n = request->n_ctx_;
    }
    if (Status status = Sampler::make(sampling, model.n_vocab(), request->sampler_); !status) {
        return status;
    }
    request->tokens = std::move(prompt);
    if (request->tokens.empty() && model.first_token() >= 0) {
        request->tokens.push_back(model.first_token());
    }
    if (request->tokens.empty()) {
        return Status::error(Code::bad_request, "the prompt is empty");
    }
    if (Status status = request->fit(model, failure); !status) {
        return status;
    }
    const size_t window = static_cast<size_t>(std::max(sampling.repeat_last_n, 0));
    const size_t skipped = request->tokens.size() - std::min(window, request->tokens.size());
    for (size_t i = skipped; i < request->tokens.size(); ++i) {
        request->sampler_->accept(request->tokens[i]);
    }
    request->clean = std::numeric_limits<Pos>::max();
    out = std::move(request);
    return {};
}

Status Request::fit(const Model & model, Failed & failure) {
    n_prompt_ = static_cast<Pos>(tokens.size());
    if (n_prompt_ >= n_ctx_) {
        if (!spec_.truncate) {
            failure.n_tokens = n_prompt_;
            failure.n_ctx = n_ctx_;
            return Status::error(Code::too_long, "request (" + std::to_string(n_prompt_) +
                                                     " tokens) exceeds the available context size (" +
                                                     std::to_string(n_ctx_) + " tokens), try increasing it");
        }
        const Pos keep = kept_tokens(spec_.num_keep, model.adds_bos(), n_prompt_, n_ctx_ - 1);
        const Cut cut = cut_prompt(n_prompt_, n_ctx_, keep);
        tokens.erase(tokens.begin() + cut.keep, tokens.begin() + cut.keep + cut.discard);
        n_prompt_ = static_cast<Pos>(tokens.size());
    }
    if (spec_.want_context) {
        said_ = tokens;
    }
    return {};
}

Cut Request::next_cut() const {
    return cut_context(pos, kept_tokens(spec_.num_keep, adds_bos_, n_prompt_, n_ctx_ - 4));
}

void Request::shifted(const Cut & cut) {
    tokens.erase(tokens.begin() + cut.keep, tokens.begin() + cut.keep + cut.discard);
    pos -= cut.discard;
    clean = std::min(clean, cut.keep);
}

void Request::started_prompt() {
    if (prompt_start_ns_ == 0) {
        prompt_start_ns_ = now_ns();
    }
}

bool Request::sample(const Model & model, float * logits, bool can_shift, std::vector<Event> & out) {
    if (output_start_ns_ == 0) {
        output_start_ns_ = now_ns();
    }
    if (n_output_most_ == 0) {
        finish("length", out);
        return true;
    }
    for (const Token token : model.never()) {
        logits[token] = -std::numeric_limits<float>::infinity();
    }
    const Token token = sampler_->pick(logits);
    if (!model.valid(token)) {
        out.push_back(Failed{id(), Status::error(Code::model_error, "the model gave no usable probabilities"), 0, 0});
        return true;
    }
    sampler_->accept(token);
    if (model.is_end(token)) {
        finish("stop", out);
        return true;
    }
    say(model, token, logits, out);
    const bool full = context_full() && !(spec_.shift && can_shift);
    if (stopped_) {
        finish("stop", out);
    } else if (n_output_ == n_output_most_ || full || repeats_ > kMostRepeats) {
        stopped_ = true;
        finish("length", out);
    }
    return stopped_;
}

void Request::say(const Model & model, Token token, const float * logits, std::vector<Event> & out) {
    repeats_ = n_output_ > 0 && tokens.back() == token ? repeats_ + 1 : 0;
    ++n_output_;
    tokens.push_back(token);
    if (spec_.want_context) {
        said_.push_back(token);
    }
    Piece piece;
    piece.id = id();
    stopped_ = text_.add(model.piece(token, false), piece.text);
    if (spec_.logprobs >= 0) {
        TokenProb chosen;
        std::vector<TokenProb> top;
        logprobs(logits, model.n_vocab(), token, spec_.logprobs, chosen, top);
        piece.has_logprobs = true;
        TokenLogprob & entry = piece.logprobs.emplace_back();
        entry.bytes = model.piece(token, true);
        entry.logprob = chosen.logprob;
        for (const TokenProb & other : top) {
            entry.top.emplace_back(model.piece(other.token, true), other.logprob);
        }
    }
    if (!piece.text.empty() || piece.has_logprobs) {
        out.push_back(std::move(piece));
    }
}

void Request::finish(const char * reason, std::vector<Event> & out) {
    Piece rest;
    rest.id = id();
    text_.flush(rest.text);
    if (!rest.text.empty()) {
        out.push_back(std::move(rest));
    }
    const int64_t now = now_ns();
    Finished end;
    end.id = id();
    end.reason = reason;
    end.prompt_tokens = n_prompt_;
    end.prompt_reused = reused;
    end.prompt_ns = prompt_start_ns_ ? (output_start_ns_ ? output_start_ns_ : now) - prompt_start_ns_ : 0;
    end.output_tokens = n_output_;
    end.output_ns = output_start_ns_ ? now - output_start_ns_ : 0;
    end.prefix_miss = std::move(prefix_miss);
    end.has_context = spec_.want_context;
    end.context = std::move(said_);
    out.push_back(std::move(end));
}

}  // namespace po
