#include "engine/embedder.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/clock.hpp"

namespace po {
namespace {

constexpr int kInputs = 32;           // most inputs of a batch
constexpr SeqId kPadding = kInputs;   // the sequence of rows that nobody asked for
constexpr int kLeastRows = 8;         // with fewer, or with a rest of 1 to 3, matrix kernels sum in another order
constexpr int kRowStep = 4;
constexpr int kPackedRows = 1024;     // beyond, attention over other inputs' rows costs more than a batch of its own
constexpr int kMostWholeRows = 2048;  // Ollama's batch for embedding models
constexpr double kLeastNorm = 1e-12;

// A text that arrives waits for the batch under way. From some 100 rows on, more of them are hardly faster.
constexpr double kBatchNs = 100e6;
constexpr double kSharedBatchNs = 25e6;
constexpr int kFullRows = 128;
constexpr int kFullSharedRows = 32;

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
      whole_(!model.causal() || (model.pools() && !model.pools_last())), means_(model.pools_mean() && !model.projects()),
      alone_(model.recurrent()) {
    const int n_ctx = std::min(spec.n_ctx, model.n_ctx_train());
    rows_ = whole_ ? std::max(std::min(spec.n_batch, n_ctx), std::min(n_ctx, kMostWholeRows)) : spec.n_batch;
    most_tokens_ = whole_ ? rows_ : n_ctx;
    Tokens added;
    if (model.tokenize("", true, false, added)) {
        n_added_ = added.size();
    }
}

Status Embedder::prepare() {
    if (context_) {
        return {};
    }
    std::unique_ptr<Context> context;
    EmbedderShape shape;
    shape.rows = rows_ + kLeastRows;
    shape.cells = (whole_ ? rows_ : std::max(rows_, spec_.n_ctx)) + 2 * kLeastRows;
    shape.seqs = kInputs + 1;
    shape.whole = whole_;
    shape.by_token = means_;
    Status status = Context::open_embedder(model_, spec_, pools_, board_, shape, context);
    if (status) {
        status = context->warm_up(model_);
    }
    if (status) {
        context_ = std::move(context);
    }
    return status;
}

void Embedder::submit(EmbedJob job) {
    job.served = served_least(jobs_);
    job.vectors.resize(job.inputs.size());
    for (Tokens & input : job.inputs) {
        Failed failed;
        failed.id = job.spec.id;
        failed.status = fit(job.spec, input, failed);
        if (!failed.status) {
            board_.remove(failed.id);
            events_.push(std::move(failed));
            return;
        }
        job.rows_left += static_cast<int64_t>(input.size());
    }
    job.n_tokens = job.rows_left;
    jobs_.push_back(std::move(job));
    if (jobs_.back().inputs.empty()) {
        finish(jobs_.size() - 1);
    }
}

// Keeps the first tokens, and those that the tokenizer puts at the end. Else the reason why it cannot.
Status Embedder::fit(const EmbedSpec & spec, Tokens & input, Failed & failed) const {
    const auto room = static_cast<size_t>(limit(spec));
    if (input.empty() && model_.first_token() >= 0) {
        input.push_back(model_.first_token());
    }
    if (input.empty()) {
        return Status::error(Code::bad_request, "an input is empty");
    }
    if (input.size() <= room) {
        return {};
    }
    if (!spec.truncate || room <= n_added_) {
        Status status;
        failed = too_long(spec, static_cast<int64_t>(input.size()), status);
        return status;
    }
    const Token last = input.back();
    input.resize(room);
    input.back() = model_.is_special(last) ? last : input.back();
    return {};
}

Failed Embedder::too_long(const EmbedSpec & spec, int64_t n_tokens, Status & status) const {
    const int room = limit(spec);
    status = static_cast<size_t>(room) <= n_added_
                 ? Status::error(Code::bad_request, "input after truncation exceeds maximum context length")
                 : Status::error(Code::too_long, "the input length exceeds the context length");
    return Failed{spec.id, status, n_tokens, room};
}

void Embedder::step(bool shared) {
    drop_cancelled();
    if (jobs_.empty()) {
        return;
    }
    if (Status status = prepare(); !status) {
        return fail_all(status);
    }
    const std::vector<Input> inputs = next_inputs(most_rows(shared));
    std::vector<ReqId> ids;
    size_t rows = 0;
    for (const Input & input : inputs) {
        ids.push_back(jobs_[input.job].spec.id);
        rows += input.tokens->size();
    }
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    const int64_t start = now_ns();
    board_.begin_step(ids);
    const Status status = run(inputs);
    board_.end_step();
    if (status) {
        ns_per_row_ = static_cast<double>(now_ns() - start) / static_cast<double>(rows);
    }
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
        if (!jobs_[job].failure) {
            fail(job, Status(jobs_[job].failure));
        } else if (!jobs_[job].waits()) {
            finish(job);
        }
    }
}

// As many as take some time, if the last batch is a measure.
size_t Embedder::most_rows(bool shared) const {
    const double wanted = ns_per_row_ > 0 ? (shared ? kSharedBatchNs : kBatchNs) / ns_per_row_ : 0;
    const int most = std::min(rows_, kPackedRows);
    return static_cast<size_t>(std::clamp(wanted, double(std::min(shared ? kFullSharedRows : kFullRows, most)), double(most)));
}

// Takes them from their jobs; at least one.
std::vector<Embedder::Input> Embedder::next_inputs(size_t most_rows) {
    std::vector<Input> inputs;
    size_t rows = 0;
    for (size_t job; (job = pick_job(jobs_)) < jobs_.size();) {
        EmbedJob & taken = jobs_[job];
        const Tokens & tokens = taken.inputs[taken.next];
        const bool full = rows + tokens.size() > most_rows || inputs.size() == (alone_ ? 1 : kInputs);
        if (!inputs.empty() && full) {
            break;
        }
        inputs.push_back({job, taken.next++, &tokens});
        rows += tokens.size();
        taken.rows_left -= static_cast<int64_t>(tokens.size());
        taken.served += static_cast<int64_t>(tokens.size());
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
    n_padding_ = 0;
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
    return decode(true);
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
    return decode(true);
}

// Everything before the last tokens. What does not fit a batch is alone, so it is cut where it would be cut alone.
Status Embedder::run_heads(const std::vector<Input> & inputs) {
    context_->clear_batch();
    for (size_t seq = 0; seq < inputs.size(); ++seq) {
        const Tokens & tokens = *inputs[seq].tokens;
        for (size_t pos = 0; pos + 1 < tokens.size(); ++pos) {
            if (context_->rows() == rows_) {
                if (Status status = decode(false); !status) {
                    return status;
                }
                context_->clear_batch();
            }
            context_->add(tokens[pos], static_cast<Pos>(pos), static_cast<SeqId>(seq), false);
        }
    }
    return context_->rows() > 0 ? decode(false) : Status{};
}

Status Embedder::decode(bool output) {
    const Token token = std::max(model_.first_token(), 0);
    while (!alone_ && (context_->rows() < kLeastRows || context_->rows() % kRowStep != 0)) {
        context_->add(token, n_padding_++, kPadding, output);
    }
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
    for (size_t seq = 0, row = 0; seq < inputs.size(); ++seq) {
        const size_t n_rows = whole_ ? inputs[seq].tokens->size() : 1;
        const float * values = vector_of(seq, row, n_rows);
        row += n_rows;
        EmbedJob & job = jobs_[inputs[seq].job];
        if (!values) {
            return Status::error(Code::internal, "the model gave no vector");
        }
        if (!to_bytes(values, model_.n_vector(), job.spec.normalize, job.vectors[inputs[seq].index]) && job.failure) {
            job.failure = Status::error(Code::bad_request, "embedding contains NaN or Inf values");
            job.failed_input = static_cast<int>(inputs[seq].index);
        }
    }
    return {};
}

// Valid until the next call. Null: there is none.
const float * Embedder::vector_of(size_t seq, size_t first_row, size_t n_rows) {
    if (llama_pooling_type(context_->raw()) != LLAMA_POOLING_TYPE_NONE) {
        return llama_get_embeddings_seq(context_->raw(), static_cast<SeqId>(seq));
    }
    if (!means_) {
        return llama_get_embeddings_ith(context_->raw(), static_cast<int32_t>(first_row + n_rows) - 1);
    }
    const auto width = static_cast<size_t>(model_.n_vector());
    std::vector<double> sums(width);
    for (size_t row = first_row; row < first_row + n_rows; ++row) {
        const float * values = llama_get_embeddings_ith(context_->raw(), static_cast<int32_t>(row));
        if (!values) {
            return nullptr;
        }
        for (size_t i = 0; i < width; ++i) {
            sums[i] += double(values[i]);
        }
    }
    mean_.resize(width);
    for (size_t i = 0; i < width; ++i) {
        mean_[i] = static_cast<float>(sums[i] / static_cast<double>(n_rows));
    }
    return mean_.data();
}

void Embedder::drop_cancelled() {
    for (size_t job = jobs_.size(); job-- > 0;) {
        if (board_.cancelled(jobs_[job].spec.id)) {
            Finished end;
            end.id = jobs_[job].spec.id;
            end.reason = "cancelled";
            take_out(job);
            events_.push(std::move(end));
        }
    }
}

void Embedder::finish(size_t job) {
    Embedded done;
    done.id = jobs_[job].spec.id;
    done.vectors = std::move(jobs_[job].vectors);
    done.prompt_tokens = jobs_[job].n_tokens;
    take_out(job);
    events_.push(std::move(done));
}

void Embedder::fail(size_t job, const Status & why) {
    Failed failed{jobs_[job].spec.id, why, 0, 0};
    failed.input = jobs_[job].failed_input;
    take_out(job);
    events_.push(std::move(failed));
}

void Embedder::take_out(size_t job) {
    board_.remove(jobs_[job].spec.id);
    jobs_.erase(jobs_.begin() + static_cast<std::ptrdiff_t>(job));
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
