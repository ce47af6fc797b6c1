"""One loaded model and its scheduler thread (csrc/engine)."""

from collections.abc import Sequence

def system_info() -> str:
    """CPU features and backends compiled in, in ggml's own words."""

def version() -> str:
    """Version of the vendored tree, e.g. "0.5.0-dev (ggml 0.25.3)"."""

def devices() -> list[dict[str, object]]:
    """Compute devices: name, description, kind ("cpu", "gpu", "igpu", "accel"), memory_free, memory_total (bytes)."""

def render_chat(model: Sequence[str], request: bytes) -> bytes:
    """Render a chat with the Jinja template of model files (csrc/chat), reading no weights.

    ValueError with the reason of the file or the template.
    """

class AnswerParser:
    """Reads the answer to a chat that was rendered with a Jinja template (csrc/chat). Any thread, one at a time."""

    def __init__(self, parser: bytes) -> None:
        """parser: JSON of what the rendering said about it. ValueError: it is none."""
    def add(self, text: str) -> tuple[str, str, list[tuple[str, str]]]:
        """Content, thought and complete calls (name, arguments as JSON) after one more piece of text."""
    def finish(self) -> tuple[str, str, list[tuple[str, str]], bool]:
        """What was held back, and whether the answer ends within a thought."""

class EngineClosed(Exception):
    """The engine was closed; nothing can be submitted any more."""

class Engine:
    """One loaded model and its threads.

    The constructor returns at once; loading goes on in the scheduler thread and is reported by events.
    Any thread may call, but only one may drain(). Only close() waits.

    Events are tuples that encode to MessagePack exactly as the structs of pyollama.wire.runner do:
    ``(tag, fields...)``.
    """

    def __init__(
        self,
        *,
        model: Sequence[str],
        adapters: Sequence[str],
        n_ctx: int,
        n_cells: int,
        n_seq_max: int,
        n_batch: int,
        n_threads: int,
        n_threads_batch: int,
        n_gpu_layers: int,
        main_gpu: int | None,
        use_mmap: bool | None,
        use_mlock: bool,
        flash_attention: bool | None,
        kv_cache_type: str,
        rope_frequency_base: float,
        rope_frequency_scale: float,
        embed_idle_seconds: float,
        render_seconds: float,
        trust_control_tokens: bool,
        n_cells_start: int,
    ) -> None: ...
    def fileno(self) -> int:
        """A descriptor that is readable while events wait."""
    def drain(self, limit: int = 256) -> list[tuple[object, ...]]:
        """Take up to limit ready events. Wait for fileno() to become readable first."""
    def generate(
        self,
        id: int,
        prompt: str | Sequence[str],
        *,
        n_ctx: int,
        num_predict: int,
        num_keep: int,
        shift: bool = True,
        truncate: bool = False,
        stop: Sequence[str] = (),
        logprobs: int = -1,
        want_context: bool = False,
        shown: Sequence[str] = (),
        temperature: float,
        top_k: int,
        top_p: float,
        min_p: float,
        typical_p: float,
        repeat_last_n: int,
        repeat_penalty: float,
        presence_penalty: float,
        frequency_penalty: float,
        mirostat: int,
        mirostat_tau: float,
        mirostat_eta: float,
        seed: int,
    ) -> None:
        """Submit a completion. All answers, refusals too, come as events.

        ``prompt``: fragments in turn of a template and of data; a text alone is a raw prompt, all template.
        """
    def embed(
        self, id: int, texts: Sequence[str], *, n_ctx: int, truncate: bool = True, normalize: bool = True
    ) -> None:
        """Submit texts to embed, many per batch. Answered by one Embedded or Failed event."""
    def cancel(self, id: int) -> None:
        """Stop one request. Idempotent; its finish event still arrives."""
    def allow_cells(self, n_cells: int) -> None:
        """Let the KV pool grow to so many tokens for requests submitted from now on. Takes no memory by itself."""
    def submit_tokenize(self, id: int, prompts: Sequence[str | Sequence[str]], *, only_count: bool = False) -> None:
        """Submit prompts to tokenise, with BOS where the model adds it. Answered by one Tokens or Failed event."""
    def submit_detokenize(self, id: int, tokens: Sequence[int]) -> None:
        """Submit token ids to spell out. Answered by one Text or Failed event."""
    def submit_render(self, id: int, request: bytes) -> None:
        """Submit a chat to render with the GGUF's Jinja template. Answered by one Rendered or Failed event."""
    def tokenize(self, prompt: str | Sequence[str], *, add_special: bool = True) -> list[int]:
        """Token ids of a prompt, at once. After loading only."""
    def detokenize(self, tokens: Sequence[int]) -> str:
        """Text of token ids, special tokens spelled out. ValueError for an id outside the vocabulary."""
    def render(self, request: bytes) -> bytes:
        """Render a chat at once. ValueError with the template's own reason."""
    def close(self, *, finish: bool = False) -> None:
        """Join the threads and free the context. Idempotent. finish: let running requests end first."""
