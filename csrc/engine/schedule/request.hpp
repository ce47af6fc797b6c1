// Request is one completion on its way: what it holds in the KV pool, and what it has said so far.
// Ownership: the Scheduler's; owns sampler and text. Threads: made by the submitting thread, then the scheduler's.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/clock.hpp"
#include "engine/events.hpp"
#include "engine/model.hpp"
#include "engine/sampler.hpp"
#include "engine/text_out.hpp"
#include "engine/types.hpp"
#include "engine/schedule/repeat_guard.hpp"
#include "engine/schedule/transcript.hpp"
#include "engine/schedule/window.hpp"

namespace po {

// The fields of Generate in pyollama/wire/runner.py.
struct GenerateSpec {
    ReqId id = 0;
    int n_ctx = 4096;
    int num_predict = -1;  // tokens of the answer, 10 * n_ctx at most; 0 or less: no other limit
    int num_keep = 4;
    bool shift = true;
    bool truncate = false;
    std::vector<std::string> stop;  // an empty one ends the answer at its first token
    int logprobs = -1;
    bool want_context = false;
    std::vector<std::string> shown;  // special tokens in these texts, and in stop, are part of the answer's text
    SampleSpec sampling;
};

class Request {
  public:
    // Checks the options, fits the prompt into the context and feeds the penalties.
    // most_ctx: cells of the pool; a request never gets more. bad_request, or too_long with failure() filled.
    static Status make(const GenerateSpec & spec, Tokens prompt, const Model & model, int most_ctx,
                       std::unique_ptr<Request> & out, Failed & failure);

    // Tokens that prompt and answer may hold together.
    static int context_of(const GenerateSpec & spec, int most_ctx);

    // A prompt of so many tokens, or more, does not fit.
    static Status too_long(int64_t n_tokens, int n_ctx, Failed & failure);

    ReqId id() const { return spec_.id; }
    int rows_left() const { return static_cast<int>(tokens.size()) - pos; }
    bool prefilling() const { return n_output_ == 0 || rows_left() > 1; }
    int64_t answer_left() const { return n_output_most_ - n_output_; }

    // The next row would fill the context: shift or end.
    bool context_full() const { return pos + 1 >= n_ctx_; }
    Cut next_cut() const;
    void shifted(const Cut & cut);

    // Chooses the next token from the logits after the last row and adds its events to out.
    // true: the request has ended and its last event is in out.
    bool sample(float * logits, bool can_shift, std::vector<Event> & out);

    // Ends it: adds held text and the last event to out.
    void finish(const char * reason, std::vector<Event> & out);

    void started_prompt();  // the first of its rows goes into a step

    Tokens tokens;                // what its sequence holds or will hold: prompt, then answer
    Pos pos = 0;                  // of tokens, how many the pool holds
    Pos clean = 0;                // of tokens, how many the KV describes exactly; fewer after a shift
    SeqId seq = kNoSeq;
    int64_t submitted_ns = now_ns();
    uint64_t order = 0;           // of admission; 0: not yet
    Pos reused = 0;
    bool ended = false;           // its last event is out
    std::string prefix_miss;
    std::vector<uint8_t> parked;  // its state while it is parked

  private:
    Request(const GenerateSpec & spec, const Model & model) : spec_(spec), model_(model), text_(spec.stop) {}
    Status fit(Failed & failure);
    void show_tokens();
    void say(Token token, const float * logits, std::vector<Event> & out);

    GenerateSpec spec_;
    const Model & model_;
    TextOut text_;
    std::unique_ptr<Sampler> sampler_;
    Tokens shown_;  // special tokens that are part of the text
    std::optional<Transcript> said_;  // for want_context
    RepeatGuard repeats_;
    bool stuck_ = false;
    bool stopped_ = false;
    Pos n_ctx_ = 0;
    Pos n_prompt_ = 0;
    int64_t n_output_ = 0;
    int64_t n_output_most_ = 0;
    int64_t prompt_start_ns_ = 0;
    int64_t output_start_ns_ = 0;
};

}  // namespace po
