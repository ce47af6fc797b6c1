"""Splitting a stream into reasoning and answer.

The text between an opening and a closing tag, at the very start of the answer, is reasoning. A tag may arrive in parts;
what could still become a tag is held back until it is decided.
"""

from __future__ import annotations

from enum import Enum, auto

from pyollama.prompt.callscan import overlap


class _State(Enum):
    LOOKING = auto()  # nothing but white space or a part of the opening tag yet
    STARTED = auto()  # opening tag read, only white space after it
    THINKING = auto()
    EATING = auto()  # closing tag read, only white space after it
    DONE = auto()  # everything is content


class ThinkingParser:
    """Feed text with ``add``, end with ``finish``; both return (thinking, content), either may be empty."""

    def __init__(self, opening: str, closing: str, *, opened: bool = False) -> None:
        """``opened``: the prompt itself ended with the opening tag."""
        self._opening, self._closing = opening, closing
        self._state = _State.STARTED if opened else _State.LOOKING
        self._held = ""

    @property
    def idle(self) -> bool:
        """Whether text passes through unchanged from here on."""
        return self._state is _State.DONE

    @property
    def thinking(self) -> bool:
        """Whether reasoning has begun and not ended."""
        return self._state is _State.THINKING

    def add(self, text: str) -> tuple[str, str]:
        """What is decided after one more piece of text."""
        if self._state is _State.DONE:
            return "", text
        self._held += text
        thinking = ""
        content = ""
        while True:
            before = self._state
            thought, answer = _STEPS[before](self)
            thinking += thought
            content += answer
            if self._state is before:
                return thinking, content

    def finish(self) -> tuple[str, str]:
        """What was held back at the end of the stream, as the kind it would have been."""
        held, self._held = self._held, ""
        if self._state is _State.THINKING:
            return held, ""
        if self._state is _State.LOOKING:
            return "", held
        return "", ""

    def _look(self) -> tuple[str, str]:
        stripped = self._held.lstrip()
        if stripped.startswith(self._opening):
            self._held = stripped[len(self._opening) :]
            self._state = _State.STARTED
            return "", ""
        if self._opening.startswith(stripped):  # also true for nothing but white space
            return "", ""
        return "", self._pass_through(self._held)

    def _start(self) -> tuple[str, str]:
        self._held = self._held.lstrip()
        if self._held:
            self._state = _State.THINKING
        return "", ""

    def _think(self) -> tuple[str, str]:
        thinking, tag, rest = self._held.partition(self._closing)
        if tag:
            self._held = rest
            self._state = _State.EATING
            return thinking, ""
        kept = overlap(self._held, self._closing)
        thinking = self._held[: len(self._held) - kept]
        self._held = self._held[len(thinking) :]
        return thinking, ""

    def _eat(self) -> tuple[str, str]:
        self._held = self._held.lstrip()
        return "", self._pass_through(self._held) if self._held else ""

    def _pass(self) -> tuple[str, str]:
        return "", ""

    def _pass_through(self, text: str) -> str:
        self._held = ""
        self._state = _State.DONE
        return text


_STEPS = {
    _State.LOOKING: ThinkingParser._look,
    _State.STARTED: ThinkingParser._start,
    _State.THINKING: ThinkingParser._think,
    _State.EATING: ThinkingParser._eat,
    _State.DONE: ThinkingParser._pass,
}


def opened_by(prompt: str, opening: str) -> bool:
    """Whether the prompt already contains the opening tag of the answer's reasoning."""
    return bool(opening) and prompt.rstrip().endswith(opening)
