"""Times as the API writes them. A stream asks for one per token, so they are cheap."""

from __future__ import annotations

import time
from datetime import datetime

_cached: tuple[int, str] = (0, "1970-01-01T00:00:00")


def utc_now() -> str:
    """RFC 3339 in UTC; at most nine digits of fraction, without trailing zeros."""
    global _cached
    second, nanosecond = divmod(time.time_ns(), 1_000_000_000)
    cached_second, text = _cached
    if second != cached_second:
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        _cached = (second, text)
    if not nanosecond:
        return text + "Z"
    return f"{text}.{nanosecond:09d}".rstrip("0") + "Z"


def local(moment: datetime) -> str:
    """RFC 3339 in the server's zone with a numeric offset, ``Z`` if the zone is UTC."""
    here = moment.astimezone()
    offset = here.strftime("%z")
    zone = "Z" if offset == "+0000" else f"{offset[:3]}:{offset[3:5]}"
    fraction = f".{here.microsecond:06d}".rstrip("0") if here.microsecond else ""
    return here.strftime("%Y-%m-%dT%H:%M:%S") + fraction + zone
