#include "engine/embedder.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace po {
namespace {

constexpr int kInputs = 32;          // most inputs of a batch
constexpr int kPackedRows = 1024;    // beyond, attention over other inputs' rows costs more than a batch of its own
constexpr int kMostWholeRows = 2048; // Ollama's batch for embedding models
constexpr double kLeastNorm = 1e-12;

// L2 norm 1 if wanted. false: a value is not a number or infinite.
bool to_bytes(const float * values, int n, bool normalize, std::string & out) {
    double squares = 0;
    for (int i = 0; i < n; ++i) {
        if (!std::isfinite(values[i])) {
            return false;
        }
        squares += double(values[i]) * double(values[i]);
    }
    const double scale = normalize ? 1 / std::max(std::sqrt(squares), kLeastNorm) : 1;
    out.resize(static_cast<size_t>(n) * sizeof(float));
    for (int i = 0; i < n; ++i) {
        const auto value = static_cast<float>(values[i] * scale);
        std::memcpy(&out[static_cast<size_t>(i) * sizeof(float)], &value, sizeof(float));
    }
    return true;
}

}  // namespace

Embedder::Embedder(const Model & model, const LoadSpec & spec, const ThreadPools & pools, CancelBoard & board,
                   EventQueue & events)
    : model_(model), spec_(spec), pools_(pools), board_(board), events_(events),
      whole_(!model.causal() || (model.pools() && !model.pools_last())) {
    const int n_ctx = std::min(spec.n_ctx, model.n_ctx_train());
    rows_ = whole_ ? std::max(std::min(spec.n_batch, n_ctx), std::min(n_ctx, kMostWholeRows)) : spec.n_batch;
    most_tokens_ = whole_ ? rows_ : n_ctx;
}

Status Embedder::prepare() {
    if (context_) {
        return {};
    }
    std::unique_ptr<Context> context;
    Status status = Context::open_embedder(model_, spec_, pools_, board_, rows_, kInputs, whole_, context);
    if (status) {
        status = context->warm_up(model_);
    }
    if (status) {
        context_ = std::move(context);
    }
    return status;
}

void Embedder::submit(EmbedJob job) {
    jobs_.push_back(std::move(job));
    EmbedJob & added = jobs_.back();
    added.vectors.resize(added.inputs.size());
    const size_t limit = static_cast<size_t>(std::clamp(added.spec.n_ctx, 1, most_tokens_));
    for (Tokens & input : added.inputs) {
        if (input.empty() && model_.first_token() >= 0) {
            input.push_back(model_.first_token());
        }
        if (input.empty()) {
            return fail(jobs_.size() - 1, Status::error(Code::bad_request, "an input is empty"));
        }
        if (input.size() > limit && !added.spec.truncate) {
            const Status status = Status::error(Code::too_long, "the input length exceeds the context length");
            return fail(jobs_.size() - 1, status, static_cast<int64_t>(input.size()), static_cast<int64_t>(limit));
        }
        if (input.size() > limit) {
            const Token last = input.back();
            input.resize(limit);
            input.back() = model_.is_special(last) ? last : input.back();
        }
        added.n_tokens += static_cast<int64_t>(input.size());
    }
    if (added.inputs.empty()) {
        finish(jobs_.size() - 1);
    }
}

void Embedder::step() {
    drop_cancelled();
    if (jobs_.empty()) {
        return;
    }
    if (Status status = prepare(); !status) {
        return fail_all(status);
    }
    const std::vector<Input> inputs = next_inputs();
    std::vector<ReqId> ids;
    for (const Input & input : inputs) {
        ids.push_back(jobs_[input.job].spec.id);
    }
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    board_.begin_step(ids);
    const Status status = run(inputs);
    board_.end_step();
    if (status.code == Code::lost_context) {
        context_.reset();
    }
    for (const Input & input : inputs) {
        if (!status && status.code != Code::cancelled) {
            jobs_[input.job].failure = status;
        }
    }
    sweep();
}

void Embedder::sweep() {
    for (size_t job = jobs_.size(); job-- > 0;) {
        const auto & vectors = jobs_[job].vectors;
        if (!jobs_[job].failure) {
            fail(job, Status(jobs_[job].failure));
        } else if (std::none_of(vectors.begin(), vectors.end(), [](const std::string & v) { return v.empty(); })) {
            finish(job);
        }
    }
}

// As many as fit a batch, in order of arrival; at least one.
std::vector<Embedder::Input> Embedder::next_inputs() const {
    const size_t most = static_cast<size_t>(std::min(rows_, kPackedRows));
    std::vector<Input> inputs;
    size_t rows = 0;
    for (size_t job = 0; job < jobs_.size(); ++job) {
        for (size_t i = 0; i < jobs_[job].inputs.size(); ++i) {
            const Tokens & tokens = jobs_[job].inputs[i];
            if (!jobs_[job].vectors[i].empty()) {
                continue;
            }
            if (!inputs.empty() && (rows + tokens.size() > most || inputs.size() == kInputs)) {
                return inputs;
            }
            inputs.push_back({job, i, &tokens});
            rows += tokens.size();
        }
    }
    return inputs;
}

Status Embedder::run(const std::vector<Input> & inputs) {
    Status status = whole_ ? run_whole(inputs) : run_last(inputs);
    if (status) {
        status = read_vectors(inputs);
    }
    context_->clear_batch();
    context_->forget_all();
    return status;
}

Status Embedder::run_whole(const std::vector<Input> & inputs) {
    context_->clear_batch();
    for (size_t seq = 0; seq < inputs.size(); ++seq) {
        const Tokens & tokens = *inputs[seq].tokens;
        for (size_t pos = 0; pos < tokens.size(); ++pos) {
            context_->add(tokens[pos], static_cast<Pos>(pos), static_cast<SeqId>(seq), true);
        }
    }
    return decode();
}

// The vector of a causal model that names no other pooling is that of its last token, so all others need no output:
// a vocabulary times rows of logits saved.
Status Embedder::run_last(const std::vector<Input> & inputs) {
    llama_set_embeddings(context_->raw(), false);
    Status status = run_heads(inputs);
    llama_set_embeddings(context_->raw(), true);
    if (!status) {
        return status;
    }
    context_->clear_batch();
    for (size_t seq = 0; seq < inputs.size(); ++seq) {
        const Tokens & tokens = *inputs[seq].tokens;
        context_->add(tokens.back(), static_cast<Pos>(tokens.size()) - 1, static_cast<SeqId>(seq), true);
    }
    return decode();
}

// Everything before the last tokens.
Status Embedder::run_heads(const std::vector<Input> & inputs) {
    context_->clear_batch();
    for (size_t seq = 0; seq < inputs.size(); ++seq) {
        const Tokens & tokens = *inputs[seq].tokens;
        for (size_t pos = 0; pos + 1 < tokens.size(); ++pos) {
            if (context_->rows() == context_->most_rows()) {
                if (Status status = decode(); !status) {
                    return status;
                }
                context_->clear_batch();
            }
            context_->add(tokens[pos], static_cast<Pos>(pos), static_cast<SeqId>(seq), false);
        }
    }
    return context_->rows() > 0 ? decode() : Status{};
}

Status Embedder::decode() {
    const int result = context_->decode();
    llama_synchronize(context_->raw());
    switch (result) {
        case 0: return {};
        case 1: return Status::error(Code::no_memory, "no room for the input");
        case 2: return Status::error(Code::cancelled, "cancelled");
        case -1: return Status::error(Code::internal, "the engine refused its own batch");
        default:
            return Status::error(Code::lost_context, "the computation failed on the device");
    }
}

Status Embedder::read_vectors(const std::vector<Input> & inputs) {
    const bool per_row = llama_pooling_type(context_->raw()) == LLAMA_POOLING_TYPE_NONE;
    for (size_t seq = 0, row = 0; seq < inputs.size(); ++seq) {
        row += whole_ ? inputs[seq].tokens->size() : 1;  // its last row
        const float * values = per_row ? llama_get_embeddings_ith(context_->raw(), static_cast<int32_t>(row) - 1)
                                       : llama_get_embeddings_seq(context_->raw(), static_cast<SeqId>(seq));
        EmbedJob & job = jobs_[inputs[seq].job];
        if (!values) {
            return Status::error(Code::internal, "the model gave no vector");
        }
        if (!to_bytes(values, model_.n_vector(), job.spec.normalize, job.vectors[inputs[seq].index])) {
            job.failure = Status::error(Code::bad_request, "embedding contains NaN or Inf values");
        }
    }
    return {};
}

void Embedder::drop_cancelled() {
    for (size_t job = jobs_.size(); job-- > 0;) {
        if (board_.cancelled(jobs_[job].spec.id)) {
            Finished end;
            end.id = jobs_[job].spec.id;
            end.reason = "cancelled";
            board_.remove(end.id);
            jobs_.erase(jobs_.begin() + static_cast<std::ptrdiff_t>(job));
            events_.push(std::move(end));
        }
    }
}

void Embedder::finish(size_t job) {
    Embedded done;
    done.id = jobs_[job].spec.id;
    done.vectors = std::move(jobs_[job].vectors);
    done.prompt_tokens = jobs_[job].n_tokens;
    jobs_.erase(jobs_.begin() + static_cast<std::ptrdiff_t>(job));
    board_.remove(done.id);
    events_.push(std::move(done));
}

void Embedder::fail(size_t job, const Status & why, int64_t n_tokens, int64_t n_ctx) {
    const ReqId id = jobs_[job].spec.id;
    jobs_.erase(jobs_.begin() + static_cast<std::ptrdiff_t>(job));
    board_.remove(id);
    events_.push(Failed{id, why, n_tokens, n_ctx});
}

void Embedder::end_all() {
    for (const EmbedJob & job : jobs_) {
        board_.cancel(job.spec.id);
    }
    drop_cancelled();
}

void Embedder::fail_all(const Status & why) {
    while (!jobs_.empty()) {
        fail(0, why);
    }
}

}  // namespace po
