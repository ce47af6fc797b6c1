#include "engine/schedule/request.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

namespace po {
namespace {

constexpr int kLeastContext = 4;
constexpr int64_t kAnswerPerContext = 10;  // an answer ends at 10 * n_ctx, as Ollama's does

}  // namespace

Status Request::make(const GenerateSpec & spec, Tokens prompt, const Model & model, int most_ctx,
                     std::unique_ptr<Request> & out, Failed & failure) {
    std::unique_ptr<Request> request(new Request(spec, model));
    request->n_ctx_ = context_of(spec, most_ctx);
    request->n_output_most_ = kAnswerPerContext * request->n_ctx_;
    if (spec.num_predict > 0) {
        request->n_output_most_ = std::min<int64_t>(request->n_output_most_, spec.num_predict);
    }
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
    if (Status status = request->fit(failure); !status) {
        return status;
    }
    request->tokens.shrink_to_fit();  // the tokenizer reserves one per byte, and a request may wait
    const size_t window = static_cast<size_t>(std::max(sampling.repeat_last_n, 0));
    const size_t skipped = request->tokens.size() - std::min(window, request->tokens.size());
    for (size_t i = skipped; i < request->tokens.size(); ++i) {
        request->sampler_->accept(request->tokens[i]);
    }
    request->show_tokens();
    request->clean = std::numeric_limits<Pos>::max();
    out = std::move(request);
    return {};
}

void Request::show_tokens() {
    for (const std::vector<std::string> * texts : {&spec_.shown, &spec_.stop}) {
        for (const std::string & text : *texts) {
            Tokens found;
            model_.tokenize(text, false, true, found);
            std::copy_if(found.begin(), found.end(), std::back_inserter(shown_),
                         [this](Token token) { return model_.is_special(token); });
        }
    }
}

int Request::context_of(const GenerateSpec & spec, int most_ctx) {
    return std::clamp(spec.n_ctx, kLeastContext, std::max(most_ctx, kLeastContext));
}

Status Request::too_long(int64_t n_tokens, int n_ctx, Failed & failure) {
    failure.n_tokens = n_tokens;
    failure.n_ctx = n_ctx;
    return Status::error(Code::too_long, "request (" + std::to_string(n_tokens) +
                                             " tokens) exceeds the available context size (" + std::to_string(n_ctx) +
                                             " tokens), try increasing it");
}

Status Request::fit(Failed & failure) {
    n_prompt_ = static_cast<Pos>(tokens.size());
    if (spec_.want_context) {
        const bool bos = model_.adds_bos() && tokens.front() == model_.first_token();
        said_.emplace(Tokens(tokens.begin() + (bos ? 1 : 0), tokens.end()));
    }
    if (n_prompt_ >= n_ctx_) {
        if (!spec_.truncate) {
            return too_long(n_prompt_, n_ctx_, failure);
        }
        const Pos keep = kept_tokens(spec_.num_keep, model_.adds_bos(), n_prompt_, n_ctx_ - 1);
        const Cut cut = cut_prompt(n_prompt_, n_ctx_, keep);
        tokens.erase(tokens.begin() + cut.keep, tokens.begin() + cut.keep + cut.discard);
        n_prompt_ = static_cast<Pos>(tokens.size());
    }
    return {};
}

Cut Request::next_cut() const {
    return cut_context(pos, kept_tokens(spec_.num_keep, model_.adds_bos(), n_prompt_, n_ctx_ - 4));
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

bool Request::sample(float * logits, bool can_shift, std::vector<Event> & out) {
    if (output_start_ns_ == 0) {
        output_start_ns_ = now_ns();
    }
    for (const Token token : model_.never()) {
        logits[token] = -std::numeric_limits<float>::infinity();
    }
    const Token token = sampler_->pick(logits);
    if (!model_.valid(token)) {
        out.push_back(Failed{id(), Status::error(Code::model_error, "the model gave no usable probabilities"), 0, 0});
        return true;
    }
    sampler_->accept(token);
    ++n_output_;
    if (model_.is_end(token)) {
        finish("stop", out);
        return true;
    }
    say(token, logits, out);
    const bool full = context_full() && !(spec_.shift && can_shift);
    if (stopped_) {
        finish("stop", out);
    } else if (n_output_ == n_output_most_ || full || stuck_) {
        stopped_ = true;
        finish("length", out);
    }
    return stopped_;
}

void Request::say(Token token, const float * logits, std::vector<Event> & out) {
    tokens.push_back(token);
    const bool shown = std::find(shown_.begin(), shown_.end(), token) != shown_.end();
    const std::string bytes = model_.piece(token, shown);
    if (said_) {
        said_->add(token, bytes);
    }
    Piece piece;
    piece.id = id();
    stopped_ = text_.add(bytes, piece.text);
    stuck_ = repeats_.add(token, piece.text);
    if (spec_.logprobs >= 0) {
        TokenProb chosen;
        std::vector<TokenProb> top;
        logprobs(logits, model_.n_vocab(), token, spec_.logprobs, chosen, top);
        piece.has_logprobs = true;
        TokenLogprob & entry = piece.logprobs.emplace_back();
        entry.bytes = model_.piece(token, true);
        entry.logprob = chosen.logprob;
        for (const TokenProb & other : top) {
            entry.top.emplace_back(model_.piece(other.token, true), other.logprob);
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
    if (said_) {
        end.context = std::move(*said_).shown(text_.shown(), [this](std::string_view text) {
            Tokens tokens;
            model_.tokenize(text, false, false, tokens);
            return tokens;
        });
    }
    out.push_back(std::move(end));
}

}  // namespace po
