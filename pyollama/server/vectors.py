"""Embedding vectors between the engine's bytes and JSON, without numpy: the server does not load it."""

from __future__ import annotations

import math
import sys
from array import array

from msgspec import Raw

from pyollama.errors import BadVector


def unpack(raw: bytes) -> array[float]:
    """A little-endian float32 vector. BadVector if a number in it is not finite."""
    vector = array("f", raw)
    if sys.byteorder == "big":
        vector.byteswap()
    if not math.isfinite(math.fsum(vector)):  # NaN and infinity survive a sum
        raise BadVector
    return vector


def shortened(vector: array[float], dimensions: int) -> array[float]:
    """The first so many numbers, of length 1 again. Zero, negative or too many: the vector as it is."""
    if not 0 < dimensions < len(vector):
        return vector
    head = vector[:dimensions]
    length = math.sqrt(math.fsum(value * value for value in head))
    return array("f", (value / length for value in head)) if length else head


def to_json(vector: array[float]) -> Raw:
    """The digits that a float32 has, not those of the double it would become."""
    return Raw(("[" + ",".join(map("%.9g".__mod__, vector)) + "]").encode())
