"""Sizes, counts, times and durations as the command line prints them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

_SECOND, _MINUTE, _HOUR = 10**9, 60 * 10**9, 3600 * 10**9
_FOREVER_YEARS = 20


def human_bytes(n: int) -> str:
    """``4.7 GB``: decimal units, two digits below ten, whole numbers above."""
    for unit, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "KB")):
        if n >= unit:
            value = n / unit
            return f"{n // unit} {name}" if value >= 10 or n % unit == 0 else f"{value:.1f} {name}"
    return f"{n} B"


def human_number(n: int) -> str:
    """``8.2B``, ``133.70M``, ``12K``: counts such as parameters."""
    if n >= 10**9:
        return f"{n // 10**9}B" if n % 10**9 == 0 else f"{n / 1e9:.1f}B"
    if n >= 10**6:
        return f"{n // 10**6}M" if n % 10**6 == 0 else f"{n / 1e6:.2f}M"
    return f"{n / 1e3:.0f}K" if n >= 10**3 else str(n)


def parse_time(text: str) -> datetime | None:
    """Read the API's RFC 3339 time. None for an absent or zero one."""
    if not text or text.startswith("0001-01-01"):
        return None
    head, dot, rest = text.partition(".")
    if dot:  # nine fraction digits; datetime keeps six
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        text = f"{head}.{digits[:6]}{rest[len(digits) :]}"
    try:
        when = datetime.fromisoformat(text)
    except ValueError:  # years past 9999: keep-alive for ever
        return datetime.max.replace(tzinfo=UTC)
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def human_time(when: datetime | None, now: datetime, zero: str = "Never") -> str:
    """``2 days ago``, ``4 minutes from now``, ``Forever``; ``zero`` for no time at all."""
    if when is None:
        return zero
    passed = now - when
    if -passed >= timedelta(days=365 * (_FOREVER_YEARS + 1)):
        return "Forever"
    return f"{_span(abs(passed))} {'from now' if passed < timedelta(0) else 'ago'}"


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    hours = math.floor(span.total_seconds() / 3600 + 0.5)
    if seconds < 1:
        return "Less than a second"
    if seconds < 60:
        return "1 second" if seconds == 1 else f"{seconds} seconds"
    if seconds < 3600:
        return "About a minute" if seconds < 120 else f"{seconds // 60} minutes"
    if hours < 48:
        return "About an hour" if hours == 1 else f"{hours} hours"
    days = hours // 24
    if days < 14:
        return f"{days} days"
    if days < 60:
        return f"{days // 7} weeks"
    return f"{days // 30} months" if days < 730 else f"{span.days // 365} years"


def go_duration(ns: int) -> str:
    """Nanoseconds in Go's notation: ``534.986708ms``, ``1m2.5s``, ``0s``."""
    sign, ns = ("-", -ns) if ns < 0 else ("", ns)
    if ns < _SECOND:
        for unit, name in ((10**6, "ms"), (10**3, "µs"), (1, "ns")):
            if ns >= unit:
                return f"{sign}{_plain(ns, unit)}{name}"
        return "0s"
    hours, rest = divmod(ns, _HOUR)
    minutes, rest = divmod(rest, _MINUTE)
    head = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{sign}{head}{_plain(rest, _SECOND)}s"


def _plain(n: int, unit: int) -> str:
    text = f"{Decimal(n) / unit:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def eta(seconds: float) -> str:
    """Time left in at most six columns: ``28s``, ``1m5s``, ``2h13m``, ``99h+``."""
    whole = math.floor(seconds + 0.5)
    if whole >= 100 * 3600:
        return "99h+"
    if whole >= 3600:
        return f"{whole // 3600}h{whole % 3600 // 60}m"
    return f"{whole // 60}m{whole % 60}s" if whole >= 60 else f"{whole}s"


def go_number(value: float) -> str:
    """A number of model metadata in its shortest form: ``131072``, ``1e-05``, ``8e+09``."""
    if not math.isfinite(value):
        return {math.inf: "+Inf", -math.inf: "-Inf"}.get(value, "NaN")
    sign, digits, exponent = Decimal(repr(float(value))).normalize().as_tuple()
    assert isinstance(exponent, int)  # finite
    power = len(digits) - 1 + exponent
    text = "".join(map(str, digits))
    minus = "-" if sign else ""
    if -4 <= power < 6:
        return minus + f"{Decimal((0, digits, exponent)):f}"
    fraction = f".{text[1:]}" if len(text) > 1 else ""
    return f"{minus}{text[0]}{fraction}e{'-' if power < 0 else '+'}{abs(power):02d}"
