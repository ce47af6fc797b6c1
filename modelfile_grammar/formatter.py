"""The one way to lay out a Modelfile: what ``fmt`` prints.

Instructions in upper case, one blank after the word, all parameters together where the first one stands, values of
several lines between triple quotes, comments and other quotes where they were. What the file means never changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .printer import format_command
from .tree import Blank, Comment, Instruction, Modelfile
from .values import TRIPLE, reads_back


def format_modelfile(modelfile: Modelfile) -> str:
    """The file in canonical form, with line feeds. Formatting it again changes nothing."""
    lines: list[str] = []
    for block in _grouped(_blocks(modelfile)):
        if block.spaced and lines:
            lines.append("")
        lines += block.comments
        if block.instruction is not None:
            lines.append(_spelled(block.instruction))
    return "".join(line + "\n" for line in lines)


@dataclass(slots=True)
class _Block:
    """An instruction with the comments directly above it, or comments that stand alone."""

    spaced: bool
    """An empty line goes before it."""

    comments: list[str] = field(default_factory=list)
    instruction: Instruction | None = None

    @property
    def sets_parameter(self) -> bool:
        return self.instruction is not None and self.instruction.command.word == "parameter"


def _blocks(modelfile: Modelfile) -> list[_Block]:
    blocks: list[_Block] = []
    open_block: _Block | None = None
    spaced = False
    for node in modelfile.nodes:
        if isinstance(node, Blank):
            spaced, open_block = True, None
            continue
        if open_block is None:
            open_block = _Block(spaced)
            blocks.append(open_block)
        spaced = False
        if isinstance(node, Comment):
            open_block.comments.append(_comment(node))
        else:
            open_block.instruction, open_block = node, None
    return blocks


def _grouped(blocks: list[_Block]) -> list[_Block]:
    """Parameters that stand apart move up to the first ones, and their comments with them."""
    first = next((i for i, block in enumerate(blocks) if block.sets_parameter), len(blocks))
    end = first
    while end < len(blocks) and blocks[end].sets_parameter:
        end += 1
    moved = [block for block in blocks[end:] if block.sets_parameter]
    for block in moved:
        block.spaced = False
    rest = [block for block in blocks[end:] if not block.sets_parameter]
    return [*blocks[:end], *moved, *rest]


def _comment(comment: Comment) -> str:
    return comment.text[comment.text.index("#") :].rstrip()


def _spelled(instruction: Instruction) -> str:
    """The command: a value of several lines between triple quotes, any other between quotes if it was before.

    Quotes around quotes confuse, so there the plainest spelling counts.
    """
    command = instruction.command
    several = "\n" in command.value or "\r" in command.value
    mark = TRIPLE if several else '"' if instruction.is_quoted and '"' not in command.value else ""
    spelling = mark + command.value + mark
    return format_command(command, spelling if mark and reads_back(spelling, command.value) else None)
