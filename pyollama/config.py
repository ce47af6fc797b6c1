"""Every environment variable, parsed once into a frozen Settings.

``PYOLLAMA_X`` is read first, then ``OLLAMA_X``. Names and defaults: docs/reference/environment.md.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path

FOREVER = math.inf
CACHE_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")  # of keys and values
PREFIXES = ("PYOLLAMA_", "OLLAMA_")
DEFAULT_PORT = 11434
LOOPBACK, ALL_INTERFACES = "127.0.0.1", "0.0.0.0"


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server listens, or where a client finds it."""

    scheme: str = "http"
    host: str = LOOPBACK  # a name or an IP literal, never in brackets
    port: int = DEFAULT_PORT  # 0: chosen by the system; servers only
    path: str = ""  # prefix of every request; clients only

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read ``[scheme://]host[:port][/path]``.

        Raises:
            ValueError: scheme or port make no sense; the text says which.
        """
        scheme, separator, rest = text.partition("://")
        if not separator:
            scheme, rest = "http", text
        elif scheme not in ("http", "https"):
            raise ValueError(f"scheme {scheme!r} is not http or https")
        default = {"http": 80, "https": 443}[scheme] if separator else DEFAULT_PORT
        hostport, _, path = rest.partition("/")
        host, port = _split_port(hostport.replace("%25", "%"))  # a zone, as URLs write it
        path = path.strip("/")
        return cls(scheme, host, default if port is None else _port(port), f"/{path}" if path else "")

    @property
    def authority(self) -> str:
        """``host:port`` as it is written in URLs and socket addresses."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def client_url(self) -> str:
        """Base URL for a client; all interfaces means this machine."""
        host = self.host if self.host.lower().startswith("fe80:") else self.host.partition("%")[0]
        reachable = {ALL_INTERFACES: LOOPBACK, "::": "::1"}.get(host, host)
        return f"{self.scheme}://{Address(host=reachable, port=self.port).authority}{self.path}"


WITHOUT_EFFECT = {  # Ollama's variables that this version does nothing about, and why
    "GPU_OVERHEAD": "the engine places layers by itself",
    "SCHED_SPREAD": "the engine uses all GPUs anyway",
    "LLM_LIBRARY": "the engine has one library, chosen when it was built",
    "LIBRARY_PATH": "the engine has one library, chosen when it was built",
    "VULKAN": "which backends there are was chosen when the engine was built",
    "IGPU_ENABLE": "the engine decides about integrated GPUs",
    "MAX_TRANSFER_STREAMS": "models are not stored as safetensors layers",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The effective configuration. Durations in seconds (``math.inf``: for ever), sizes in bytes."""

    host: Address = Address()
    models: Path = Path("~/.ollama/models")
    origins: tuple[str, ...] = ()  # added in front of the built-in list
    keep_alive: float = 300.0
    load_timeout: float = 300.0  # math.inf: never give up
    num_parallel: int = 0  # 0: as many as the engine can hold
    max_loaded_models: int = 0  # 0: 3 per GPU, or 3 on CPU
    max_queue: int = 512
    context_length: int = 0  # 0: by memory
    kv_cache_type: str = "f16"
    flash_attention: bool | None = None
    noprune: bool = False
    debug: int = 0
    go_template: bool | None = None
    max_body: int = 64 << 20
    max_body_total: int = 256 << 20  # of all requests under way together
    trust_control_tokens: bool = False  # read them in messages, prompts and texts to embed, as Ollama does
    debug_log_requests: bool = False
    editor: str = ""  # empty: VISUAL, EDITOR, then the system's own
    nohistory: bool = False

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read the environment. Unparsable values give the default and a logged warning."""
        values, problems = _read(environ)
        if problems:
            import logging  # not needed by most starts of the command line

            for problem in problems:
                logging.getLogger("pyollama.config").warning(problem)
        values.setdefault("models", _home(environ) / ".ollama" / "models")
        return cls(**values)  # type: ignore[arg-type]  # each parser returns its field's type

    def effective(self) -> dict[str, object]:
        """Every recognised variable with the value in use, as text where it is no plain value; for the log."""
        return {PREFIXES[1] + field.name.upper(): _shown(getattr(self, field.name)) for field in fields(self)}


def problems(environ: Mapping[str, str]) -> list[str]:
    """One sentence for each variable whose value cannot be understood, or that has no effect."""
    return _read(environ)[1]


def lookup(environ: Mapping[str, str], name: str) -> tuple[str, str] | None:
    """The variable that decides ``name`` (given without prefix) and its trimmed value; None if unset or empty."""
    for prefix in PREFIXES:
        if text := environ.get(prefix + name, "").strip().strip("\"'"):
            return prefix + name, text
    return None


# --- durations --------------------------------------------------------------------------------------------------------

_MICROSECOND, _SECOND = 10**3, 10**9
_NANOSECONDS = {
    "ns": 1,
    "us": _MICROSECOND,
    "µs": _MICROSECOND,  # U+00B5, the micro sign
    "μs": _MICROSECOND,  # U+03BC, the Greek letter
    "ms": 10**6,
    "s": _SECOND,
    "m": 60 * _SECOND,
    "h": 3600 * _SECOND,
}
_QUANTITY = re.compile(r"(\d+\.?\d*|\.\d+)([^\d.]*)")


def parse_duration(text: str) -> int:
    """Read ``1h30m``-style text as nanoseconds.

    Raises:
        ValueError: with the sentence clients of the API know.
    """
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if rest == "0":
        return 0
    total, end = Decimal(0), 0
    for match in _QUANTITY.finditer(rest):
        number, unit = match.groups()
        if match.start() != end:
            break
        if not unit:
            raise ValueError(f'time: missing unit in duration "{text}"')
        if unit not in _NANOSECONDS:
            raise ValueError(f'time: unknown unit "{unit}" in duration "{text}"')
        total, end = total + Decimal(number) * _NANOSECONDS[unit], match.end()
    if not rest or end != len(rest) or total >= 1 << 63:
        raise ValueError(f'time: invalid duration "{text}"')
    return sign * int(total)


# --- one parser per kind of value; each raises ValueError -------------------------------------------------------------

_TRUE, _FALSE = ("1", "t", "T", "true", "True", "TRUE"), ("0", "f", "F", "false", "False", "FALSE")


def _bool(text: str) -> bool:
    return text not in _FALSE  # other text counts as true


def _uint(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("not a whole number")
    return int(text)


def _seconds(text: str) -> float:
    if re.fullmatch(r"[+-]?\d+", text):
        return float(text)
    return parse_duration(text) / 1e9


def _keep_alive(text: str) -> float:
    seconds = _seconds(text)
    return seconds if seconds >= 0 else FOREVER


def _timeout(text: str) -> float:
    seconds = _seconds(text)
    return seconds if seconds > 0 else FOREVER


def _level(text: str) -> int:
    return int(text in _TRUE) if text in _TRUE + _FALSE else _uint(text) if text.isdigit() else 1


def _cache_type(text: str) -> str:
    if text not in CACHE_TYPES:
        raise ValueError(f"not one of {', '.join(CACHE_TYPES)}")
    return text


def _list(text: str) -> tuple[str, ...]:
    return tuple(item for item in (part.strip() for part in text.split(",")) if item)


def _split_port(hostport: str) -> tuple[str, str | None]:
    if hostport.startswith("["):
        host, _, rest = hostport[1:].partition("]")
        return host or ALL_INTERFACES, rest[1:] if rest.startswith(":") else None
    try:
        return str(ipaddress.ip_address(hostport.strip("[]"))), None
    except ValueError:
        host, colon, port = hostport.rpartition(":")
    if not colon:
        return hostport or LOOPBACK, None
    return host.strip("[]") or ALL_INTERFACES, port


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > 65535:
        raise ValueError(f"port {text!r} is not a number from 0 to 65535")
    return int(text)


_PARSERS: dict[str, Callable[[str], object]] = {
    "host": Address.parse,
    "models": lambda text: Path(text).expanduser(),
    "origins": _list,
    "keep_alive": _keep_alive,
    "load_timeout": _timeout,
    "kv_cache_type": lambda text: _cache_type(text.lower()),
    "debug": _level,
    "editor": str,
}
_BOOLEANS = ("flash_attention", "noprune", "go_template", "trust_control_tokens", "debug_log_requests", "nohistory")


def _read(environ: Mapping[str, str]) -> tuple[dict[str, object], list[str]]:
    values: dict[str, object] = {}
    wrong: list[str] = []
    for field in fields(Settings):
        if (found := lookup(environ, field.name.upper())) is None:
            continue
        variable, text = found
        parse = _bool if field.name in _BOOLEANS else _PARSERS.get(field.name, _uint)
        try:
            values[field.name] = parse(text)
        except ValueError as error:
            wrong.append(f"{variable}={text!r} is ignored: {error}")
            if field.name == "host":
                values["host"] = _without_port(text)
    for name, reason in WITHOUT_EFFECT.items():
        if found := lookup(environ, name):
            wrong.append(f"{found[0]} has no effect: {reason}")
    return values, wrong


def _without_port(text: str) -> Address:
    """A wrong port gives the default port, not another machine."""
    scheme, separator, rest = text.rpartition("://")
    hostport, slash, path = rest.partition("/")
    try:
        return Address.parse(scheme + separator + hostport.rpartition(":")[0] + slash + path)
    except ValueError:
        return Address()


def _shown(value: object) -> object:
    match value:
        case Address():
            return f"{value.scheme}://{value.authority}{value.path}"
        case Path():
            return str(value)
        case tuple():
            return ",".join(value)
        case float():
            return "forever" if math.isinf(value) else f"{value:g}s"
    return value


def _home(environ: Mapping[str, str]) -> Path:
    home = environ.get("HOME") or environ.get("USERPROFILE")
    return Path(home) if home else Path.home()
