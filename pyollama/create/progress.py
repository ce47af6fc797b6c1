"""What a create reports while it runs."""

from __future__ import annotations

from dataclasses import dataclass

NO_DIGEST = "0" * 19  # stands for a file that has no digest yet


@dataclass(frozen=True, slots=True)
class Progress:
    """One status line. Sizes in bytes; zero and empty values are left out on the wire."""

    status: str
    digest: str = ""
    total: int = 0
    completed: int = 0
