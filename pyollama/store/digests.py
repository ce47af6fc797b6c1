"""Digests: the address of a blob. A type, so that no path is ever built from request text."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from pyollama.errors import InvalidDigest

_TEXT = re.compile(r"sha256[:-]([0-9a-fA-F]{64})")
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A SHA-256 digest; ``hex`` is its 64 lower-case digits."""

    hex: str

    def __post_init__(self) -> None:
        if not _HEX.fullmatch(self.hex):
            raise InvalidDigest

    @classmethod
    def parse(cls, text: str) -> Digest:
        """``sha256:`` or ``sha256-`` and 64 digits of either case. InvalidDigest otherwise."""
        match = _TEXT.fullmatch(text)
        if not match:
            raise InvalidDigest
        return cls(match[1].lower())

    @classmethod
    def of(cls, data: bytes) -> Digest:
        return cls(hashlib.sha256(data).hexdigest())

    @property
    def filename(self) -> str:
        return f"sha256-{self.hex}"

    def __str__(self) -> str:
        return f"sha256:{self.hex}"
