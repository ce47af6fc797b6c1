"""Floats under the verbs of ``printf``."""

from __future__ import annotations

import math

from .flags import Flags
from .numbers import format_general, format_special

_DEFAULT_PRECISION = {"e": 6, "f": 6}


def format_float(value: float, verb: str, flags: Flags) -> str | None:
    """The text at its width, or nothing if the verb is not one for floats."""
    if verb not in "vwbgGxXfFeE":
        return None
    flags.charge(flags.precision or 0)
    special = format_special(value)
    if special:
        return _special(special, flags)
    kind = {"v": "g", "w": "g", "F": "f"}.get(verb, verb)
    text = _convert(abs(value), kind, flags)
    if flags.sharp and kind != "b":
        text = _restore_zeros(text, kind, flags)
    sign = "-" if math.copysign(1, value) < 0 else "+" if flags.plus else " " if flags.space else ""
    if sign and flags.zero and not flags.minus and flags.width:
        return sign + text.rjust(flags.width - 1, "0")
    return flags.pad(sign + text)


def _special(special: str, flags: Flags) -> str:
    bare = special.lstrip("+")
    if not bare.startswith("-"):
        bare = ("+" if flags.plus else " " if flags.space else "") + bare
    return flags.pad(bare, zeros=False)


def _convert(value: float, kind: str, flags: Flags) -> str:
    lower = kind.lower()
    precision = _DEFAULT_PRECISION.get(lower) if flags.precision is None else flags.precision
    if lower == "b":
        _, exponent = math.frexp(value)
        if value == 0:
            return "0p-1074"
        exponent = max(exponent, -1021)
        return f"{int(math.ldexp(value, 53 - exponent))}p{exponent - 53:+d}"
    if lower == "x":
        text = _hexadecimal(value, precision)
    elif precision is None:
        text = format_general(value)
    else:
        text = f"{value:.{precision}{lower}}"
    return text.upper() if kind.isupper() else text


def _hexadecimal(value: float, precision: int | None) -> str:
    """``0x1.8p+00``: one hexadecimal digit, the fraction, a binary exponent of two digits."""
    if value == 0:
        digits = "." + "0" * precision if precision else ""
        return f"0x0{digits}p+00"
    mantissa, exponent = math.frexp(value)
    bits = int(mantissa * 2**53)
    exponent -= 1
    if precision is not None and precision < 13:
        step = 4 * (13 - precision)
        quotient, rest = divmod(bits, 1 << step)
        half = 1 << (step - 1)
        quotient += rest > half or (rest == half and quotient & 1)
        bits = quotient << step
        if bits >> 53:
            bits, exponent = bits >> 1, exponent + 1
    fraction = f"{bits & ((1 << 52) - 1):013x}"
    fraction = fraction.rstrip("0") if precision is None else fraction[:precision].ljust(precision, "0")
    return f"0x1{'.' if fraction else ''}{fraction}p{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _restore_zeros(text: str, kind: str, flags: Flags) -> str:
    """The sharp flag: always a decimal point, and for %g the zeros that the precision asks for."""
    marks = "pP" if kind in "xX" else "eE"
    at = next((i for i, character in enumerate(text) if character in marks), len(text))
    number, tail = text[:at], text[at:]
    digits = 0
    if kind in "gGx":
        digits = 6 if flags.precision is None else flags.precision
    significant = number.replace(".", "").lstrip("0")
    digits -= len(significant)
    if "." not in number:
        digits -= number == "0"
        number += "."
    return number + "0" * max(digits, 0) + tail
