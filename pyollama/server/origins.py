"""Which web pages may call the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyollama.errors import BadOrigin

Headers = list[tuple[bytes, bytes]]

_LOCAL_HOSTS = ("localhost", "127.0.0.1", "0.0.0.0")
BUILT_IN = (
    *(f"{scheme}://{host}{port}" for host in _LOCAL_HOSTS for scheme in ("http", "https") for port in ("", ":*")),
    *("app://*", "file://*", "tauri://*", "vscode-webview://*", "vscode-file://*"),
)
_SCHEMES = (
    "http://",
    "https://",
    "chrome-extension://",
    "safari-extension://",
    "moz-extension://",
    "ms-browser-extension://",
)

METHODS = "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS"
MAX_AGE = 43200  # seconds that a browser may keep a preflight's answer
_STAINLESS = (
    *("Arch", "Async", "Custom-Poll-Interval", "Helper-Method", "Lang", "Os"),
    *("Package-Version", "Poll-Helper", "Retry-Count", "Runtime", "Runtime-Version", "Timeout"),
)
REQUEST_HEADERS = ",".join(
    (
        *("Authorization", "Content-Type", "User-Agent", "Accept", "X-Requested-With", "Openai-Beta"),
        *(f"X-Stainless-{name}" for name in _STAINLESS),
    )
)


@dataclass(frozen=True, slots=True)
class Origins:
    """The allow list, checked once at start."""

    items: tuple[str, ...]

    @classmethod
    def parse(cls, extra: Sequence[str]) -> Origins:
        """``extra`` comes before the built-in list. BadOrigin stops the start."""
        for item in extra:
            stars = item.count("*")
            if stars > 1 or (stars == 0 and not item.startswith(_SCHEMES)):
                raise BadOrigin(item)
        return cls((*extra, *BUILT_IN))

    @property
    def all(self) -> bool:
        return "*" in self.items

    def allow(self, origin: str) -> bool:
        return any(_matches(item, origin) for item in self.items)

    def headers(self, origin: str) -> Headers:
        """What every answer to an allowed page carries."""
        if self.all:
            return [(b"access-control-allow-origin", b"*")]
        return [(b"access-control-allow-origin", origin.encode("latin-1")), (b"vary", b"Origin")]

    def preflight(self, origin: str) -> Headers:
        """What the answer to a page's OPTIONS request carries."""
        headers = [
            (b"access-control-allow-origin", b"*" if self.all else origin.encode("latin-1")),
            (b"access-control-allow-methods", METHODS.encode()),
            (b"access-control-allow-headers", REQUEST_HEADERS.encode()),
            (b"access-control-max-age", str(MAX_AGE).encode()),
        ]
        if not self.all:
            names = ("Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers")
            headers += [(b"vary", name.encode()) for name in names]
        return headers


def same_origin(origin: str, host: str) -> bool:
    return origin in (f"http://{host}", f"https://{host}")


def _matches(item: str, origin: str) -> bool:
    before, star, after = item.partition("*")
    if not star:
        return origin == item
    return len(origin) >= len(before) + len(after) and origin.startswith(before) and origin.endswith(after)
