"""The C++ engine (csrc/engine), as far as Python sees it. Calls without "except +" are noexcept."""

from libc.stdint cimport int32_t, int64_t, uint64_t
from libcpp cimport bool
from libcpp.memory cimport shared_ptr, unique_ptr
from libcpp.optional cimport optional
from libcpp.pair cimport pair
from libcpp.string cimport string
from libcpp.string_view cimport string_view
from libcpp.vector cimport vector


cdef extern from "engine/build_info.hpp" namespace "po" nogil:
    string c_system_info "po::system_info"() except +
    string c_version "po::version"() except +

cdef extern from "engine/devices.hpp" namespace "po" nogil:
    cppclass Device:
        string name
        string description
        string kind
        uint64_t memory_free
        uint64_t memory_total

    vector[Device] c_devices "po::devices"() except +

cdef extern from "engine/render_chat.hpp" namespace "po" nogil:
    Status c_render_chat "po::render_chat"(const vector[string] &, string_view, string &)

cdef extern from "engine/status.hpp" namespace "po" nogil:
    enum class Code:
        ok
        cancelled

    cppclass Status:
        Code code
        string text

    const char * wire_name(Code)

cdef extern from "engine/load_spec.hpp" namespace "po" nogil:
    cppclass LoadSpec:
        vector[string] files
        vector[string] adapters
        int n_ctx
        int n_cells
        int n_cells_start
        int n_seq_max
        int n_batch
        int n_threads
        int n_threads_batch
        int n_gpu_layers
        optional[int] main_gpu
        optional[bool] use_mmap
        bool use_mlock
        optional[bool] flash_attention
        string kv_cache_type
        float rope_frequency_base
        float rope_frequency_scale
        float embed_idle_seconds
        double render_seconds
        bool trust_control_tokens

cdef extern from "engine/marked_text.hpp" namespace "po" nogil:
    cppclass MarkedText:
        void add(string_view, bool) except +

cdef extern from "engine/sampler.hpp" namespace "po" nogil:
    cppclass SampleSpec:
        float temperature
        float top_p
        float min_p
        float typical_p
        float repeat_penalty
        float presence_penalty
        float frequency_penalty
        float mirostat_tau
        float mirostat_eta
        int top_k
        int repeat_last_n
        int mirostat
        int64_t seed

cdef extern from "engine/schedule/request.hpp" namespace "po" nogil:
    cppclass GenerateSpec:
        uint64_t id
        int n_ctx
        int num_predict
        int num_keep
        bool shift
        bool truncate
        vector[string] stop
        int logprobs
        bool want_context
        vector[string] shown
        SampleSpec sampling

cdef extern from "chat/answer_parser.hpp" namespace "po" nogil:
    cppclass ParsedCall:
        string name
        string arguments

    cppclass AnswerDelta:
        string content
        string thinking
        vector[ParsedCall] calls
        bool open_thought

    cppclass CppAnswerParser "po::AnswerParser":
        @staticmethod
        Status open(string_view, unique_ptr[CppAnswerParser] &)
        void add(string_view, AnswerDelta &)
        void finish(AnswerDelta &)

cdef extern from "engine/embedder.hpp" namespace "po" nogil:
    cppclass EmbedSpec:
        uint64_t id
        int n_ctx
        bool truncate
        bool normalize

cdef extern from "<variant>" namespace "std" nogil:
    T * get_if[T](Event *)

cdef extern from "engine/events.hpp" namespace "po" nogil:
    cppclass Loading:
        double progress

    cppclass Loaded:
        int32_t n_ctx_train
        int64_t n_cells
        int32_t n_vocab
        int32_t n_embd
        bool adds_bos
        uint64_t size
        uint64_t size_vram
        int32_t n_threads
        int32_t n_gpu_layers
        int64_t load_ns

    cppclass LoadFailed:
        string reason
        const char * code

    cppclass TokenLogprob:
        string bytes
        float logprob
        vector[pair[string, float]] top

    cppclass Piece:
        uint64_t id
        string text
        bool has_logprobs
        vector[TokenLogprob] logprobs

    cppclass Finished:
        uint64_t id
        const char * reason
        int64_t prompt_tokens
        int64_t prompt_reused
        int64_t prompt_ns
        int64_t output_tokens
        int64_t output_ns
        string prefix_miss
        bool has_context
        vector[int32_t] context

    cppclass Failed:
        uint64_t id
        Status status
        int64_t n_tokens
        int64_t n_ctx
        int input

    cppclass Resized:
        uint64_t size
        uint64_t size_vram

    cppclass Embedded:
        uint64_t id
        vector[string] vectors
        int64_t prompt_tokens

    cppclass Rendered:
        uint64_t id
        string result

    cppclass Tokenized:
        uint64_t id
        vector[vector[int32_t]] tokens
        vector[int64_t] counts

    cppclass Detokenized:
        uint64_t id
        string text

    cppclass Event:
        size_t index()

    cppclass EventQueue:
        EventQueue() except +
        int fd()
        void drain(vector[Event] & out, size_t limit)

cdef extern from "engine/engine.hpp" namespace "po" nogil:
    cppclass CppEngine "po::Engine":
        @staticmethod
        Status open(const LoadSpec &, EventQueue &, shared_ptr[CppEngine] &)
        Status generate(const GenerateSpec &, MarkedText)
        Status embed(const EmbedSpec &, vector[string])
        Status tokenize_later "tokenize"(uint64_t, vector[MarkedText], bool)
        Status detokenize_later "detokenize"(uint64_t, vector[int32_t])
        Status render_later "render"(uint64_t, string)
        void cancel(uint64_t)
        Status allow_cells(int)
        Status tokenize(const MarkedText &, bool, vector[int32_t] &)
        Status detokenize(const vector[int32_t] &, string &)
        Status render(string_view, string &)
        void close(bool)
