# cython: language_level=3
"""One loaded model and its scheduler thread (csrc/engine)."""

import atexit
import weakref

from cpython.bytes cimport PyBytes_AS_STRING
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int32_t, uint64_t
from libcpp cimport bool
from libcpp.memory cimport shared_ptr, unique_ptr
from libcpp.optional cimport optional
from libcpp.string cimport string
from libcpp.string_view cimport string_view
from libcpp.utility cimport move
from libcpp.vector cimport vector


def system_info() -> str:
    """CPU features and backends compiled in, in ggml's own words."""
    return c_system_info().decode()


def version() -> str:
    """Version of the vendored tree, e.g. "0.5.0-dev (ggml 0.25.3)"."""
    return c_version().decode()


def devices() -> list[dict[str, object]]:
    """Compute devices: name, description, kind ("cpu", "gpu", "igpu", "accel"), memory_free, memory_total (bytes)."""
    cdef vector[Device] found = c_devices()
    return [
        {
            "name": _text(device.name),
            "description": _text(device.description),
            "kind": _text(device.kind),
            "memory_free": device.memory_free,
            "memory_total": device.memory_total,
        }
        for device in found
    ]


def render_chat(model, bytes request not None) -> bytes:
    """Render a chat with the Jinja template of model files (csrc/chat), reading no weights.

    ValueError with the reason of the file or the template.
    """
    cdef vector[string] files = _strings(model)
    cdef string raw = request
    cdef string result
    cdef Status status
    with nogil:
        status = c_render_chat(files, string_view(raw.data(), raw.size()), result)
    _raise_unless_ok(status)
    return <bytes>result


cdef class AnswerParser:
    """Reads the answer to a chat that was rendered with a Jinja template (csrc/chat). Any thread, one at a time."""

    cdef unique_ptr[CppAnswerParser] _parser

    def __cinit__(self, bytes parser not None):
        """parser: JSON of what the rendering said about it. ValueError: it is none."""
        cdef string raw = parser
        cdef Status status
        with nogil:
            status = CppAnswerParser.open(string_view(raw.data(), raw.size()), self._parser)
        _raise_unless_ok(status)

    def add(self, str text not None):
        """Content, thought and complete calls (name, arguments as JSON) after one more piece of text."""
        cdef string raw = _bytes(text)
        cdef AnswerDelta delta
        with nogil:
            self._parser.get().add(string_view(raw.data(), raw.size()), delta)
        return _delta(delta)

    def finish(self):
        """What was held back, and whether the answer ends within a thought."""
        cdef AnswerDelta delta
        with nogil:
            self._parser.get().finish(delta)
        return *_delta(delta), delta.open_thought


class EngineClosed(Exception):
    """The engine was closed; nothing can be submitted any more."""


# A thread that computes while the interpreter takes the process down would touch freed memory.
_open_engines = weakref.WeakSet()


@atexit.register
def _close_all():
    for engine in list(_open_engines):
        engine.close()


cdef class Engine:
    """One loaded model and its scheduler thread.

    Any thread may call, but only one may drain(). Only close() waits.
    """

    # The queue outlives the engine, so that its last events can be fetched after close().
    cdef unique_ptr[EventQueue] _events
    cdef shared_ptr[CppEngine] _engine  # a call without the GIL holds a share, so close() cannot pull it away
    cdef object __weakref__

    def __cinit__(
        self,
        *,
        model,
        adapters,
        int n_ctx,
        int n_cells,
        int n_seq_max,
        int n_batch,
        int n_threads,
        int n_threads_batch,
        int n_gpu_layers,
        main_gpu,
        use_mmap,
        bool use_mlock,
        flash_attention,
        str kv_cache_type,
        float rope_frequency_base,
        float rope_frequency_scale,
        float embed_idle_seconds,
        double render_seconds,
        bool trust_control_tokens,
        int n_cells_start,
    ):
        cdef LoadSpec spec
        spec.files = _strings(model)
        spec.adapters = _strings(adapters)
        spec.n_cells_start = n_cells_start
        spec.n_ctx, spec.n_cells, spec.n_seq_max, spec.n_batch = n_ctx, n_cells, n_seq_max, n_batch
        spec.n_threads, spec.n_threads_batch = n_threads, n_threads_batch
        spec.n_gpu_layers = n_gpu_layers
        if main_gpu is not None:
            spec.main_gpu = <int>main_gpu
        if use_mmap is not None:
            spec.use_mmap = <bool>use_mmap
        spec.use_mlock = use_mlock
        if flash_attention is not None:
            spec.flash_attention = <bool>flash_attention
        spec.kv_cache_type = kv_cache_type.encode()
        spec.rope_frequency_base, spec.rope_frequency_scale = rope_frequency_base, rope_frequency_scale
        spec.embed_idle_seconds = embed_idle_seconds
        spec.render_seconds, spec.trust_control_tokens = render_seconds, trust_control_tokens
        self._events.reset(new EventQueue())
        _raise_unless_ok(CppEngine.open(spec, self._events.get()[0], self._engine))
        _open_engines.add(self)

    def fileno(self) -> int:
        """A descriptor that is readable while events wait."""
        return self._events.get().fd()

    def drain(self, size_t limit=256):
        """Take up to limit ready events. Wait for fileno() to become readable first."""
        cdef vector[Event] ready
        cdef list out = []
        cdef size_t i
        with nogil:
            self._events.get().drain(ready, limit)
        for i in range(ready.size()):
            out.append(_to_python(&ready[i]))
        return out

    def generate(
        self,
        uint64_t id,
        prompt,
        *,
        n_ctx,
        num_predict,
        num_keep,
        bool shift=True,
        bool truncate=False,
        stop=(),
        int logprobs=-1,
        bool want_context=False,
        shown=(),
        float temperature,
        top_k,
        float top_p,
        float min_p,
        float typical_p,
        repeat_last_n,
        float repeat_penalty,
        float presence_penalty,
        float frequency_penalty,
        int mirostat,
        float mirostat_tau,
        float mirostat_eta,
        seed,
    ):
        """Submit a completion. Everything about it comes as events."""
        cdef GenerateSpec spec
        spec.id, spec.n_ctx = id, _clamped(n_ctx)
        spec.num_predict, spec.num_keep = _clamped(num_predict), _clamped(num_keep)
        spec.shift, spec.truncate = shift, truncate
        spec.stop = _strings(stop)
        spec.logprobs, spec.want_context = logprobs, want_context
        spec.shown = _strings(shown)
        spec.sampling.temperature, spec.sampling.top_k, spec.sampling.top_p = temperature, _clamped(top_k), top_p
        spec.sampling.min_p, spec.sampling.typical_p = min_p, typical_p
        spec.sampling.repeat_last_n, spec.sampling.repeat_penalty = _clamped(repeat_last_n), repeat_penalty
        spec.sampling.presence_penalty, spec.sampling.frequency_penalty = presence_penalty, frequency_penalty
        spec.sampling.mirostat, spec.sampling.mirostat_tau = mirostat, mirostat_tau
        spec.sampling.mirostat_eta = mirostat_eta
        spec.sampling.seed = -1 if seed < 0 else seed & 0xFFFFFFFF
        cdef MarkedText text
        _mark(prompt, text)
        _raise_unless_ok(self._alive().get().generate(spec, move(text)))

    def embed(self, uint64_t id, texts, *, n_ctx, bool truncate=True, bool normalize=True):
        """Submit texts to embed, many per batch. Answered by one Embedded or Failed event."""
        cdef EmbedSpec spec
        spec.id, spec.n_ctx = id, _clamped(n_ctx)
        spec.truncate, spec.normalize = truncate, normalize
        cdef vector[string] inputs = _strings(texts)
        _raise_unless_ok(self._alive().get().embed(spec, move(inputs)))

    def submit_tokenize(self, uint64_t id, prompts, *, bool only_count=False):
        """Submit prompts to tokenise, with BOS where the model adds it. Answered by one Tokens or Failed event."""
        cdef vector[MarkedText] texts
        texts.resize(len(prompts))
        cdef size_t i
        for i in range(texts.size()):
            _mark(prompts[i], texts[i])
        _raise_unless_ok(self._alive().get().tokenize_later(id, move(texts), only_count))

    def submit_detokenize(self, uint64_t id, tokens):
        """Submit token ids to spell out. Answered by one Text or Failed event."""
        _raise_unless_ok(self._alive().get().detokenize_later(id, _ids(tokens)))

    def submit_render(self, uint64_t id, bytes request not None):
        """Submit a chat to render with the GGUF's Jinja template. Answered by one Rendered or Failed event."""
        _raise_unless_ok(self._alive().get().render_later(id, request))

    def cancel(self, uint64_t id):
        """Stop one request. Idempotent; its finish event still arrives."""
        if self._engine:
            self._engine.get().cancel(id)

    def allow_cells(self, int n_cells):
        """Let the KV pool grow to so many tokens for requests submitted from now on. Takes no memory by itself."""
        _raise_unless_ok(self._alive().get().allow_cells(n_cells))

    def tokenize(self, prompt, *, bool add_special=True):
        """Token ids of a prompt, at once. After loading only."""
        cdef MarkedText text
        _mark(prompt, text)
        cdef vector[int32_t] tokens
        cdef shared_ptr[CppEngine] engine = self._alive()
        cdef Status status
        with nogil:
            status = engine.get().tokenize(text, add_special, tokens)
        _raise_unless_ok(status)
        return tokens

    def detokenize(self, tokens):
        """Text of token ids, special tokens spelled out. ValueError for an id outside the vocabulary."""
        cdef vector[int32_t] ids = _ids(tokens)
        cdef string text
        cdef shared_ptr[CppEngine] engine = self._alive()
        cdef Status status
        with nogil:
            status = engine.get().detokenize(ids, text)
        _raise_unless_ok(status)
        return _text(text)

    def render(self, bytes request not None):
        """Render a chat at once. ValueError with the template's own reason."""
        cdef string raw = request
        cdef string result
        cdef shared_ptr[CppEngine] engine = self._alive()
        cdef Status status
        with nogil:
            status = engine.get().render(string_view(raw.data(), raw.size()), result)
        _raise_unless_ok(status)
        return <bytes>result

    def close(self, *, bool finish=False):
        """Join the threads and free the context. Idempotent. finish: let running requests end first."""
        cdef shared_ptr[CppEngine] doomed
        doomed.swap(self._engine)  # under the GIL, so no one sees a half-closed engine
        if doomed:
            with nogil:
                doomed.get().close(finish)
                doomed.reset()

    def __dealloc__(self):
        with nogil:
            self._engine.reset()

    cdef shared_ptr[CppEngine] _alive(self) except *:
        if not self._engine:
            raise EngineClosed("the engine is closed")
        return self._engine


cdef int _raise_unless_ok(const Status & status) except -1:
    if status.code == Code.ok:
        return 0
    if status.code == Code.cancelled:
        raise EngineClosed(_text(status.text))
    raise ValueError(_text(status.text))


cdef object _to_python(Event * event):
    """The tuple that encodes as the struct of pyollama.wire.runner with this tag."""
    cdef Piece * piece = get_if[Piece](event)
    if piece:
        logprobs = [_logprob(&entry) for entry in piece.logprobs] if piece.has_logprobs else None
        return (3, piece.id, _text(piece.text), logprobs)
    cdef Finished * end = get_if[Finished](event)
    if end:
        return (4, end.id, end.reason.decode(), end.prompt_tokens, end.prompt_reused, end.prompt_ns,
                end.output_tokens, end.output_ns, _text(end.prefix_miss), end.context if end.has_context else None)
    cdef Failed * failed = get_if[Failed](event)
    if failed:
        return (5, failed.id, wire_name(failed.status.code).decode(), _text(failed.status.text), failed.n_tokens,
                failed.n_ctx, failed.input)
    cdef Embedded * embedded = get_if[Embedded](event)
    if embedded:
        return (9, embedded.id, embedded.vectors, embedded.prompt_tokens)
    cdef Resized * resized = get_if[Resized](event)
    if resized:
        return (10, resized.size, resized.size_vram)
    cdef Rendered * rendered = get_if[Rendered](event)
    if rendered:
        return (6, rendered.id, <bytes>rendered.result)
    cdef Tokenized * tokenized = get_if[Tokenized](event)
    if tokenized:
        return (7, tokenized.id, tokenized.tokens, tokenized.counts)
    cdef Detokenized * detokenized = get_if[Detokenized](event)
    if detokenized:
        return (8, detokenized.id, _text(detokenized.text))
    cdef Loading * loading = get_if[Loading](event)
    if loading:
        return (0, loading.progress)
    cdef LoadFailed * load_failed = get_if[LoadFailed](event)
    if load_failed:
        return (2, _text(load_failed.reason), load_failed.code.decode())
    cdef Loaded * loaded = get_if[Loaded](event)
    return (1, loaded.n_ctx_train, loaded.n_cells, loaded.n_vocab, loaded.n_embd, loaded.adds_bos, loaded.size,
            loaded.size_vram, loaded.n_threads, loaded.n_gpu_layers, loaded.load_ns)


cdef tuple _delta(AnswerDelta & delta):
    calls = [(_text(call.name), _text(call.arguments)) for call in delta.calls]
    return _text(delta.content), _text(delta.thinking), calls


cdef object _logprob(TokenLogprob * entry):
    top = [(_text(other.first), other.second, <bytes>other.first) for other in entry.top]
    return (_text(entry.bytes), entry.logprob, <bytes>entry.bytes, top)


cdef int _clamped(number) except *:
    # Users may ask for any number of tokens; all above two billion mean the same.
    return max(-(2**31), min(number, 2**31 - 1))


cdef str _text(const string & raw):
    return PyUnicode_DecodeUTF8(raw.data(), <Py_ssize_t>raw.size(), "replace")


cdef bytes _bytes(str text):
    # A lone surrogate has no UTF-8; JSON can carry one all the same.
    return text.encode("utf-8", "replace")


cdef int _mark(prompt, MarkedText & out) except -1:
    # A text alone is a raw prompt.
    cdef bool trusted = True
    cdef bytes raw
    for fragment in (prompt,) if isinstance(prompt, str) else prompt:
        raw = _bytes(fragment)
        out.add(string_view(PyBytes_AS_STRING(raw), <size_t>len(raw)), trusted)
        trusted = not trusted
    return 0


cdef vector[int32_t] _ids(tokens) except *:
    try:
        return tokens
    except OverflowError as error:
        raise ValueError("a token id is outside the vocabulary") from error


cdef vector[string] _strings(texts) except *:
    cdef vector[string] out
    for text in texts:
        out.push_back(_bytes(text))
    return out
