"""What Tab offers: slash commands, their options, model names and files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document

from modelfile_grammar import PARAMETERS
from pyollama.cli.asking import THINK_VALUES

_SET = (
    "parameter",
    "system",
    "history",
    "nohistory",
    "wordwrap",
    "nowordwrap",
    "format",
    "noformat",
    "verbose",
    "quiet",
    "think",
    "nothink",
)
_SHOW = ("info", "license", "modelfile", "parameters", "system", "template")
COMMANDS = ("/set", "/show", "/load", "/save", "/clear", "/list", "/bye", "/exit", "/help", "/?")


class SessionCompleter(Completer):
    """``models`` lists the names of the server's models; it is asked at each Tab."""

    def __init__(self, models: Callable[[], list[str]]) -> None:
        self._models = models
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        *before, word = document.text_before_cursor.split(" ")
        if not (before or word):
            return
        found = [text for text in self._words([part for part in before if part]) if text.startswith(word)]
        for text in found:
            yield Completion(text, -len(word))
        if not found and word.startswith(("./", "../", "/", "~/")):
            yield from self._paths.get_completions(Document(word), complete_event)

    def _words(self, before: list[str]) -> Iterable[str]:
        match before:
            case []:
                return COMMANDS
            case ["/set"]:
                return _SET
            case ["/set", "parameter"]:
                return [name for name, parameter in PARAMETERS.items() if not parameter.retired]
            case ["/set", "think"]:
                return THINK_VALUES[2:]
            case ["/set", "format"]:
                return ("json",)
            case ["/show"]:
                return _SHOW
            case ["/?" | "/help"]:
                return ("set", "show", "shortcuts")
            case ["/load" | "/list"]:
                return self._models()
        return ()
