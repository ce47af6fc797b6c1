"""A template as a program: parsed, checked and compiled once, run as often as wanted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from .compiler import Code
from .errors import TemplateRunError
from .expressions import UNSET
from .gotext.quoting import go_quote, to_text
from .machine import Failure, Limits, Machine
from .syntax.check import collect
from .syntax.lexer import column_of
from .syntax.nodes import Body
from .syntax.parser import parse_template
from .values import NO_VALUE, Value


class Program:
    """The named templates of one text. Immutable; any number of threads may run it at once."""

    def __init__(self, text: str, bodies: Mapping[str, Body]) -> None:
        self.text, self.bodies = text, bodies
        self._code = Code(bodies)

    @classmethod
    def parse(cls, text: str) -> Program:
        """
        Raises:
            TemplateSyntaxError: the text is not a template.
        """
        return cls(text, collect(text, parse_template(text)))

    def run(self, data: Value, *, limits: Limits, today: date | None = None) -> str:
        """The output for ``data``, which becomes dot and ``$``.

        Raises:
            TemplateRunError: an action failed, or a limit is used up. There is no partial output.
        """
        machine = Machine(limits, today)
        self.run_on(machine, data)
        return to_text("".join(machine.out))

    def run_on(self, machine: Machine, data: Value) -> None:
        """Add the output for ``data`` to that of the programs that ran on the machine before.

        Raises:
            TemplateRunError: as for ``run``; the machine is of no use then.
            TemplateCancelled: nobody waits for the output any more.
        """
        start, size = self._code.entries[""]
        machine.dot = NO_VALUE if data is None else data
        machine.vars = [machine.dot, *[UNSET] * (size - 1)]
        try:
            machine.run(self._code.steps, start)
        except Failure as failure:
            raise self._located(failure) from None
        except RecursionError:  # the caller's own stack was nearly full
            raise TemplateRunError("values or actions are nested too deeply") from None
        except (TypeError, ValueError) as error:  # keys that are no strings, integers of thousands of digits
            raise TemplateRunError(f"data that templates do not know: {error}") from None

    def _located(self, failure: Failure) -> TemplateRunError:
        name, node = failure.place.template, failure.place.node
        before = self.text[: node.at]
        line = before.count("\n") + 1
        column = len(before[before.rfind("\n") + 1 :].encode("utf-8", "replace"))  # bytes from 0, as Go counts
        place = f":{line}:{column}: executing {go_quote(name)} at <{node}>: "
        return TemplateRunError(failure.message, place, line, column_of(self.text, node.at))
