"""One value under one verb of ``printf``."""

from __future__ import annotations

from ..errors import CallError
from ..values import Byte, Record, Value, is_list, is_map, is_text, sorted_keys, type_name
from .flags import Flags
from .floats import format_float
from .gojson import MAX_NESTING
from .quoting import AT_ONCE, can_backquote, from_bytes, go_quote, go_quote_character, join_bytes, to_bytes
from .text import FALSE, TRUE, own_text

_BASES = {"d": 10, "v": 10, "b": 2, "o": 8, "O": 8, "x": 16, "X": 16}
_DIGITS = {10: "d", 2: "b", 8: "o", 16: "x"}


def print_argument(value: Value, verb: str, flags: Flags) -> str:
    """An argument of printf; nil is a bad operand of all verbs but two."""
    if value is None:
        return flags.pad("<nil>") if verb in "Tv" else f"%!{verb}(<nil>)"
    if verb == "T":
        return _string(type_name(value), "s", flags)
    if verb == "p":
        return _bad(value, verb, flags)
    return _value(value, verb, flags, 0)


def _value(value: Value, verb: str, flags: Flags, depth: int) -> str:
    if depth > MAX_NESTING:
        raise CallError(f"value is nested more than {MAX_NESTING} levels deep")
    if value is None:
        return "interface {}(nil)" if flags.sharp_v else "<nil>"
    if is_text(value):
        return _string(value, verb, flags)
    if value is True or value is False:
        return flags.pad(TRUE if value else FALSE) if verb in "tvw" else _bad(value, verb, flags)
    if type(value) is int or type(value) is Byte:
        return _integer(value, verb, flags)
    if type(value) is float:
        return format_float(value, verb, flags) or _bad(value, verb, flags)
    if not flags.sharp_v and verb in "vsqxX":
        own = own_text(value, flags.charge)
        if own is not None:
            return _string(own, verb, flags)
    return _compound(value, verb, flags, depth)


def _compound(value: Value, verb: str, flags: Flags, depth: int) -> str:
    head, comma = (type_name(value), ", ") if flags.sharp_v else ("", " ")
    if is_list(value):
        flags.charge(len(value) << 3)
        inside = comma.join([_value(one, verb, flags, depth + 1) for one in value])
        return head + ("{" + inside + "}" if flags.sharp_v else f"[{inside}]")
    if is_map(value):
        keys = sorted_keys(value, flags.charge)
        pairs = [_string(key, verb, flags) + ":" + _value(value[key], verb, flags, depth + 1) for key in keys]
        return head + "{" + comma.join(pairs) + "}" if flags.sharp_v else "map[" + comma.join(pairs) + "]"
    if type(value) is Record:
        named = flags.sharp_v or flags.plus_v
        fields = [
            (f"{field.name}:" if named else "") + _value(value.values.get(field.name), verb, flags, depth + 1)
            for field in value.type.fields
        ]
        return head + "{" + comma.join(fields) + "}"
    raise CallError("value is of a type that templates do not know")


def _bad(value: Value, verb: str, flags: Flags) -> str:
    return f"%!{verb}({type_name(value)}={_value(value, 'v', flags, 0)})"


def _string(text: str, verb: str, flags: Flags) -> str:
    text = join_bytes(text)
    if len(text) > AT_ONCE:
        flags.charge(len(text))
    if verb in "xX":
        return _hex_string(text, verb, flags)
    if verb not in "vwsq":
        return _bad(text, verb, flags)
    if flags.precision is not None:
        text = text[: flags.precision]
    if verb == "q" or (verb in "vw" and flags.sharp_v):
        if flags.sharp and can_backquote(text):
            return flags.pad("`" + text + "`")
        text = go_quote(text, ascii_only=flags.plus)
    return flags.pad(text)


def _hex_string(text: str, verb: str, flags: Flags) -> str:
    data = to_bytes(text)
    if flags.precision is not None:
        data = data[: flags.precision]
    if not data:
        return flags.pad("")
    prefix = "0x" if verb == "x" else "0X"
    shown = data.hex(" ") if flags.space else data.hex()
    if verb == "X":
        shown = shown.upper()
    if flags.sharp:
        shown = prefix + shown.replace(" ", f" {prefix}")
    return flags.pad(shown)


def _integer(value: int, verb: str, flags: Flags) -> str:
    if verb in "vw" and flags.sharp_v and type(value) is Byte:
        return flags.pad(f"0x{int(value):x}")
    if verb in _BASES or verb == "w":
        return _digits(int(value), verb, flags)
    code = int(value) if value >= 0 else 2**64 + value
    if verb == "c":
        return flags.pad(chr(code) if code <= 0x10FFFF and not 0xD800 <= code < 0xE000 else "\ufffd")
    if verb == "q":
        return flags.pad(go_quote_character(code, ascii_only=flags.plus))
    if verb == "U":
        shown = f" '{chr(code)}'" if flags.sharp and code <= 0x10FFFF and chr(code).isprintable() else ""
        return flags.pad(f"U+{code:0{max(flags.precision or 0, 4)}X}{shown}", zeros=False)
    return _bad(value, verb, flags)


def _digits(value: int, verb: str, flags: Flags) -> str:
    flags.charge(flags.precision or 0)
    base = _BASES.get(verb, 10)
    sign = "-" if value < 0 else "+" if flags.plus else " " if flags.space else ""
    least = flags.precision or 0
    if flags.precision == 0 and value == 0:
        return " " * (flags.width or 0)
    if flags.precision is None and flags.zero and not flags.minus and flags.width:
        least = flags.width - (1 if sign else 0)
    digits = format(abs(value), _DIGITS[base]).rjust(least, "0")
    prefix = ""
    if flags.sharp:
        prefix = {2: "0b", 8: "" if digits[0] == "0" else "0", 16: "0x"}.get(base, "")
    if verb == "O":
        prefix = "0o" + prefix
    text = prefix + digits
    return flags.pad(sign + (text.upper() if verb == "X" else text), zeros=False)


def bytes_of(text: str, start: int, end: int) -> str:
    """The part of a string between two byte offsets."""
    if text.isascii():
        return text[start:end]
    return from_bytes(to_bytes(text)[start:end])
