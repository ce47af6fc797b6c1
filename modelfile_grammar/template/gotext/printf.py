"""``printf``: Go's verbs, flags, width and precision."""

from __future__ import annotations

import re

from ..values import Byte, Charge, TemplateText, Value, type_name
from .flags import Flags
from .text import nested_text
from .verbs import print_argument

_LARGEST = 10**6
_FLAGS = {"#": "sharp", "0": "zero", "+": "plus", "-": "minus", " ": "space"}
_INDEX = re.compile(r"\[([^\]]*)\]")


def printf(template: str, arguments: list[Value], charge: Charge) -> list[str]:
    """The pieces of the formatted text: those of the format are of its own type.

    ``charge`` is told the characters as they are made, and may raise.
    """
    return _Format(template, arguments, charge).run()


class _Format:
    """One walk over one format string."""

    def __init__(self, template: str, arguments: list[Value], charge: Charge) -> None:
        self.template, self.arguments, self.charge = template, arguments, charge
        self.at = self.next = 0
        self.reordered = self.good_index = False
        self.pieces: list[str] = []
        self.kind = TemplateText if type(template) is TemplateText else str

    def run(self) -> list[str]:
        template, kind = self.template, self.kind
        while True:
            percent = template.find("%", self.at)
            if percent < 0:
                self._write(kind(template[self.at :]))
                break
            self._write(kind(template[self.at : percent]))
            self.at = percent + 1
            if not self._verb():
                break
        if not self.reordered and self.next < len(self.arguments):
            self._write(
                "%!(EXTRA " + ", ".join([_typed(one, self.charge) for one in self.arguments[self.next :]]) + ")"
            )
        return self.pieces

    def _verb(self) -> bool:
        """One conversion after its percent sign; false when the format ends inside it."""
        flags = Flags(self.charge)
        self.good_index = True
        while (name := _FLAGS.get(self._peek())) is not None:
            setattr(flags, name, True)
            self.at += 1
        indexed = self._index()
        indexed = self._width(flags, indexed)
        indexed = self._precision(flags, indexed)
        if not indexed:
            self._index()
        verb = self._peek()
        if not verb:
            self._write("%!(NOVERB)")
            return False
        self.at += 1
        self._write(self._converted(verb, flags))
        return True

    def _converted(self, verb: str, flags: Flags) -> str:
        if verb == "%":
            return self.kind("%")
        if not self.good_index:
            return f"%!{verb}(BADINDEX)"
        if self.next >= len(self.arguments):
            return f"%!{verb}(MISSING)"
        argument = self.arguments[self.next]
        self.next += 1
        if verb in "vw":
            flags.sharp_v, flags.sharp = flags.sharp, False
            flags.plus_v, flags.plus = flags.plus, False
        return print_argument(argument, verb, flags)

    def _width(self, flags: Flags, indexed: bool) -> bool:
        if self._peek() != "*":
            flags.width = self._number()
            if indexed and flags.width is not None:
                self.good_index = False
            return indexed
        self.at += 1
        flags.width = self._starred()
        if flags.width is None:
            self._write("%!(BADWIDTH)")
        elif flags.width < 0:
            flags.width, flags.minus, flags.zero = -flags.width, True, False
        return False

    def _precision(self, flags: Flags, indexed: bool) -> bool:
        if self._peek() != "." or self.at + 1 >= len(self.template):
            return indexed
        self.at += 1
        if indexed:
            self.good_index = False
        indexed = self._index()
        if self._peek() != "*":
            flags.precision = self._number() or 0
            return indexed
        self.at += 1
        value = self._starred()
        if value is None or value < 0:
            self._write("%!(BADPREC)")
        else:
            flags.precision = value
        return False

    def _index(self) -> bool:
        """An explicit argument number such as ``[2]``; whether there was one."""
        if self._peek() != "[":
            return False
        self.reordered = True
        found = _INDEX.match(self.template, self.at)
        if found is None or len(self.template) - self.at < 3:
            self.at += 1
            self.good_index = False
            return False
        self.at = found.end()
        digits = found[1]
        if not (digits.isascii() and digits.isdigit() and len(digits.lstrip("0")) < 8):
            self.good_index = False
            return False
        if 1 <= int(digits) <= len(self.arguments):
            self.next = int(digits) - 1
        else:
            self.good_index = False
        return True

    def _starred(self) -> int | None:
        """An argument that serves as width or precision."""
        if self.next >= len(self.arguments):
            return None
        value = self.arguments[self.next]
        self.next += 1
        if (type(value) is int or type(value) is Byte) and abs(value) <= _LARGEST:
            return int(value)
        return None

    def _number(self) -> int | None:
        number, at = None, self.at
        while "0" <= (digit := self.template[at : at + 1]) <= "9":
            if number is not None and number > _LARGEST:
                self.at = len(self.template)
                return None
            number = (number or 0) * 10 + int(digit)
            at += 1
        self.at = at
        return number

    def _peek(self) -> str:
        return self.template[self.at : self.at + 1]

    def _write(self, piece: str) -> None:
        if piece:
            self.charge(len(piece))
            self.pieces.append(piece)


def _typed(value: Value, charge: Charge) -> str:
    return "<nil>" if value is None else f"{type_name(value)}={nested_text(value, charge)}"
