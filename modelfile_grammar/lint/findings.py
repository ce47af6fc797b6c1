"""What a rule of ``lint`` reports."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ..errors import Position

_SEVERITIES = {"E": "error", "W": "warning", "I": "info"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found. Lines and columns count from 1; the end is one past the last character."""

    line: int
    column: int
    end_line: int
    end_column: int
    severity: str
    code: str
    message: str
    fix: str | None = None
    """A text that may stand there instead."""

    @classmethod
    def at(cls, code: str, message: str, start: Position, width: int = 1, fix: str | None = None) -> Finding:
        """A finding of ``width`` characters in one line, as severe as the first letter of its code says."""
        end = start.column + max(width, 1)
        return cls(start.line, start.column, start.line, end, _SEVERITIES[code[0]], code, message, fix)

    def to_dict(self, file: str) -> dict[str, object]:
        """For JSON; ``fix`` only if there is one."""
        values = {"file": file, **asdict(self)}
        if self.fix is None:
            del values["fix"]
        return values
