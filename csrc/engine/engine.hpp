// Engine is one loaded model and its threads: requests go in, events come out.
// Ownership: owns everything from the model to the threads. Destroyed in this order: scheduler and embedder with their
// contexts, thread pools, model.
// Threads: any may call, except that one at a time closes. It has two: one loads and computes, the other works on texts.
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "chat/chat.hpp"
#include "engine/cancel_board.hpp"
#include "engine/embedder.hpp"
#include "engine/events.hpp"
#include "engine/load_spec.hpp"
#include "engine/model.hpp"
#include "engine/schedule/scheduler.hpp"
#include "engine/thread_pools.hpp"
#include "engine/watchdog.hpp"

namespace po {

class Engine {
  public:
    // Starts to load and returns at once; Loading events, then Loaded or LoadFailed, go to the queue, which must
    // outlive the engine. internal: the system gave no thread.
    static Status open(const LoadSpec & spec, EventQueue & events, std::shared_ptr<Engine> & out) noexcept;
    ~Engine();
    Engine(const Engine &) = delete;
    Engine & operator=(const Engine &) = delete;

    // None of these waits: the text thread tokenises and renders, in the order of the calls, and all answers, refusals
    // too, come as events. bad_request: a request of this id is alive. cancelled: the engine is closed.
    Status generate(const GenerateSpec & spec, MarkedText prompt) noexcept;
    Status embed(const EmbedSpec & spec, std::vector<std::string> texts) noexcept;
    Status tokenize(ReqId id, std::vector<MarkedText> texts, bool only_count) noexcept;
    Status detokenize(ReqId id, Tokens tokens) noexcept;
    Status render(ReqId id, std::string request_json) noexcept;

    // Idempotent; the request's last event still comes. Takes effect within the running step if nobody else is in it,
    // while a text is tokenised or rendered, and before that.
    void cancel(ReqId id) noexcept;

    // Lets the KV pool grow to n_cells, for requests submitted from now on; fewer than before changes nothing. Takes no
    // memory by itself. bad_request: not loaded yet, or the model only computes embeddings.
    Status allow_cells(int n_cells) noexcept;

    // The same in the calling thread. bad_request: not loaded yet, or a token id outside the vocabulary.
    Status tokenize(const MarkedText & text, bool add_special, Tokens & out) const noexcept;
    Status detokenize(const Tokens & tokens, std::string & out) const noexcept;
    Status render(std::string_view request_json, std::string & result_json) noexcept;

    // Waits for the threads. finish: requests under way end first; otherwise they end as cancelled, a load stops.
    void close(bool finish) noexcept;

  private:
    enum class State { loading, ready, failed, closed };
    using Job = std::function<void()>;

    Engine(const LoadSpec & spec, EventQueue & events);
    const Model * ready_model() const;

    // Any thread.
    template <typename Work>
    Status accept(ReqId id, Work work) noexcept;
    void refuse(Failed failure, const Status & why);
    Status render_within(const std::function<bool()> & cancelled, std::string_view request_json, std::string & out);

    // The text thread (engine_text.cpp).
    void run_texts() noexcept;
    void prepare(const GenerateSpec & spec, MarkedText & prompt);
    void prepare(const EmbedSpec & spec, const std::vector<std::string> & texts);
    void answer(ReqId id, const std::function<Status(const Model &, Event &)> & work);
    void hand_over(ReqId id, Job job);
    bool wanted(ReqId id) const noexcept;

    // The engine's thread.
    void run() noexcept;
    Status load();
    Status load_parts();
    bool grow_pool(int64_t n_cells);
    void measure_held();
    void announce(int64_t load_ns);
    bool intake();
    Status serve();
    bool spare() const;
    void measure();
    void leave(State state, const std::string & why) noexcept;

    LoadSpec spec_;
    EventQueue & events_;
    CancelBoard board_;
    std::unique_ptr<Model> model_;
    ThreadPools pools_;
    std::unique_ptr<Context> context_;
    std::unique_ptr<Embedder> embedder_;
    std::unique_ptr<Scheduler> scheduler_;  // none for models that are made for embeddings
    std::atomic<int> most_ctx_{0};  // cells that the pool may have; 0: only vectors
    int64_t embed_ahead_ns_ = 0;  // how much longer vectors were computed than text, while both are wanted
    int64_t embedded_ns_ = 0;     // when vectors were computed last
    MemorySize size_;             // as told
    int64_t held_ = 0;            // of it, by requests that wait or are parked

    mutable std::mutex mutex_;
    std::condition_variable news_;
    State state_ = State::loading;
    std::string failure_;        // why state_ is failed or closed
    bool closing_ = false;       // nothing new is accepted
    std::vector<Job> inbox_;     // for the engine's thread
    std::condition_variable text_news_;
    std::deque<Job> texts_;      // for the text thread, which begins when the load has ended
    bool text_busy_ = false;
    bool text_ends_ = false;     // when texts_ is empty
    std::mutex chat_mutex_;
    std::unique_ptr<ChatTemplates> chat_;
    Watchdog watchdog_;
    std::thread thread_;
    std::thread text_thread_;
};

}  // namespace po
