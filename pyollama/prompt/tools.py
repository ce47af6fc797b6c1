"""Finding tool calls in a stream of text.

Templates of models with tools show how such a model writes a call: after a tag, as JSON or as markup. ``ToolParser``
holds the text of a call back until it is complete. Text before the tag is content; with a tag of one bracket the model
may also be answering in plain JSON, which is then given back as content, as is everything else that became no call.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Sequence
from enum import Enum, auto

from pyollama.prompt.calls import Call, Tools
from pyollama.prompt.callscan import MARKUP_CLOSERS, CallScanner, Found, Kind, overlap
from pyollama.wire.chat import AnsweredCall, AnsweredFunction

BRACKETS = ("{", "[")
_SEPARATORS = ",; \t\r\n"  # between calls that follow each other without a tag
_ID_LETTERS = string.ascii_lowercase + string.digits


class _State(Enum):
    LOOKING = auto()  # for the tag
    CALLING = auto()  # inside what follows the tag
    DONE = auto()  # everything is content


class ToolParser:
    """Feed text with ``add``, end with ``finish``: content first, then calls, each exactly once."""

    def __init__(self, tag: str, tools: Tools) -> None:
        """``tag`` precedes a call; ``tools`` are those that the request offers."""
        self._tag, self._opener = _split(tag)
        self._tools = tools
        self._state = _State.LOOKING
        self._text = ""  # LOOKING: what may become the tag
        self._scanner = CallScanner(self._tag)
        self._attempt = _Attempt()
        self._lost: list[str] = []  # earlier attempts that became no call
        self._made = 0

    def add(self, text: str) -> tuple[str, list[AnsweredCall]]:
        """Content and calls that are decided after one more piece of text."""
        if self._state is _State.DONE:
            return text, []
        content, calls = "", list[AnsweredCall]()
        while text:
            if self._state is _State.LOOKING:
                found, text = self._look(text)
                content += found
            if self._state is _State.CALLING:
                self._scanner.add(text)
                found, text = self._read(calls)
                content += found
        return content, calls

    def finish(self) -> tuple[str, list[AnsweredCall]]:
        """What the end of the stream decides: text that was no call after all, or markup that only lacks its end."""
        if self._state is not _State.CALLING:
            held, self._text = self._text, ""
            return "" if self._made and not held.strip() else held, []
        calls: list[AnsweredCall] = []
        before, thing = self._scanner.unfinished()
        made = self._tools.called_by_markup(thing) if thing.startswith("<") else []
        self._attempt.take(Found(Kind.MARKUP, before, thing), bool(made))
        self._call(made, calls)
        self._state = _State.DONE
        return "".join(self._lost) + self._attempt.lost(), calls

    def search(self, text: str) -> list[AnsweredCall]:
        """Calls within a text that is not an answer, a thought that never closed: prose comes before them."""
        if self._tag not in BRACKETS:
            parser = ToolParser(self._tag, self._tools)
            return [*parser.add(text)[1], *parser.finish()[1]]
        scanner = CallScanner("{")
        scanner.add(text)
        calls: list[AnsweredCall] = []
        while found := scanner.next():
            self._call(self._tools.called_by_object(found.text, before=""), calls)
        return calls

    def _look(self, text: str) -> tuple[str, str]:
        """Content before the tag, or before what may become the tag; and, once there is a tag, the text from it on."""
        text = self._text + text
        if self._tag in BRACKETS:
            return self._look_for_bracket(text)
        found = text.find(self._tag)
        cut = found if found >= 0 else len(text) - overlap(text, self._tag)
        if found >= 0:
            self._start("" if self._opener else self._tag)
            return text[:cut], text[cut if self._opener else cut + len(self._tag) :]
        self._text = text[cut:]
        return text[:cut], ""

    def _look_for_bracket(self, text: str) -> tuple[str, str]:
        """The bracket comes first or never: after content the model is not calling a tool."""
        rest = text.lstrip(_SEPARATORS if self._made else None)
        blank = text[: len(text) - len(rest)]
        if not rest:
            self._text = blank if self._made else ""
            return "" if self._made else blank, ""
        if rest.startswith(self._tag):
            self._start("")
            return "" if self._made else blank, rest
        self._text = ""
        self._state = _State.DONE
        return text, ""

    def _start(self, tag: str) -> None:
        self._state, self._text = _State.CALLING, ""
        self._scanner = CallScanner(self._tag)
        self._attempt = _Attempt(tag)

    def _read(self, calls: list[AnsweredCall]) -> tuple[str, str]:
        """Take what is complete. With a bracket for a tag: content after it, and what is to be looked at again."""
        while found := self._scanner.next():
            if found.kind is Kind.TAG:
                self._attempt.take(found._replace(text=""), False)
                self._lost.append(self._attempt.lost())
                self._attempt = _Attempt(found.text)
                continue
            made = self._calls_in(found)
            self._attempt.take(found, bool(made))
            self._call(made, calls)
            if found.kind is Kind.END or self._tag == "{":
                return self._close()
        return "", ""

    def _calls_in(self, found: Found) -> list[Call]:
        if found.kind is Kind.OBJECT:
            return self._tools.called_by_object(found.text, found.before)
        return self._tools.called_by_markup(found.text) if found.kind is Kind.MARKUP else []

    def _close(self) -> tuple[str, str]:
        """The bracket is closed: without a call it was content all along."""
        content, rest = self._attempt.lost(), self._scanner.unfinished()[0]
        if self._attempt.made:
            self._state = _State.LOOKING
            return content, rest
        self._state = _State.DONE
        return content + rest, ""

    def _call(self, made: Sequence[Call], calls: list[AnsweredCall]) -> None:
        for name, arguments in made:
            calls.append(AnsweredCall(call_id(), AnsweredFunction(self._made, name, arguments)))
            self._made += 1


class _Attempt:
    """The text from one tag on, for the case that it becomes no call."""

    def __init__(self, tag: str = "") -> None:
        self.made = False
        self._held = [tag]

    def take(self, found: Found, made: bool) -> None:
        """After a call only what looked like another one counts: all else belongs to how calls are written."""
        if made and not self.made:
            self.made = True
            self._held.clear()
        elif not self.made:
            self._held += (found.before, found.text)
        elif not made and found.kind is not Kind.END:
            self._held.append(found.text)

    def lost(self) -> str:
        return "".join(self._held)


def call_id() -> str:
    return "call_" + "".join(secrets.choice(_ID_LETTERS) for _ in range(8))


def _split(tag: str) -> tuple[str, bool]:
    """A tag without the markup that begins a call, and whether it is nothing but that."""
    opener = next((opener for opener in MARKUP_CLOSERS if opener in tag), "")
    before = tag.partition(opener)[0].strip() if opener else tag
    return before or opener, not before
