"""The syntax tree of a template. ``str(expression)`` is its canonical spelling, as errors quote it."""

from __future__ import annotations

from dataclasses import dataclass

Constant = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Node:
    """Anything in a tree. ``at`` is its offset in the text, in code points."""

    at: int


# --- operands ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Dot(Node):
    def __str__(self) -> str:
        return "."


@dataclass(frozen=True, slots=True)
class Nil(Node):
    def __str__(self) -> str:
        return "nil"


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A bool, a number or a string, with the text it was written as."""

    value: Constant
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class HugeNumber(Node):
    """An integer past 64 bits signed: it parses, and fails when it is used."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Field(Node):
    """``.A.B``"""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return "".join("." + name for name in self.names)


@dataclass(frozen=True, slots=True)
class Variable(Node):
    """``$x.A``; the name holds the dollar sign."""

    name: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join((self.name, *self.names))


@dataclass(frozen=True, slots=True)
class Function(Node):
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Chain(Node):
    """Fields of a parenthesised pipeline or of a function's result: ``(index .L 0).K``"""

    base: Pipe | Function
    names: tuple[str, ...]

    def __str__(self) -> str:
        base = f"({self.base})" if isinstance(self.base, Pipe) else str(self.base)
        return ".".join((base, *self.names))


@dataclass(frozen=True, slots=True)
class Stage(Node):
    """An operand, or a function and its arguments."""

    operands: tuple[Operand, ...]

    def __str__(self) -> str:
        return " ".join(f"({one})" if isinstance(one, Pipe) else str(one) for one in self.operands)


@dataclass(frozen=True, slots=True)
class Pipe(Node):
    """``$x := a | b``"""

    declared: tuple[str, ...]
    assigns: bool
    """``=`` instead of ``:=``"""

    commands: tuple[Stage, ...]
    depth: int = 1

    def __str__(self) -> str:
        head = ", ".join(self.declared) + (" = " if self.assigns else " := ") if self.declared else ""
        return head + " | ".join(map(str, self.commands))


Operand = Dot | Nil | Literal | HugeNumber | Field | Variable | Function | Chain | Pipe


# --- actions ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text(Node):
    text: str


@dataclass(frozen=True, slots=True)
class Action(Node):
    """Prints a pipeline, unless it declares a variable."""

    pipe: Pipe


@dataclass(frozen=True, slots=True)
class Control(Node):
    """A pipeline that decides about a body and its other branch."""

    pipe: Pipe
    body: Body
    otherwise: Body | None
    depth: int = 1


class If(Control):
    __slots__ = ()


class With(Control):
    __slots__ = ()


class Range(Control):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Call(Node):
    """``{{ template "name" pipeline }}``"""

    name: str
    pipe: Pipe | None

    def __str__(self) -> str:
        return f'{{{{template "{self.name}"' + (f" {self.pipe}" if self.pipe else "") + "}}"


@dataclass(frozen=True, slots=True)
class Break(Node):
    pass


@dataclass(frozen=True, slots=True)
class Continue(Node):
    pass


@dataclass(frozen=True, slots=True)
class Define(Node):
    """A named template; ``call`` is set for a block, which also runs it here."""

    name: str
    body: Body
    call: Call | None
    depth: int = 1


Item = Text | Action | Control | Call | Break | Continue | Define
Body = tuple[Item, ...]
