"""What can go wrong with a template: it does not parse, it fails while it renders, nobody waits for it."""

from __future__ import annotations


class TemplateError(Exception):
    """Any of them. ``str(error)`` is one line that a user can read."""


class TemplateSyntaxError(TemplateError):
    """A template that does not parse. ``line`` counts from 1, ``column`` from 1 in code points."""

    def __init__(self, line: int, message: str, column: int = 0) -> None:
        super().__init__(f"template: :{line}: {message}")
        self.line, self.message, self.column = line, message, column


class TemplateRunError(TemplateError):
    """A template that failed while rendering. ``message`` is the reason without the place.

    ``line`` counts from 1 and ``column`` from 1 in code points; both are 1 where no action is to blame.
    """

    def __init__(self, message: str, place: str = "", line: int = 1, column: int = 1) -> None:
        super().__init__(f"template: {place}{message}")
        self.message, self.line, self.column = message, line, column


class TemplateCancelled(TemplateError):
    """Whoever wanted the text does not wait for it any more."""

    def __init__(self) -> None:
        super().__init__("template: cancelled")


class CallError(Exception):
    """What a function says when it refuses its arguments; the caller adds its name and the place."""
