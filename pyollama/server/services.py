"""What the routes work with, kept at the application that serves them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import cast

import quart

from pyollama.config import Settings
from pyollama.scheduler import Scheduler
from pyollama.server.work import Works
from pyollama.store import Store

_KEY = "pyollama"


@dataclass(frozen=True, slots=True)
class Services:
    """One server's settings, its models on disk and those in memory, and the long works of its requests."""

    settings: Settings
    store: Store
    scheduler: Scheduler
    works: Works = field(default_factory=Works)
    started: float = field(default_factory=time.monotonic)

    def attach(self, app: quart.Quart) -> None:
        """Let ``services`` find them while ``app`` serves a request."""
        app.extensions[_KEY] = self


def services() -> Services:
    """The services of the application that serves the current request."""
    return cast(Services, quart.current_app.extensions[_KEY])
