"""Model names: the text a user types, parsed once at the edge.

A name is ``[scheme://][host/][namespace/]model[:tag]``. Past the edge, pass ModelName, never str.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from pyollama.errors import BadRequest, InvalidName

DEFAULT_SCHEME = "https"
DEFAULT_HOST = "registry.ollama.ai"
DEFAULT_NAMESPACE = "library"
DEFAULT_TAG = "latest"

_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,349}")
_NAMESPACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}")
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}")  # model and tag


@dataclass(frozen=True, slots=True)
class ModelName:
    """A fully qualified, valid name. The scheme is not part of its identity and is never stored."""

    host: str
    namespace: str
    model: str
    tag: str
    scheme: str = field(default=DEFAULT_SCHEME, compare=False)

    def __post_init__(self) -> None:
        patterns = (_HOST, _NAMESPACE, _PART, _PART)
        if not all(pattern.fullmatch(part) for pattern, part in zip(patterns, self.parts, strict=True)):
            raise InvalidName

    @classmethod
    def parse(cls, text: str) -> ModelName:
        """The name that ``text`` stands for, missing parts filled in. InvalidName; nothing is trimmed."""
        rest, tag = _split_tag(text)
        rest, slash, model = rest.rpartition("/")
        left, deeper, namespace = rest.rpartition("/")
        scheme, host = _split_scheme(left)
        if not model or (slash and not namespace) or (deeper and not host):
            raise InvalidName
        return cls(host or DEFAULT_HOST, namespace or DEFAULT_NAMESPACE, model, tag, scheme)

    @property
    def parts(self) -> tuple[str, str, str, str]:
        """Host, namespace, model, tag: also the four levels of directories below ``manifests/``."""
        return (self.host, self.namespace, self.model, self.tag)

    def folded(self) -> tuple[str, ...]:
        """What two names that differ only in case have in common."""
        return tuple(part.lower() for part in self.parts)

    def shortest(self) -> str:
        """The name as listings show it: default host and namespace left out, the tag always there."""
        if self.host != DEFAULT_HOST:
            return self.full()
        namespace = "" if self.namespace == DEFAULT_NAMESPACE else f"{self.namespace}/"
        return f"{namespace}{self.model}:{self.tag}"

    def full(self) -> str:
        return f"{self.host}/{self.namespace}/{self.model}:{self.tag}"

    def __str__(self) -> str:
        return self.shortest()


class SourceName(NamedTuple):
    """A name without its ``:local``; ``cloud`` when the text asks for a model of an online service."""

    text: str
    cloud: bool


def strip_source_suffix(text: str) -> SourceName:
    """Trim ``text`` and take its source marker off: ``:local``, ``:cloud`` or a tag ending in ``-cloud``.

    Of a cloud name the text stays one that parses to the stub manifest's name (``m:cloud``, ``m:8b-cloud``).

    Raises:
        BadRequest: two markers at once.
    """
    text = text.strip()
    base, marker = _split_marker(text)
    if not marker:
        return SourceName(text, cloud=False)
    if _split_marker(base)[1]:
        raise BadRequest(f'use either :local or :cloud, not both: "{text}"')
    if marker == ":local":
        return SourceName(base, cloud=False)
    tagged = marker == ":cloud" and base.rfind(":") > base.rfind("/")
    return SourceName(f"{base}-cloud" if tagged else text, cloud=True)


def _split_marker(text: str) -> tuple[str, str]:
    lowered = text.lower()
    for marker in (":cloud", ":local"):
        if lowered.endswith(marker):
            return text[: -len(marker)], marker
    if lowered.endswith("-cloud") and text.rfind(":") > text.rfind("/"):
        return text[: -len("-cloud")], "-cloud"
    return text, ""


def _split_tag(text: str) -> tuple[str, str]:
    if text.rfind(":") <= text.rfind("/"):
        return text, DEFAULT_TAG
    rest, _, tag = text.rpartition(":")
    return rest, tag  # an empty tag is refused with the other parts


def _split_scheme(left: str) -> tuple[str, str]:
    scheme, separator, host = left.partition("://")
    if not separator:
        return DEFAULT_SCHEME, left
    if not scheme or not host:
        raise InvalidName
    return scheme, host
