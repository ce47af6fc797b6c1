"""Numbers in templates: constants as Go reads them, floats as Go prints them."""

from __future__ import annotations

import re
from decimal import Decimal

from .quoting import unquote_character

INT_MIN, INT_MAX, UINT_MAX = -(2**63), 2**63 - 1, 2**64 - 1
_UNDERSCORES = re.compile(r"[+-]?(?:0[bBoOxX]_?|(?=[0-9]))(?:[0-9a-fA-F.pPeE+-]+_)*[0-9a-fA-F.pPeE+-]+\Z")
_BASES = {"x": 16, "o": 8, "b": 2}
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z")
_HEX_FLOAT = re.compile(r"[+-]?0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?[0-9]+\Z")


class BadNumber(ValueError):
    """A constant that is none; the text is the whole message."""


def parse_constant(text: str) -> int | float | None:
    """The value of a number or character constant; None for an integer past 64 bits signed."""
    if text[0] == "'":
        code = unquote_character(text)
        if code is None:
            raise BadNumber(f"malformed character constant: {text}")
        return code
    integer = _parse_int(text)
    if integer is not None and INT_MIN <= integer <= INT_MAX:
        return integer
    if integer is not None and 0 <= integer <= UINT_MAX and text[0] not in "+-":
        return None
    value = _parse_float(text)
    if value is None:
        raise BadNumber(f'illegal number syntax: "{text}"')
    if not any(mark in text for mark in ".eEpP"):
        raise BadNumber(f'integer overflow: "{text}"')
    return int(value) if _is_hex_integer(text) else value


def _is_hex_integer(text: str) -> bool:
    return text[:2].lower() == "0x" and "p" not in text.lower()


def _parse_int(text: str) -> int | None:
    digits = text.lstrip("+-")
    prefix = digits[1:2].lower() if digits[:1] == "0" else ""
    base, body = _BASES.get(prefix, 8 if prefix else 10), digits
    if prefix in _BASES:
        body = digits[2:]
    if "_" in body:
        if not re.fullmatch(r"_?[0-9a-zA-Z]+(?:_[0-9a-zA-Z]+)*", body) or (body[0] == "_" and prefix not in _BASES):
            return None
        body = body.replace("_", "")
    try:
        value = int(body, base) if body and body.isalnum() and len(body) < 100 else None
    except ValueError:
        return None
    return None if value is None else -value if text[0] == "-" else value


def _parse_float(text: str) -> float | None:
    body = text
    if "_" in text:
        if not _UNDERSCORES.match(text):
            return None
        body = text.replace("_", "")
    try:
        if _DECIMAL.match(body):
            value = float(body)
        elif _HEX_FLOAT.match(body):
            value = float.fromhex(body)
        else:
            return None
    except OverflowError:
        return None
    return value if abs(value) != float("inf") else None


# --- printing ---------------------------------------------------------------------------------------------------------


def shortest_digits(value: float) -> tuple[str, int]:
    """The fewest decimal digits that read back as ``abs(value)``, and the place of the point before them.

    0.0125 is ("125", -1): 0.125 times ten to the -1.
    """
    _, digits, exponent = Decimal(repr(abs(value))).as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits)).rstrip("0") or "0"
    return text, 0 if text == "0" else exponent + len(digits)


def format_general(value: float) -> str:
    """As ``%v`` prints a float64: the fewest digits, in exponent form below 1e-4 and from 1e6 on."""
    special = format_special(value)
    if special:
        return special
    digits, point = shortest_digits(value)
    sign = "-" if _is_negative(value) else ""
    exponent = point - 1 if value else 0
    if exponent < -4 or exponent >= 6:
        return sign + scientific(digits, exponent)
    return sign + plain(digits, point)


def format_special(value: float) -> str:
    """``NaN``, ``+Inf``, ``-Inf``, or nothing for a finite number."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return ""


def scientific(digits: str, exponent: int, mark: str = "e") -> str:
    fraction = "." + digits[1:] if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}{mark}{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def plain(digits: str, point: int) -> str:
    if digits == "0":
        return "0"
    if point <= 0:
        return "0." + "0" * -point + digits
    if point >= len(digits):
        return digits + "0" * (point - len(digits))
    return digits[:point] + "." + digits[point:]


def _is_negative(value: float) -> bool:
    return str(value).startswith("-")
