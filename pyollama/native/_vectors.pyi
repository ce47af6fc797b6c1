"""Embedding vectors between the engine's bytes and JSON."""

from collections.abc import Sequence

def packed(vectors: Sequence[bytes], *, width: int) -> bytes:
    """The first ``width`` numbers of each little-endian float32 vector, of length 1 again if some were left out.

    ValueError: a number is not finite. Its argument is the index of the vector.
    """

def to_json(vectors: bytes, *, width: int) -> bytes:
    """Packed vectors as JSON arrays, with commas between them and nothing around them."""
