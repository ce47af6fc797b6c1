"""What a conversion of ``printf`` says between its percent sign and its verb."""

from __future__ import annotations

from dataclasses import dataclass

from ..values import Charge


@dataclass(slots=True)
class Flags:
    """What stands between the percent sign and the verb. ``charge`` is told of the padding it asks for."""

    charge: Charge
    sharp: bool = False
    zero: bool = False
    plus: bool = False
    minus: bool = False
    space: bool = False
    sharp_v: bool = False
    plus_v: bool = False
    width: int | None = None
    precision: int | None = None

    def pad(self, text: str, *, zeros: bool | None = None) -> str:
        """The text at the width asked for. ``zeros`` overrides the flag."""
        missing = (self.width or 0) - len(text)
        if missing <= 0:
            return text
        self.charge(missing)
        if self.minus:
            return text + " " * missing
        return ("0" if (self.zero if zeros is None else zeros) else " ") * missing + text
