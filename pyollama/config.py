"""Every environment variable, parsed once into a frozen Settings.

``PYOLLAMA_X`` is read first, then ``OLLAMA_X``. Names and defaults: api.md section 11.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server listens, or where a client finds it."""

    scheme: str = "http"
    host: str = "127.0.0.1"
    port: int = 11434
    path: str = ""  # prefix of every request; clients only


@dataclass(frozen=True, slots=True)
class Settings:
    """The effective configuration. Durations in seconds (``math.inf``: for ever), sizes in bytes."""

    host: Address = Address()
    models: Path = Path("~/.ollama/models")
    origins: tuple[str, ...] = ()
    keep_alive: float = 300.0
    load_timeout: float = 300.0  # math.inf: never give up
    num_parallel: int = 0  # 0: as many as the engine can hold
    max_loaded_models: int = 0  # 0: 3 per GPU, or 3 on CPU
    max_queue: int = 512
    context_length: int = 0  # 0: by memory
    kv_cache_type: str = "f16"
    flash_attention: bool | None = None
    gpu_overhead: int = 0
    sched_spread: bool = False
    noprune: bool = False
    debug: int = 0
    go_template: bool | None = None
    max_body: int = 64 << 20

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read the environment. Unparsable values give the default and a logged warning."""
        raise NotImplementedError


FOREVER = math.inf
