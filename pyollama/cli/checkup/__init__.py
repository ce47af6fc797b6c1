"""The checks of ``doctor``: each looks at one thing and returns a Verdict; none changes anything but ``repair``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Status = Literal["ok", "warn", "fail", "skip"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check saw. ``id`` is stable; ``advice`` is empty where nothing needs doing."""

    id: str
    status: Status
    evidence: str
    advice: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        text = f"{self.status:<5} {self.id:<12} {self.evidence}"
        return f"{text}\n{'':19}{self.advice}" if self.advice else text
