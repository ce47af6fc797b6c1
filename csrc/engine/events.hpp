// What the engine tells Python, and the queue it goes through.
#pragma once
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/status.hpp"
#include "engine/types.hpp"

namespace po {

// Each is one struct of pyollama/wire/runner.py, in the order of its fields.

struct Loading {
    double progress = 0;  // 0 to 1
};

struct Loaded {
    int32_t n_ctx_train = 0;
    int64_t n_cells = 0;
    int32_t n_vocab = 0;
    int32_t n_embd = 0;
    bool adds_bos = false;
    uint64_t size = 0;       // bytes: weights, KV pool and compute buffers
    uint64_t size_vram = 0;  // the part of size on GPUs
    int32_t n_threads = 0;
    int32_t n_gpu_layers = 0;
    int64_t load_ns = 0;
};

struct LoadFailed {
    std::string reason;
    const char * code = "";  // wire_name of why
};

struct TokenLogprob {
    std::string bytes;
    float logprob = 0;
    std::vector<std::pair<std::string, float>> top;
};

struct Piece {
    ReqId id = 0;
    std::string text;
    bool has_logprobs = false;
    std::vector<TokenLogprob> logprobs;
};

struct Finished {
    ReqId id = 0;
    const char * reason = "";  // "stop", "length" or "cancelled"
    int64_t prompt_tokens = 0;
    int64_t prompt_reused = 0;
    int64_t prompt_ns = 0;
    int64_t output_tokens = 0;
    int64_t output_ns = 0;
    std::string prefix_miss;
    bool has_context = false;
    Tokens context;
};

struct Failed {
    ReqId id = 0;
    Status status;
    int64_t n_tokens = 0;
    int64_t n_ctx = 0;
    int input = -1;
};

struct Embedded {
    ReqId id = 0;
    std::vector<std::string> vectors;  // little-endian float32
    int64_t prompt_tokens = 0;
};

struct Resized {
    uint64_t size = 0;
    uint64_t size_vram = 0;
};

struct Rendered {
    ReqId id = 0;
    std::string result;
};

struct Tokenized {
    ReqId id = 0;
    std::vector<Tokens> tokens;
    std::vector<int64_t> counts;  // instead of the tokens, if only their number was asked for
};

struct Detokenized {
    ReqId id = 0;
    std::string text;
};

using Event = std::variant<Loading, Loaded, LoadFailed, Piece, Finished, Failed, Embedded, Resized, Rendered, Tokenized,
                           Detokenized>;

// EventQueue carries events to one consumer, who waits on a descriptor.
// Ownership: events move in and out; the descriptor closes with the queue.
// Threads: any may push; one drains. Neither ever waits for the other beyond a short lock.
class EventQueue {
  public:
    EventQueue();
    ~EventQueue();
    EventQueue(const EventQueue &) = delete;
    EventQueue & operator=(const EventQueue &) = delete;

    // Readable while events wait. -1: the system had no descriptor left.
    int fd() const noexcept { return read_fd_; }

    // Takes all events of batch, in order, and leaves it empty. Text that the consumer has not fetched yet grows
    // instead of queueing behind itself, so a slow consumer sees fewer, longer pieces.
    void push(std::vector<Event> & batch) noexcept;
    void push(Event && event) noexcept;

    // Moves up to limit events to the end of out.
    void drain(std::vector<Event> & out, size_t limit) noexcept;

  private:
    bool joined(Event & event);
    void signal() noexcept;
    void clear_signal() noexcept;

    std::mutex mutex_;
    std::deque<Event> waiting_;
    int read_fd_ = -1;
    int write_fd_ = -1;
};

}  // namespace po
