#include "engine/schedule/scheduler.hpp"

#include <algorithm>
#include <limits>

namespace po {
namespace {

constexpr int64_t kStepNs = 150'000'000;         // while someone waits for a token
constexpr int64_t kGrowthPauseNs = 10'000'000'000;  // after memory was short
constexpr int64_t kRelaxedStepNs = 250'000'000;  // while nobody does: how late a new request or a cancel is seen

}  // namespace

Scheduler::Scheduler(const Model & model, Context & context, CancelBoard & board, EventQueue & events, int n_running,
                     PoolGrowth growth)
    : context_(context), board_(board), events_(events), pool_(context, model, n_running), growth_(std::move(growth)),
      cost_(kStepNs, kRelaxedStepNs) {}

void Scheduler::submit(std::unique_ptr<Request> request) {
    waiting_.push_back(std::move(request));
    fresh_ = true;
}

Status Scheduler::step() {
    const int64_t begin = now_ns();
    drop_cancelled();
    resume_parked();
    shift_full();  // before others may share what moves
    admit();
    Status status;
    std::vector<Work> work = plan();
    if (!work.empty()) {
        const int result = compute(work);
        if (result == 0) {
            collect(work);
        } else {
            status = recover(result, work);
        }
    }
    sweep();
    send(now_ns() - begin);
    return status;
}

// Only text of requests that go on may wait: with it the next step is certain. A prompt would make that step a long one.
void Scheduler::send(int64_t step_ns) {
    const auto is_piece = [](const Event & event) { return std::holds_alternative<Piece>(event); };
    const auto decodes = [](const Owned & request) { return !request->prefilling(); };
    const bool next_is_short = !running_.empty() && waiting_.empty() && parked_.empty() &&
                               std::all_of(running_.begin(), running_.end(), decodes);
    if (!next_is_short || !pace_.may_wait(now_ns(), step_ns) || !std::all_of(outbox_.begin(), outbox_.end(), is_piece)) {
        flush();
    }
}

void Scheduler::flush() {
    if (!outbox_.empty()) {
        events_.push(outbox_);
        pace_.sent(now_ns());
    }
}

// Before anything cached is given up and before anybody waits, the pool grows, at least to twice its size. false: it is
// as large as it may be, or memory is short.
bool Scheduler::grow(int64_t lacking) {
    const int64_t total = pool_.cells().total();
    if (lacking <= 0 || total >= growth_.most || now_ns() < no_growth_before_ns_) {
        return false;
    }
    if (!growth_.grow_to(std::min(std::max(2 * total, total + lacking), growth_.most))) {
        no_growth_before_ns_ = now_ns() + kGrowthPauseNs;
        return false;
    }
    pool_.grown();
    return true;
}

// Decode rows in order of admission, then prompt rows as the budget allows; never more than there are cells.
std::vector<Scheduler::Work> Scheduler::plan() {
    std::vector<Work> work = rows_for_all();
    while (!work.empty() && !make_room(work)) {
        work = rows_for_all();
    }
    return work;
}

std::vector<Scheduler::Work> Scheduler::rows_for_all() const {
    std::vector<Work> work;
    std::vector<Work> prompts;
    std::vector<PromptDemand> demands;
    const int64_t now = now_ns();
    for (const Owned & request : running_) {
        if (request->prefilling()) {
            prompts.push_back({request.get(), 0});
            demands.push_back({request->rows_left(), now - request->submitted_ns});
        } else {
            work.push_back({request.get(), 1});
        }
    }
    const int decoding = static_cast<int>(work.size());
    const int budget = cost_.budget(decoding, context_.most_rows() - decoding);
    const std::vector<int> grants = grant_rows(demands, budget, cost_.aging());
    for (size_t i = 0; i < grants.size(); ++i) {
        Request & request = *prompts[i].request;
        const int rows = whole_blocks(request.pos, grants[i], request.rows_left());
        if (rows > 0) {
            work.push_back({&request, stop_at_checkpoint(request, rows)});
        }
    }
    if (work.empty() && !prompts.empty()) {  // no block fits the batch
        work.push_back({prompts.front().request, std::max(grants.front(), 1)});
    }
    return work;
}

// Where memory cannot be cut, a prompt stops before its last token, so that remember() can keep that state.
int Scheduler::stop_at_checkpoint(const Request & request, int rows) const {
    const bool stop = !pool_.traits().cuts && rows > 1 && rows == request.rows_left();
    return stop ? rows - 1 : rows;
}

// false: a request was parked or failed for want of cells, plan again.
bool Scheduler::make_room(std::vector<Work> & work) {
    int64_t rows = 0;
    for (const Work & part : work) {
        rows += part.rows;
    }
    grow(rows - pool_.cells().free());
    const int64_t free = cache_.make_room(rows);
    if (free >= rows) {
        return true;
    }
    if (running_.size() > 1) {
        park_youngest();
        return false;
    }
    if (free == 0) {
        fail(*running_.front(), Status::error(Code::no_memory, "there is not enough memory for the context of this request"));
        sweep();
        return false;
    }
    Work & only = work.front();
    const int fitting = whole_blocks(only.request->pos, static_cast<int>(free), only.request->rows_left());
    only.rows = fitting > 0 ? fitting : static_cast<int>(free);
    return true;
}

int Scheduler::compute(std::vector<Work> & work) {
    context_.clear_batch();
    std::vector<ReqId> ids;
    int prompt_rows = 0;
    int decode_rows = 0;
    for (Work & part : work) {
        Request & request = *part.request;
        const bool prompt = request.prefilling();
        const bool last = part.rows == request.rows_left();
        if (prompt) {
            request.started_prompt();
        }
        (prompt ? prompt_rows : decode_rows) += part.rows;
        for (int i = 0; i < part.rows; ++i) {
            const Pos pos = request.pos + i;
            const bool output = last && i + 1 == part.rows;
            const int row = context_.add(request.tokens[pos], pos, request.seq, output);
            part.output_row = output ? row : -1;
        }
        ids.push_back(request.id());
    }
    const int64_t start = now_ns();
    board_.begin_step(ids);
    const int result = context_.decode();
    llama_synchronize(context_.raw());
    board_.end_step();
    if (result == 0) {
        cost_.learn(decode_rows, prompt_rows, now_ns() - start);
    }
    return result;
}

void Scheduler::collect(const std::vector<Work> & work) {
    for (const Work & part : work) {
        Request & request = *part.request;
        pool_.stored(request.seq, part.rows);
        request.pos += part.rows;
        if (!pool_.traits().cuts && part.output_row < 0 && request.rows_left() == 1) {
            cache_.remember(request.seq, request.tokens, request.pos);
        }
    }
    for (const Work & part : work) {
        if (part.output_row < 0) {
            continue;
        }
        Request & request = *part.request;
        float * logits = llama_get_logits_ith(context_.raw(), part.output_row);
        if (!logits) {
            fail(request, Status::error(Code::internal, "the step has no result for a request"));
        } else if (request.sample(logits, pool_.traits().shifts, outbox_)) {
            release(request);
        }
    }
}

// 1: no room, 2: stopped, -1: refused, below: lost. What earlier parts of the batch stored stays, so look it up.
Status Scheduler::recover(int result, const std::vector<Work> & work) {
    if (result < -1) {
        const bool no_memory = result == Context::kNoMemory;
        Status lost = Status::error(no_memory ? Code::no_memory : Code::lost_context,
                                    no_memory ? "there is not enough memory to compute this request"
                                              : "the computation failed on the device");
        fail_all(lost);
        lost.code = Code::lost_context;
        return lost;
    }
    int64_t rows = 0;
    for (const Work & part : work) {
        rows += part.rows;
        if (!pool_.traits().cuts) {
            pool_.cut(part.request->seq, 0);  // a state that took half a step cannot go back
        }
        part.request->pos = pool_.verify(part.request->seq);
    }
    if (result == -1) {
        for (const Work & part : work) {
            fail(*part.request, Status::error(Code::internal, "the engine refused its own batch"));
        }
    } else if (result == 1 && !cache_.empty()) {
        cache_.make_room(pool_.cells().free() + rows);
    } else if (result == 1 && running_.size() > 1) {
        park_youngest();
    } else if (result == 1) {
        fail(*work.front().request, Status::error(Code::no_memory, "there is not enough memory for the context of this request"));
    }
    return {};
}

void Scheduler::park_youngest() {
    const auto youngest = std::max_element(running_.begin(), running_.end(),
                                           [](const Owned & a, const Owned & b) { return a->order < b->order; });
    park(static_cast<size_t>(youngest - running_.begin()));
}

void Scheduler::park(size_t index) {
    Owned request = std::move(running_[index]);
    running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(index));
    if (request->pos > 0 && pool_.save(request->seq, request->parked)) {
        request->seq = kNoSeq;
        parked_.push_back(std::move(request));
        return;
    }
    // No host memory either: its tokens are known, so it can be computed again.
    cache_.keep(request->seq, request->tokens, std::min(request->pos, request->clean));
    request->seq = kNoSeq;
    request->pos = 0;
    request->clean = std::numeric_limits<Pos>::max();
    waiting_.push_front(std::move(request));
}

// Gives the cells of a request that ended to the cache.
void Scheduler::release(Request & request) {
    if (request.seq != kNoSeq) {
        cache_.keep(request.seq, request.tokens, std::min(request.pos, request.clean));
        request.seq = kNoSeq;
    }
    end(request);
}

void Scheduler::end(Request & request) {
    board_.remove(request.id());
    request.ended = true;
}

void Scheduler::fail(Request & request, const Status & why) {
    outbox_.push_back(Failed{request.id(), why, 0, 0});
    release(request);
}

void Scheduler::sweep() {
    const auto ended = [](const Owned & request) { return request->ended; };
    running_.erase(std::remove_if(running_.begin(), running_.end(), ended), running_.end());
    waiting_.erase(std::remove_if(waiting_.begin(), waiting_.end(), ended), waiting_.end());
    parked_.erase(std::remove_if(parked_.begin(), parked_.end(), ended), parked_.end());
}

int64_t Scheduler::held_bytes() const {
    size_t bytes = 0;
    for (const auto * list : {&waiting_, &parked_}) {
        for (const Owned & request : *list) {
            bytes += request->tokens.capacity() * sizeof(Token) + request->parked.capacity();
        }
    }
    return static_cast<int64_t>(bytes);
}

void Scheduler::end_all() {
    for (auto * list : {&waiting_, &parked_}) {
        for (const Owned & request : *list) {
            request->finish("cancelled", outbox_);
            release(*request);
        }
    }
    for (const Owned & request : running_) {
        request->finish("cancelled", outbox_);
        release(*request);
    }
    sweep();
    flush();
}

void Scheduler::fail_all(const Status & why) {
    const auto fail_one = [&](const Owned & request) {
        outbox_.push_back(Failed{request->id(), why, 0, 0});
        end(*request);
    };
    std::for_each(running_.begin(), running_.end(), fail_one);
    std::for_each(waiting_.begin(), waiting_.end(), fail_one);
    std::for_each(parked_.begin(), parked_.end(), fail_one);
    sweep();
    flush();
}

}  // namespace po
