"""The numbered cases of the Modelfile language, each by its number."""

from typing import Any

import pytest

from modelfile_grammar import Command, ModelfileSyntaxError, build, parameter_commands, parse, print_modelfile

Said = tuple[str, ...]


def said(source: bytes | str) -> list[Said]:
    """What a file says: word, then the name or role if there is one, then the value."""
    commands = parse(source).commands
    return [tuple(part for part in (c.word, c.name, c.role, c.value) if part is not None) for c in commands]


def param(number: str, *values: Any) -> Any:
    return pytest.param(*values, id=number)


FOO = ("from", "foo")

COMMANDS = [
    param("1", "FROM llama3.2\n", [("from", "llama3.2")]),
    param("2", "from llama3.2", [("from", "llama3.2")]),
    param("3", "  \tFrOm   llama3.2  \t \n", [("from", "llama3.2")]),
    param("4", "FROM a b  c\n", [("from", "a b  c")]),
    param("5", 'FROM "a  b "\n', [("from", "a  b ")]),
    param("6", "FROM foo # not a comment\n", [("from", "foo # not a comment")]),
    param("7", "# c1\n  # c2\n#FROM no\nFROM foo\n", [FOO]),
    param("8", "FROM\tfoo\n", [FOO]),
    param("9", "FROM foo\nSYSTEM hello\tworld\n", [FOO, ("system", "hello\tworld")]),
    param(
        "10",
        'FROM foo\nSYSTEM """a\nb"""\nPARAMETER top_k 3\n',
        [FOO, ("system", "a\nb"), ("parameter", "top_k", "3")],
    ),
    param("11", 'FROM foo\nSYSTEM """a\nb"""   \n', [FOO, ("system", "a\nb")]),
    param("12", 'FROM foo\nSYSTEM "line1\nline2"\n', [FOO, ("system", "line1\nline2")]),
    param("13", 'FROM foo\nSYSTEM "he said "hi""\n', [FOO, ("system", 'he said "hi"')]),
    param("14", 'FROM foo\nSYSTEM "a" b\nPARAMETER stop "x"\n', [FOO, ("system", 'a" b\nPARAMETER stop "x')]),
    param("15", 'FROM foo\nSYSTEM say "hi"\n', [FOO, ("system", 'say "hi"')]),
    param("16", "FROM foo\nSYSTEM '''a'''\n", [FOO, ("system", "'''a'''")]),
    param("17", 'FROM foo\nSYSTEM ""\n', [FOO, ("system", "")]),
    param("18", 'FROM foo\nSYSTEM """"""\n', [FOO, ("system", "")]),
    param("19", 'FROM foo\nSYSTEM """\na """ b\n"""\n', [FOO, ("system", '\na """ b\n')]),
    param("20", 'FROM foo\nTEMPLATE """{{ .Prompt }}\\n"""\n', [FOO, ("template", "{{ .Prompt }}\\n")]),
    param("21", 'FROM foo\nSYSTEM """  keep  """\n', [FOO, ("system", "  keep  ")]),
    param("22", 'FROM foo\nSYSTEM """\nFROM bar\n# x\n"""\n', [FOO, ("system", "\nFROM bar\n# x\n")]),
    param("23", 'FROM foo\nSYSTEM """a"b""""\n', [FOO, ("system", 'a"b"')]),
    param("24", 'FROM foo\nSYSTEM "a"""\n', [FOO, ("system", 'a""')]),
    param("25", 'FROM foo\nSYSTEM "a\\"b"\n', [FOO, ("system", 'a\\"b')]),
    param("28", "PARAMETER temperature 1\nFROM foo", [("parameter", "temperature", "1"), FOO]),
    param(
        "29",
        'FROM foo\r\nPARAMETER top_k 3\r\nSYSTEM """a\r\nb"""\r\n',
        [FOO, ("parameter", "top_k", "3"), ("system", "a\r\nb")],
    ),
    param(
        "30",
        'FROM foo\nMESSAGE user hi: there\nMESSAGE assistant """x\ny"""\n',
        [FOO, ("message", "user", "hi: there"), ("message", "assistant", "x\ny")],
    ),
    param("31", 'FROM foo\nLICENSE MIT\nLICENSE """\nfull\n"""\n', [FOO, ("license", "MIT"), ("license", "\nfull\n")]),
    param(
        "33",
        "FROM foo\nDRAFT ./d\nRENDERER r\nPARSER p\nREQUIRES v0.14.0\nADAPTER ./a\n",
        [FOO, ("draft", "./d"), ("renderer", "r"), ("parser", "p"), ("requires", "v0.14.0"), ("adapter", "./a")],
    ),
    param("34", b"\xef\xbb\xbfFROM foo\n", [FOO]),
    param("35", b"\xff\xfe" + "FROM foo\nSYSTEM 你\n".encode("utf-16-le"), [FOO, ("system", "你")]),
    param("36", b"\xfe\xff" + "FROM foo\n".encode("utf-16-be"), [FOO]),
    param("37", b"FROM foo\nSYSTEM \xff\n", [FOO, ("system", "\ufffd")]),
    param("38", "FROM foo\nSYSTEM a\u00a0b\u200dc\n", [FOO, ("system", "a\u00a0b\u200dc")]),
    param("39", "\u00a0FROM foo\n", [FOO]),
    param("40", "FROM foo\nSYSTEM \n", [FOO, ("system", "")]),
    param("41", "FROM a\nFROM b\n", [("from", "a"), ("from", "b")]),
    param("42", "FROM foo\nPARAMETER  temperature 1\n", [FOO, ("parameter", "temperature", "1")]),
    param("43", "FROM foo\nMESSAGE User hi\n", [FOO, ("message", "user", "hi")]),
]


@pytest.mark.parametrize(("source", "expected"), COMMANDS)
def test_a_file_says_the_numbered_commands(source: bytes | str, expected: list[Said]) -> None:
    assert said(source) == expected


BUILDS = [
    param("10", 'FROM foo\nSYSTEM """a\nb"""\nPARAMETER top_k 3\n', {"parameters": {"top_k": 3}}),
    param("14", 'FROM foo\nSYSTEM "a" b\nPARAMETER stop "x"\n', {"parameters": {}}),
    param("26", 'FROM foo\nPARAMETER stop <a>\nPARAMETER stop " <b> "\n', {"parameters": {"stop": ["<a>", " <b> "]}}),
    param(
        "27", "FROM foo\nPARAMETER temperature 0.5\nPARAMETER temperature 0.7\n", {"parameters": {"temperature": 0.7}}
    ),
    param("28", "PARAMETER temperature 1\nFROM foo", {"froms": ["foo"], "parameters": {"temperature": 1.0}}),
    param("29", 'FROM foo\r\nPARAMETER top_k 3\r\nSYSTEM """a\r\nb"""\r\n', {"parameters": {"top_k": 3}}),
    param(
        "30",
        'FROM foo\nMESSAGE user hi: there\nMESSAGE assistant """x\ny"""\n',
        {"messages": [("user", "hi: there"), ("assistant", "x\ny")]},
    ),
    param("31", 'FROM foo\nLICENSE MIT\nLICENSE """\nfull\n"""\n', {"licenses": ["MIT", "\nfull\n"]}),
    param("32", "FROM foo\nTEMPLATE {{ .Prompt }}\nTEMPLATE x\n", {"template": "x"}),
    param(
        "33",
        "FROM foo\nDRAFT ./d\nRENDERER r\nPARSER p\nREQUIRES v0.14.0\nADAPTER ./a\n",
        {"drafts": ["./d"], "renderer": "r", "parser": "p", "requires": "0.14.0", "adapters": ["./a"]},
    ),
    param("41", "FROM a\nFROM b\n", {"froms": ["a", "b"]}),
    param("42", "FROM foo\nPARAMETER  temperature 1\n", {"parameters": {"temperature": 1.0}}),
    param("62", "FROM foo\nPARAMETER tfs_z 1.0\nPARAMETER num_gqa 8\nPARAMETER mirostat 2\n", {"parameters": {}}),
    param("63", "FROM foo\nPARAMETER use_mmap T\n", {"parameters": {"use_mmap": True}}),
]


@pytest.mark.parametrize(("source", "expected"), BUILDS)
def test_a_file_builds_the_numbered_values(source: str, expected: dict[str, Any]) -> None:
    built = build(parse(source))

    assert {name: getattr(built, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        param("14", 'FROM foo\nSYSTEM "a" b\nPARAMETER stop "x"\n', [2]),
        param("62", "FROM foo\nPARAMETER tfs_z 1.0\nPARAMETER num_gqa 8\nPARAMETER mirostat 2\n", [2, 3, 4]),
    ],
)
def test_a_file_warns_at_the_numbered_lines(source: str, lines: list[int]) -> None:
    assert [warning.line for warning in build(parse(source)).warnings] == lines


ONE_OF = (
    'command must be one of "from", "license", "template", "system", "adapter", "draft", "renderer", "parser", '
    '"parameter", "message", or "requires"'
)
ROLES = 'message role must be one of "system", "user", or "assistant"'
UNTERMINATED = "unexpected EOF: quoted value is not closed"
EMBED = "deprecated command: EMBED is no longer supported, use the /embed API endpoint instead"

ERRORS = [
    param("44", "FROM foo\nBAD x\n", "UnknownInstruction", (2, 1), ONE_OF),
    param("45", "FROM foo\r\n  BAD x\r\n", "UnknownInstruction", (2, 3), ONE_OF),
    param("46", "FROM foo\nFROM2 x\n", "UnknownInstruction", (2, 1), ONE_OF),
    param("47", "FROM foo\nSYSTEM\n", "MissingValue", (2, 7), "unexpected EOF: SYSTEM has no value"),
    param(
        "48", "FROM foo\nPARAMETER temperature\n", "MissingValue", (2, 22), "unexpected EOF: temperature has no value"
    ),
    param("49", "FROM foo\nPARAMETER temperature", "MissingValue", (2, 22), "unexpected EOF: temperature has no value"),
    param(
        "50",
        "FROM foo\nPARAMETER num-ctx 1\n",
        "BadParameterName",
        (2, 14),
        "unexpected EOF: invalid character in parameter name",
    ),
    param("51", "FROM foo\nMESSAGE tool hi\n", "BadRole", (2, 9), ROLES),
    param("52", "FROM foo\nMESSAGE user: hi\n", "BadRole", (2, 9), ROLES),
    param("53", "FROM foo\nMESSAGE user\n", "MissingValue", (2, 13), "unexpected EOF: user has no value"),
    param("54", 'FROM foo\nSYSTEM """abc\n', "Unterminated", (2, 8), UNTERMINATED),
    param("55", 'FROM foo\nSYSTEM """abc""\n', "Unterminated", (2, 8), UNTERMINATED),
    param("56", 'FROM foo\nSYSTEM "abc\nPARAMETER top_k 1\n', "Unterminated", (2, 8), UNTERMINATED),
    param("57", 'FROM foo\nSYSTEM """a""" trailing\n', "Unterminated", (2, 8), UNTERMINATED),
    param("58a", "SYSTEM hi\n", "NoFrom", (1, 1), "no FROM line"),
    param("58b", "", "NoFrom", (1, 1), "no FROM line"),
    param("58c", "# only\n", "NoFrom", (1, 1), "no FROM line"),
    param("59", "FROM \n", "MissingValue", (1, 5), "unexpected EOF: FROM has no value"),
    param("60", "FROM foo\nPARAMETER top_k 1.5\n", "BadValue", (2, 17), "invalid int value [1.5]"),
    param("61", "FROM foo\nPARAMETER Temperature 1\n", "UnknownParameter", (2, 11), "unknown parameter 'Temperature'"),
    param("64", "FROM foo\nREQUIRES abc\n", "BadRequires", (2, 10), "requires must be a valid semver (e.g. 0.14.0)"),
    param("65", "FROM foo\nEMBED ./x\n", "UnknownInstruction", (2, 1), EMBED),
    param("66", "FROM foo\nSYSTEM a\\\nb x\n", "UnknownInstruction", (3, 1), ONE_OF),
]


@pytest.mark.parametrize(("source", "kind", "at", "message"), ERRORS)
def test_a_file_fails_as_numbered(source: str, kind: str, at: tuple[int, int], message: str) -> None:
    with pytest.raises(ModelfileSyntaxError) as caught:
        build(parse(source))

    error = caught.value
    assert (error.kind, (error.line, error.column), error.message) == (kind, at, message)
    assert str(error) == f"(line {at[0]}, column {at[1]}): {message}"


PRINTS = [
    param("67", [Command("from", "foo"), Command("parameter", '"x', name="stop")], 'PARAMETER stop """"x"""'),
    param("68", [Command("from", "foo"), Command("system", " a")], 'SYSTEM " a"'),
    param("69", [Command("from", "foo"), Command("system", 'a\n"b"')], 'SYSTEM """a\n"b""""'),
    param("70", [Command("from", "foo"), *parameter_commands({"num_ctx": 1048576})], "PARAMETER num_ctx 1048576"),
]


@pytest.mark.parametrize(("commands", "expected"), PRINTS)
def test_commands_print_as_numbered_and_read_back(commands: list[Command], expected: str) -> None:
    printed = print_modelfile(commands)

    assert printed == f"FROM foo\n{expected}\n"
    assert list(parse(printed).commands) == commands
