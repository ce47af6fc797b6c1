"""The vectors of any number of texts. Nothing here knows a dialect.

Texts go to the engine in portions, so that requests take turns, a client that leaves stops the work and the event loop
never handles more than a portion. Vectors are checked, cut and written as JSON beside it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field

import trio

from pyollama.errors import BadVector, InputNotCut, InputTooLong, PyollamaError
from pyollama.native import _vectors
from pyollama.scheduler import Lease, Options
from pyollama.server.offload import offload
from pyollama.store import Model

_MAYBE_RAW = ("bert", "nomic-bert", "nomic-bert-moe")

PORTION_TEXTS = 128
PORTION_CHARACTERS = 1 << 18
UNDER_WAY = 2  # portions: the engine has the next one when it is done with the first
WRITTEN_AT_ONCE = 1 << 18  # bytes of vectors, some 700 KB of JSON


@dataclass(slots=True)
class Vectors:
    """All vectors of a request, as float32 in portions."""

    width: int = 0  # numbers in one vector
    n_tokens: int = 0
    portions: list[bytes] = field(default_factory=list)

    @property
    def size(self) -> int:
        return sum(map(len, self.portions))

    async def json(self) -> AsyncIterator[bytes]:
        """The vectors as a JSON array, piece by piece: what is not read yet is not written yet."""
        before = b"["
        for piece in self._pieces():
            yield before + await offload(_vectors.to_json, piece, width=self.width)
            before = b","
        yield b"]" if self.portions else b"[]"

    def _pieces(self) -> Iterator[bytes]:
        """Whole vectors each."""
        step = max(WRITTEN_AT_ONCE // (4 * self.width), 1) * 4 * self.width if self.width else 1
        for portion in self.portions:
            for start in range(0, len(portion), step):
                yield portion[start : start + step]


async def embed(
    lease: Lease, texts: Sequence[str], options: Options, *, truncate: bool, normalize: bool = True, dimensions: int = 0
) -> Vectors:
    """One vector per text, in order.

    Args:
        dimensions: numbers of each vector to keep, which then has length 1 again. 0 or too many: all of them.

    Raises:
        InputTooLong: a text does not fit and truncate is off.
        InputNotCut: the options leave no room for text.
        BadVector: a vector has a number that is not finite.
    """
    if options.num_ctx == 0:
        raise InputNotCut if truncate else InputTooLong
    vectors = Vectors()
    found: dict[int, bytes] = {}
    failures: dict[int, PyollamaError] = {}

    async def take(start: int, portion: Sequence[str]) -> None:
        try:
            raw, n_tokens = await lease.embed(list(portion), options=options, truncate=truncate, normalize=normalize)
            width = min(len(vector) for vector in raw) // 4
            vectors.width = min(dimensions, width) if dimensions > 0 else width
            found[start] = await offload(_packed, raw, vectors.width)
            vectors.n_tokens += n_tokens
        except BadVector as error:
            failures[start] = BadVector(start + error.input, of_many=len(texts) > 1)
        except PyollamaError as error:
            failures[start] = error
        if failures:
            everything.cancel()

    async def work() -> None:
        for start, portion in portions:
            await take(start, portion)

    portions = _portions(texts)
    with trio.CancelScope() as everything:
        async with trio.open_nursery() as nursery:
            for _ in range(UNDER_WAY):
                nursery.start_soon(work)
    if failures:
        raise failures[min(failures)]
    vectors.portions = [found[start] for start in sorted(found)]
    return vectors


def is_normalized(model: Model) -> bool:
    """Whether a vector of this model has length 1 where nobody asked for that. Reads its file."""
    with model.header() as header:
        keys = header.metadata
        family = keys.get("general.architecture")
        if family not in _MAYBE_RAW or f"{family}.pooling_type" not in keys:
            return True
        if family == "bert":
            return keys.get("tokenizer.ggml.model") == "bert" and keys.get("bert.normalize_embeddings") is not False
        return keys.get(f"{family}.normalize_embeddings") is True


def _portions(texts: Sequence[str]) -> Iterator[tuple[int, Sequence[str]]]:
    """Each with the index of its first text."""
    start = n_characters = 0
    for end, text in enumerate(texts):
        if end > start and (end - start == PORTION_TEXTS or n_characters + len(text) > PORTION_CHARACTERS):
            yield start, texts[start:end]
            start, n_characters = end, 0
        n_characters += len(text)
    yield start, texts[start:]


def _packed(raw: list[bytes], width: int) -> bytes:
    try:
        return _vectors.packed(raw, width=width)
    except ValueError as error:
        raise BadVector(error.args[0]) from None
