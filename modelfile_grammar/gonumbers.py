"""Numbers as Go reads them: the texts a Modelfile parameter may hold."""

from __future__ import annotations

import math
import re

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
FLOAT32_MAX = 3.4028234663852886e38
_HALF_STEP_ABOVE = 3.4028235677973366e38  # from here on, rounding to 32 bits gives infinity

_INT = re.compile(r"[+-]?[0-9]+\Z")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z")
_HEX = re.compile(r"[+-]?0[xX](?:[0-9a-fA-F]+(?:\.[0-9a-fA-F]*)?|\.[0-9a-fA-F]+)[pP][+-]?[0-9]+\Z")


def parse_int(text: str) -> int | None:
    """A signed 64-bit decimal integer, or nothing."""
    if not _INT.match(text) or len(text.lstrip("+-0")) > 19:
        return None
    value = int(text.lstrip("+-0") or "0") * (-1 if text.startswith("-") else 1)
    return value if INT64_MIN <= value <= INT64_MAX else None


def parse_float32(text: str) -> float | None:
    """A finite number that fits 32 bits, or nothing. The value keeps the precision it was written with."""
    try:
        if _DECIMAL.match(text):
            value = float(text)
        elif _HEX.match(text):
            value = float.fromhex(text)
        else:
            return None
    except OverflowError:
        return None
    return value if math.isfinite(value) and abs(value) < _HALF_STEP_ABOVE else None


def parse_bool(text: str) -> bool | None:
    """One of Go's twelve spellings, or nothing."""
    if text in ("1", "t", "T", "TRUE", "true", "True"):
        return True
    if text in ("0", "f", "F", "FALSE", "false", "False"):
        return False
    return None
