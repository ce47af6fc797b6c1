"""A prompt template, ready to use: parsed, analysed and compiled once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from . import analysis
from .machine import Limits
from .program import Program
from .syntax.nodes import Action, Body, Field, Pipe, Stage
from .values import Value

DEFAULT_LIMITS = Limits()


class Template:
    """One TEMPLATE. Immutable and safe to share between threads.

    Attributes:
        text: the template as written.
        variables: every name it mentions, lower case.
        capabilities: what a model can do with it: ``tools``, ``insert``, ``thinking``.
    """

    def __init__(self, program: Program) -> None:
        self.text = program.text
        self.program = program
        body = program.bodies[""]
        self.variables = analysis.variables(dict(program.bodies))
        self.has_messages = "messages" in self.variables
        self._thinking = analysis.thinking_tags(body)
        self.tool_call_tag = analysis.tool_call_tag(body)
        self.capabilities = frozenset(self._capabilities())
        installed = body if self.has_messages or "response" in self.variables else _with_response(body, self.text)
        self._whole = program if installed is body else _replaced(program, installed)
        self._cut: Program | None = None

    @classmethod
    def parse(cls, text: str) -> Template:
        """
        Raises:
            TemplateSyntaxError: the text is not a template; str() starts with ``template: :<line>:``.
        """
        return cls(Program.parse(text))

    @property
    def thinking_tags(self) -> tuple[str, str] | None:
        """What opens and closes a thought in a rendered message, if the template shows both."""
        return self._thinking if all(self._thinking) else None

    def render(self, data: Mapping[str, Value], *, limits: Limits = DEFAULT_LIMITS, today: date | None = None) -> str:
        """The template by itself, over any data of str, int, float, bool, None, list and dict.

        Raises:
            TemplateRunError: an action failed, or a limit is used up.
        """
        return self.program.run(dict(data), limits=limits, today=today)

    @property
    def whole(self) -> Program:
        """The installed template: one that uses neither messages nor a response shows the response at its end."""
        return self._whole

    @property
    def cut(self) -> Program:
        """The installed template up to the response, for the turn that the model goes on with."""
        if self._cut is None:
            self._cut = _replaced(self._whole, analysis.cut_at_response(self._whole.bodies[""]))
        return self._cut

    def _capabilities(self) -> list[str]:
        tests = {
            "tools": "tools" in self.variables,
            "insert": "suffix" in self.variables,
            "thinking": self.thinking_tags is not None,
        }
        return [name for name, holds in tests.items() if holds]


def _with_response(body: Body, text: str) -> Body:
    at = len(text)
    pipe = Pipe(at, (), False, (Stage(at, (Field(at, ("Response",)),)),))
    return (*body, Action(at, pipe))


def _replaced(program: Program, body: Body) -> Program:
    return Program(program.text, {**program.bodies, "": body})


def thinking_tags(template: Template) -> tuple[str, str] | None:
    """The opening and closing tag of a thought, if the template shows both."""
    return template.thinking_tags


def tool_call_tag(template: Template) -> str:
    """The text that starts a tool call; ``{`` if the template shows none."""
    return template.tool_call_tag
