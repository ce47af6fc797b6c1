"""What a request says about thinking: the field ``think`` of docs/reference/api.md."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from pyollama.errors import BadRequest, MissingCapability

LEVELS = ("high", "medium", "low", "max")
_ALLOWED = '"high", "medium", "low", "max", true, or false'


@dataclass(frozen=True, slots=True)
class Effort:
    """Whether to think and how hard, as templates see it."""

    on: bool = False
    level: str = ""
    is_set: bool = False
    is_named: bool = field(default=False, compare=False)  # the request names the level

    @classmethod
    def parse(cls, value: Any) -> Effort:
        """Read the field ``think``; None means that the request does not say. BadRequest."""
        if value is None:
            return cls()
        if isinstance(value, bool):
            return cls(on=value, level="medium" if value else "", is_set=True)
        if not isinstance(value, str):
            raise BadRequest(f"think must be a boolean or string ({_ALLOWED})")
        if value not in LEVELS:
            raise BadRequest(f'invalid think value: "{value}" (must be {_ALLOWED})')
        return cls(on=True, level=value, is_set=True, is_named=True)

    def at_most_high(self) -> Effort:
        """For templates that know low, medium and high."""
        return replace(self, level="high") if self.level == "max" else self

    def of_model(self, capabilities: Collection[str], name: str) -> Effort:
        """As a model can do it: one that can think does so unless the request says otherwise.

        Raises:
            MissingCapability: it cannot think but should; the text has ``name``.
        """
        if "thinking" in capabilities:
            return self if self.is_set else Effort(on=True, level="medium", is_set=True)
        if self.on:
            raise MissingCapability(f'"{name}"', "thinking")
        return self
