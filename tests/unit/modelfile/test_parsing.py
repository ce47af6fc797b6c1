"""What the numbered cases leave open: pictures of errors, suggestions, warnings, parameters, speed."""

from typing import Any

import pytest

from modelfile_grammar import (
    PARAMETERS,
    Command,
    ModelfileSyntaxError,
    ParameterError,
    build,
    check_parameter_value,
    format_command,
    parameter_commands,
    parse,
    parse_parameter,
    print_modelfile,
)


def failure(source: str) -> ModelfileSyntaxError:
    with pytest.raises(ModelfileSyntaxError) as caught:
        build(parse(source))
    return caught.value


def test_an_error_shows_the_line_a_caret_and_what_was_meant() -> None:
    error = failure("FROM foo\n  PARAMTER top_k 1\n")

    assert error.suggestion == "PARAMETER"
    assert error.picture().splitlines()[1:] == [
        "   2 |   PARAMTER top_k 1",
        "     |   ^~~~~~~~",
        "did you mean PARAMETER?",
    ]


def test_a_caret_stands_under_its_character_behind_tabs() -> None:
    error = failure("FROM foo\n\tMESSAGE bot hi\n")

    assert error.picture().splitlines()[1:3] == ["   2 | \tMESSAGE bot hi", "     | \t        ^~~"]
    assert error.expected == ("system", "user", "assistant")


@pytest.mark.parametrize(
    ("source", "suggestion"),
    [
        ("FROM x\nFORM y\n", "FROM"),
        ("FROM x\nPARAMETER temprature 1\n", "temperature"),
        ("FROM x\nPARAMETER Temperature 1\n", "temperature"),
        ("FROM x\nMESSAGE asistant hi\n", "assistant"),
        ("FROM x\nZZZZZ hi\n", None),
    ],
)
def test_near_misses_get_a_suggestion(source: str, suggestion: str | None) -> None:
    assert failure(source).suggestion == suggestion


def test_an_error_of_a_value_shows_its_line_too() -> None:
    assert "   2 | PARAMETER top_k many" in failure("FROM x\nPARAMETER top_k many\n").picture()


def test_a_file_without_from_parses_where_it_need_not_be_a_model() -> None:
    assert [command.word for command in parse("SYSTEM hi\n", require_from=False).commands] == ["system"]


def test_the_tree_keeps_every_character() -> None:
    source = '# c\r\n\n  fRoM\t foo  \r\nparameter   top_k  3\n \t\nSYSTEM """a\r\n"""  \n#end'

    assert str(parse(source)) == source


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"\xef\xbb\xbf" * 2, b"\xff\xfe", b"\xff\xfe" * 2, b"\xfe\xff"])
def test_marks_at_the_start_are_no_part_of_the_text(mark: bytes) -> None:
    encoding = {b"\xef": "utf-8", b"\xff": "utf-16-le", b"\xfe": "utf-16-be"}[mark[:1]]
    tree = parse(mark + "FROM x\n".encode(encoding))

    assert str(tree) == "FROM x\n"
    assert parse("\ufeffFROM x\n") == tree


def test_nodes_know_their_lines() -> None:
    tree = parse('# c\n\nFROM x\nSYSTEM """a\nb"""\nPARAMETER top_k 1\n')

    assert [(command.line, command.column) for command in tree.commands] == [(3, 1), (4, 1), (6, 1)]
    assert tree.commands[2].value_at == (6, 17)


def test_equal_files_in_other_spelling_have_equal_commands() -> None:
    assert parse('from "x"\nsystem """hi"""').commands == parse("FROM   x\n\n# c\nSYSTEM hi\n").commands


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("num_ctx", "+4096", 4096),
        ("seed", "-1", -1),
        ("num_predict", "9223372036854775807", 2**63 - 1),
        ("temperature", "1", 1.0),
        ("temperature", ".5", 0.5),
        ("top_p", "9e-1", 0.9),
        ("top_p", "0x1p-1", 0.5),
        ("use_mmap", "F", False),
        ("stop", "x", ["x"]),
        ("mirostat", "2", 2),
    ],
)
def test_parameters_read_by_their_type(name: str, text: str, value: object) -> None:
    read = parse_parameter(name, text)

    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("num_ctx", "5.0", "invalid int value [5.0]"),
        ("num_ctx", "0x10", "invalid int value [0x10]"),
        ("num_ctx", "1_000", "invalid int value [1_000]"),
        ("num_ctx", "9223372036854775808", "invalid int value [9223372036854775808]"),
        ("num_ctx", "", "invalid int value []"),
        ("temperature", "1e50", "invalid float value [1e50]"),
        ("temperature", "inf", "invalid float value [inf]"),
        ("temperature", "nan", "invalid float value [nan]"),
        ("temperature", " 1", "invalid float value [ 1]"),
        ("temperature", "١", "invalid float value [١]"),
        ("use_mmap", "yes", "invalid bool value [yes]"),
        ("mirostat", "x", "invalid int value [x]"),
        ("mirostat", "3", 'option "mirostat" is 3, but must be from 0 to 2'),
        ("repeat_penalty", "0", 'option "repeat_penalty" is 0.0, but must be more than 0'),
        ("num_keep", "-2", 'option "num_keep" is -2, but must be at least -1'),
        ("nope", "1", "unknown parameter 'nope'"),
    ],
)
def test_texts_of_the_wrong_type_are_refused(name: str, text: str, message: str) -> None:
    with pytest.raises(ParameterError) as caught:
        parse_parameter(name, text)

    assert str(caught.value) == message


@pytest.mark.parametrize("name", [p.name for p in PARAMETERS.values() if not p.honoured])
def test_what_does_nothing_may_have_any_value(name: str) -> None:
    """A436"""
    parse_parameter(name, "x")
    assert check_parameter_value(name, ["x"]) is None


def test_several_texts_make_a_list_of_stop_and_the_last_one_of_others() -> None:
    assert parse_parameter("stop", ["a", "b", "a"]) == ["a", "b", "a"]
    assert parse_parameter("seed", ["1", "2"]) == 2


def test_typed_parameters_print_as_texts_that_read_back() -> None:
    values: dict[str, Any] = {"num_ctx": 1048576, "temperature": 0.8, "top_p": 1.0, "min_p": 1e-05, "use_mmap": True}
    values["stop"] = ["a", ' "']

    printed = print_modelfile([Command("from", "x"), *parameter_commands(values)])

    assert build(parse(printed)).parameters == values
    assert "PARAMETER num_ctx 1048576\n" in printed


def test_defaults_are_of_their_parameters_type() -> None:
    types = {"int": int, "float": float, "bool": bool, "strings": tuple}
    for parameter in PARAMETERS.values():
        assert parameter.default is None or type(parameter.default) is types[parameter.type]


@pytest.mark.parametrize(
    ("text", "version"),
    [("1", "1"), ("v1.2", "1.2"), ("0.14.0", "0.14.0"), ("v1.2.3-rc.1+b.5", "1.2.3-rc.1+b.5")],
)
def test_versions_lose_their_v(text: str, version: str) -> None:
    assert build(parse(f"FROM x\nREQUIRES {text}\n")).requires == version


@pytest.mark.parametrize("text", ["01.2", "1.2-rc", "1.2.3.4", "v", "", "1.2.3-01", "vv1", "1.2.3-", "１"])
def test_other_texts_are_no_versions(text: str) -> None:
    assert failure(f"FROM x\nREQUIRES {text}\n").kind == "BadRequires"


def test_prompt_is_template_with_a_warning() -> None:
    built = build(parse("FROM x\nPROMPT {{ .Prompt }}\n"))

    assert built.template == "{{ .Prompt }}"
    assert [(warning.line, warning.text) for warning in built.warnings] == [(2, "PROMPT is an old word for TEMPLATE")]


def test_a_second_adapter_is_worth_a_warning() -> None:
    built = build(parse("FROM x\nADAPTER a\nADAPTER b\n"))

    assert built.adapters == ["a", "b"]
    assert [warning.line for warning in built.warnings] == [3]


def test_a_value_the_language_cannot_say_is_printed_under_a_comment() -> None:
    printed = print_modelfile([Command("from", "x"), Command("system", 'a"""\nb')])

    assert printed.splitlines()[1].startswith("# ")
    assert format_command(Command("system", 'a"""\nb')) == 'SYSTEM """a"""\nb"""'
