"""Modelfiles: printing inverts parsing, values end where the definition says, and no bytes do harm."""

import string
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from modelfile_grammar import (
    Blank,
    Command,
    Comment,
    Instruction,
    Modelfile,
    ModelfileSyntaxError,
    build,
    parse,
    print_modelfile,
)
from modelfile_grammar.formatter import format_modelfile
from modelfile_grammar.lint import lint
from modelfile_grammar.source import decode
from modelfile_grammar.values import WHITE_SPACE, is_representable, quote, scan_value
from modelfile_grammar.words import INSTRUCTIONS, ROLES

TRICKY = st.text(alphabet='" a\t\r\n#\u00a0x', max_size=40)
VALUES = st.one_of(TRICKY, st.text(max_size=40)).map(lambda text: decode(text))
NAMES = st.text(alphabet=string.ascii_letters + string.digits + "_", min_size=1, max_size=12)
BLANKS = st.text(alphabet=" \t", max_size=3)
GAPS = st.text(alphabet=" \t", min_size=1, max_size=3)
BREAKS = st.sampled_from(["\n", "\r\n", "\r"])
WORDS = st.sampled_from([word for word in INSTRUCTIONS if word not in ("parameter", "message")])


@st.composite
def spelled(draw: st.DrawFn, word: str) -> str:
    return "".join(draw(st.sampled_from([letter.upper(), letter])) for letter in word)


@st.composite
def commands(draw: st.DrawFn) -> Command:
    value = draw(VALUES.filter(is_representable))
    kind = draw(st.sampled_from(["plain", "plain", "parameter", "message"]))
    if kind == "parameter":
        return Command("parameter", value, name=draw(NAMES))
    if kind == "message":
        return Command("message", value, role=draw(st.sampled_from(ROLES)))
    word = draw(WORDS)
    return Command(word, value if value or word != "from" else "x")


@st.composite
def instructions(draw: st.DrawFn) -> Instruction:
    command = draw(commands())
    head = draw(BLANKS) + draw(spelled(command.word)) + draw(GAPS)
    argument = ""
    if command.name is not None:
        argument = command.name + draw(GAPS)
    elif command.role is not None:
        argument = draw(spelled(command.role)) + draw(GAPS)
    body = quote(command.value) + draw(BLANKS) + draw(BREAKS)
    return Instruction(command, head, argument, body)


NODES = st.one_of(
    instructions(),
    st.builds(lambda text, end: Comment("#" + text + end), st.text(alphabet='ab "#\t', max_size=9), BREAKS),
    st.builds(lambda text, end: Blank(text + end), BLANKS, BREAKS),
)


@st.composite
def trees(draw: st.DrawFn) -> Modelfile:
    nodes = draw(st.lists(NODES, max_size=8))
    for i, (one, other) in enumerate(pairwise(nodes)):
        if str(one).endswith("\r") and str(other) == "\n":
            nodes[i + 1] = Blank(" \n")  # the two would be one line break
    return Modelfile.of(nodes)


@given(trees())
def test_parsing_a_printed_tree_gives_the_tree(tree: Modelfile) -> None:
    assert parse(str(tree), require_from=False) == tree


@given(st.lists(commands(), max_size=8))
def test_parsing_printed_commands_gives_the_commands(given_commands: list[Command]) -> None:
    assert list(parse(print_modelfile(given_commands), require_from=False).commands) == given_commands


@given(st.one_of(st.binary(max_size=200), TRICKY.map(lambda text: f"FROM x\nSYSTEM {text}".encode())))
def test_any_bytes_parse_to_a_tree_that_prints_as_they_are_or_raise_our_error(source: bytes) -> None:
    try:
        tree = parse(source, require_from=False)
    except ModelfileSyntaxError as error:
        assert error.line >= 1
        assert error.column >= 1
        assert error.picture().startswith(str(error))
        return
    assert str(tree) == decode(source)
    assert parse(str(tree), require_from=False) == tree


def value_by_definition(text: str) -> tuple[str, int] | None:
    """The value and where it ends, by trying every line break in turn; None if it never closes."""
    for end, character in enumerate([*text, "\n"]):
        if character not in "\r\n":
            continue
        collected = text[:end].strip(WHITE_SPACE)
        if collected.startswith('"""'):
            if len(collected) >= 6 and collected.endswith('"""'):
                return collected[3:-3], end
        elif collected.startswith('"'):
            if len(collected) >= 2 and collected.endswith('"'):
                return collected[1:-1], end
        else:
            return collected, end
    return None


@given(TRICKY)
def test_a_value_ends_where_the_definition_says(text: str) -> None:
    scanned = scan_value(text, 0)

    assert ((scanned.value, scanned.end) if scanned.closed else None) == value_by_definition(text)


@given(trees())
def test_formatting_is_idempotent_and_keeps_the_meaning(tree: Modelfile) -> None:
    formatted = format_modelfile(tree)
    again = parse(formatted, require_from=False)

    assert format_modelfile(again) == formatted
    assert meaning(again) == meaning(tree)


def meaning(tree: Modelfile) -> tuple[list[Command], list[Command]]:
    """Parameters may move in front of other instructions; nothing else may change."""
    parameters = [command for command in tree.commands if command.word == "parameter"]
    return parameters, [command for command in tree.commands if command.word != "parameter"]


@given(st.one_of(st.binary(max_size=200), trees().map(lambda tree: str(tree).encode())))
def test_lint_never_fails(source: bytes) -> None:
    for finding in lint(source):
        assert finding.code[0] == finding.severity[0].upper()
        assert (finding.end_line, finding.end_column) > (finding.line, finding.column)


@given(trees())
def test_a_tree_builds_or_says_where_it_is_wrong(tree: Modelfile) -> None:
    try:
        built = build(parse(str(tree), require_from=False))
    except ModelfileSyntaxError as error:
        assert error.kind in ("UnknownParameter", "BadValue", "BadRequires")
        return
    assert [value for value in built.froms if value] == built.froms
