"""Frames between the server and a runner process (one per loaded model).

A frame is a 4-byte little-endian length, then MessagePack. Server to runner: one ``Command``. Runner to server: a list
of ``Event``, everything that happened in one engine step. Structs are arrays on the wire (field names cost bytes and
time per token), so fields are only ever added at the end.
"""

from __future__ import annotations

from msgspec import Struct

_Bytes = bytes  # TokenLogprob has a field named bytes, which hides the type inside its class

# --- server to runner -------------------------------------------------------------------------------------------------


class LoadSpec(Struct, array_like=True, tag="load"):
    """The first frame: which files to load and how. Paths are absolute."""

    model: list[str]  # one GGUF, or the parts of a split one in order
    adapters: list[str] = []
    n_ctx: int = 4096  # most tokens one request may hold
    n_cells: int = 8192  # most tokens the shared KV pool may hold for all requests together
    n_seq_max: int = 64
    n_batch: int = 512
    n_threads: int = 0  # 0: from affinity and cgroup quota
    n_threads_batch: int = 0
    n_gpu_layers: int = -1
    main_gpu: int | None = None
    use_mmap: bool | None = None
    use_mlock: bool = False
    flash_attention: bool | None = None
    kv_cache_type: str = "f16"
    rope_frequency_base: float = 0.0  # 0: the model's
    rope_frequency_scale: float = 0.0
    memory_limit: int = 0  # bytes of memory of its own that the process may take; 0: no limit
    embed_idle_seconds: float = 60.0  # a generating model's memory for embeddings is freed after so long without use
    render_seconds: float = 30.0  # for one run of the chat template; a longer one fails
    trust_control_tokens: bool = False  # read them in data too
    n_cells_start: int = 0  # tokens it holds from the start; it grows when they run short. 0: all


class Sampling(Struct, array_like=True, frozen=True):
    """How the next token is chosen. Defaults: modelfile_grammar.PARAMETERS."""

    temperature: float
    top_k: int
    top_p: float
    min_p: float
    typical_p: float
    repeat_last_n: int
    repeat_penalty: float
    presence_penalty: float
    frequency_penalty: float
    mirostat: int
    mirostat_tau: float
    mirostat_eta: float
    seed: int


class Generate(Struct, array_like=True, tag="generate"):
    """Complete a prompt. Answered by Piece events, then one Finished or Failed.

    The fragments of a prompt come in turn from a template and from data, whose special tokens are plain text.
    """

    id: int
    prompt: list[str]
    n_ctx: int
    sampling: Sampling
    num_predict: int  # tokens of the answer, 10 * n_ctx at most; 0 or less: no other limit
    num_keep: int
    shift: bool = True
    truncate: bool = False  # true: cut a too long prompt from its middle; false: Failed with code too_long
    stop: list[str] = []
    logprobs: int = -1  # -1 none; n >= 0: the chosen token's, and n alternatives
    want_context: bool = False  # put prompt and answer token ids into Finished
    shown: list[str] = []  # special tokens in these texts, and in stop, are part of the answer's text
    parser: bytes = b""  # JSON of what a rendering said about reading its answers: pieces then come read


class Render(Struct, array_like=True, tag="render"):
    """Render a chat with the GGUF's own Jinja template. Answered by Rendered or Failed."""

    id: int
    request: bytes  # JSON: messages, tools, enable_thinking, reasoning_effort, add_generation_prompt


class Tokenize(Struct, array_like=True, tag="tokenize"):
    """List the tokens of each text, BOS included where the model adds it. Answered by Tokens."""

    id: int
    texts: list[list[str]]  # fragments of each, as in Generate
    only_count: bool = False  # Tokens with counts alone


class Detokenize(Struct, array_like=True, tag="detokenize"):
    """Text of token ids, special tokens spelled out. Answered by Text, or Failed for an unknown id."""

    id: int
    tokens: list[int]


class Embed(Struct, array_like=True, tag="embed"):
    """One vector per text. Answered by Embedded or Failed."""

    id: int
    texts: list[str]
    n_ctx: int
    truncate: bool = True  # false: Failed with code too_long
    normalize: bool = True


class Allow(Struct, array_like=True, tag="allow"):
    """Let the KV pool grow to so many tokens, for the requests that follow. Takes no memory by itself; not answered."""

    n_cells: int
    memory_limit: int = 0  # instead of the one it was loaded with; 0: as it was


class Cancel(Struct, array_like=True, tag="cancel"):
    """Stop a request. Idempotent; a Finished with reason "cancelled" still arrives unless it had ended before."""

    id: int


class Ping(Struct, array_like=True, tag="ping"):
    """Answered by Pong at once, whatever the engine does."""


Command = LoadSpec | Generate | Render | Tokenize | Detokenize | Embed | Allow | Cancel | Ping

# --- runner to server -------------------------------------------------------------------------------------------------


class Loading(Struct, array_like=True, tag=0):
    """Part of the model that is loaded, 0 to 1."""

    progress: float


class Loaded(Struct, array_like=True, tag=1):
    """The model answers from now on. Sizes in bytes, lengths in tokens."""

    n_ctx_train: int
    n_cells: int  # most that the pool may hold
    n_vocab: int
    n_embd: int
    adds_bos: bool
    size: int  # weights, KV pool and compute buffers together
    size_vram: int  # the part of size on GPUs
    n_threads: int
    n_gpu_layers: int
    load_ns: int


class LoadFailed(Struct, array_like=True, tag=2):
    """The end of a load, or of an engine that lost its context. Codes are those of ``FAILURE_STATUS``."""

    reason: str
    code: str = "model_error"


class TokenLogprob(Struct, array_like=True):
    """One token with its natural log-probability under the unfiltered distribution."""

    token: str
    logprob: float
    bytes: _Bytes
    top: list[tuple[str, float, _Bytes]] = []  # most likely first


class Piece(Struct, array_like=True, tag=3):
    """Whole UTF-8 text of one request since its last piece; may be empty when it carries log-probabilities."""

    id: int
    text: str  # of a request with a parser: content
    logprobs: list[TokenLogprob] | None = None
    thinking: str = ""
    calls: list[tuple[str, str]] = []  # complete tool calls: name, arguments as a JSON object
    open_thought: bool = False  # the answer ended within a thought


class Finished(Struct, array_like=True, tag=4):
    """The end of a Generate. Durations in nanoseconds."""

    id: int
    reason: str  # "stop", "length" or "cancelled"
    prompt_tokens: int  # computed and reused together
    prompt_reused: int  # taken from the prefix index
    prompt_ns: int
    output_tokens: int
    output_ns: int
    prefix_miss: str = ""  # why not more was reused
    context: list[int] | None = None


class Failed(Struct, array_like=True, tag=5):
    """The end of a request that could not be served. Codes are those of ``FAILURE_STATUS``."""

    id: int
    code: str
    text: str
    n_tokens: int = 0  # too_long: tokens of the prompt
    n_ctx: int = 0  # too_long: tokens that would fit
    input: int = -1  # of an Embed, the text whose vector is not finite


class Rendered(Struct, array_like=True, tag=6):
    """A rendered chat. ``result`` is the shim's JSON (prompt, stops, format, parser, thinking tags)."""

    id: int
    result: bytes


class Tokens(Struct, array_like=True, tag=7):
    id: int
    tokens: list[list[int]]
    counts: list[int] = []  # instead, if only they were asked for


class Text(Struct, array_like=True, tag=8):
    id: int
    text: str


class Embedded(Struct, array_like=True, tag=9):
    """Vectors as little-endian float32, one bytes object per text, and the tokens used in all."""

    id: int
    vectors: list[bytes]
    prompt_tokens: int


class Resized(Struct, array_like=True, tag=10):
    """What the model takes from now on, as in Loaded: the pool grew, or memory for waiting requests or for
    embeddings came or went.
    """

    size: int
    size_vram: int


class Pong(Struct, array_like=True, tag=11):
    """The process is alive."""


def tag_of(kind: type[Struct]) -> int | str:
    """What tells this struct from the others on the wire."""
    tag = kind.__struct_config__.tag
    assert tag is not None
    return tag


Event = Loading | Loaded | LoadFailed | Piece | Finished | Failed | Rendered | Tokens | Text | Embedded | Resized | Pong

FAILURE_STATUS = {
    "bad_request": 400,
    "too_long": 400,
    "no_memory": 500,
    "model_error": 500,
    "internal": 500,
}
