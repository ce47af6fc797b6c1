"""lint, fmt and render: one file per code, one layout, the exact prompt."""

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support import library

from modelfile_grammar import Command, parse, print_modelfile
from modelfile_grammar.formatter import format_modelfile
from modelfile_grammar.lint import Finding, lint
from pyollama.cli.main import run

CORPUS = [
    "FROM x\n",
    "from x",
    "# c\n\n\n  FROM   x\r\n\r\nSYSTEM hi\r\n",
    'FROM x\nSYSTEM "a\nb"\nPARAMETER top_k 1\nLICENSE MIT\n# about stop\nPARAMETER  stop "a b"\n\n\n# end\n',
    "PARAMETER top_k 1\n\n# free\n\nPARAMETER top_p 1\nFROM x\n# last",
    'FROM x\nMESSAGE User hi\nMESSAGE assistant """"q""""\nTEMPLATE """{{ .Prompt }}\n"""\n',
    'FROM "x"\nSYSTEM ""\nSYSTEM "\r"\nSYSTEM " x"\nPROMPT {{ .Prompt }}\n',
    "\ufeffFROM x\n\tSYSTEM \u00a0 y\n",
]


TURNS = "{{ range .Messages }}<|{{ .Role }}|>{{ .Content }}\n{{ end }}"
KNOWN = Path(__file__).parents[3] / "modelfile_grammar" / "known" / "texts"


class NoFiles:
    """Nothing is there, and every text that looks like a name is one."""

    def exists(self, value: str) -> bool | None:
        return value.endswith("here.gguf")

    def is_model_name(self, value: str) -> bool:
        return not value.startswith(".")

    def same(self, one: str, other: str) -> bool:
        return one.removeprefix("./") == other.removeprefix("./")

    def context_length(self, base: str) -> int | None:
        return 4096 if base == "./here.gguf" else None

    def bits_per_weight(self, base: str) -> float | None:
        return 2.6 if base == "./here.gguf" else None


CODES = [
    ("E001", "SYSTEM hi\n", 1),
    ("E002", "FROM x\nFORM y\n", 2),
    ("E002", "FROM x\nEMBED y\n", 2),
    ("E003", "FROM x\nMESSAGE tool hi\n", 2),
    ("E004", 'FROM x\nSYSTEM """hi\n', 2),
    ("E005", "FROM x\nPARAMETER nope 1\n", 2),
    ("E005", "FROM x\nPARAMETER top_k many\n", 2),
    ("E005", "FROM x\nPARAMETER num-ctx 1\n", 2),
    ("E006", "FROM ./gone.gguf\n", 1),
    ("E006", "FROM x\nADAPTER gone\n", 2),
    ("E007", "FROM x\nREQUIRES abc\n", 2),
    ("E008", "FROM ./here.gguf\nDRAFT here.gguf\n", 2),
    ("E009", "FROM x\nTEMPLATE {{ .Prompt\n", 2),
    ("E010", "FROM x\nSYSTEM\n", 2),
    ("E011", "FROM x\n" + "\n" * 50_000, 50_001),
    ("W101", "FROM x\nPARAMETER mirostat 1\n", 2),
    ("W101", "FROM x\nPROMPT {{ .Prompt }}\n", 2),
    ("W102", "FROM x\nSYSTEM a\nSYSTEM b\n", 3),
    ("W103", "FROM x\nTEMPLATE hello\n", 2),
    ("W104", "FROM ./here.gguf\nPARAMETER num_ctx 8192\n", 2),
    ("W105", "FROM x\nPARAMETER temperature -1\n", 2),
    ("W105", "FROM x\nPARAMETER top_p 1.5\n", 2),
    ("W106", 'FROM x\nPARAMETER stop ""\n', 2),
    ("W106", "FROM x\nPARAMETER stop a\nPARAMETER stop a\n", 3),
    ("W107", "FROM ./here.gguf\nADAPTER there.gguf here.gguf\n", 2),
    ("W108", 'FROM x\nSYSTEM """a""" b\n"""\n', 2),
    ("W109", "FROM x\nTEMPLATE {{ .Prompt }}{{ .Sytem }}\n", 2),
    ("W109", 'FROM x\nTEMPLATE """{{ range .Messages }}{{ .Content }}\n{{ $.Sytem }}{{ end }}"""\n', 3),
    ("W110", "FROM x\nTEMPLATE {{ range .Messages }}{{ .Contents }}{{ end }}\n", 2),
    ("W110", 'FROM x\nTEMPLATE """{{ range .Messages }}{{ range .ToolCalls }}\n{{ .Name }}{{ end }}{{ end }}"""\n', 3),
    ("W110", "FROM x\nTEMPLATE {{ .Prompt }}{{ if .Suffix }}{{ len 1 }}{{ end }}\n", 2),
    ("I201", "from x\n", 1),
    ("I201", "FROM x\n\n\nSYSTEM y\n", 3),
]


@pytest.mark.parametrize(("code", "source", "line"), CODES)
def test_each_code_is_found_alone_and_on_its_line(code: str, source: str, line: int) -> None:
    assert [(finding.code, finding.line) for finding in lint(source, NoFiles())] == [(code, line)]


@pytest.mark.parametrize("source", ["FROM x\n", 'FROM ./here.gguf\nPARAMETER num_ctx 4096\nSYSTEM """a\nb"""\n'])
def test_a_good_file_has_no_findings(source: str) -> None:
    assert lint(source, NoFiles()) == []


@pytest.mark.parametrize("path", sorted((KNOWN.parent / "templates").iterdir()), ids=lambda path: path.name)
def test_known_templates_have_no_findings(path: Path) -> None:
    assert lint(print_modelfile([Command("from", "x"), Command("template", path.read_text("utf-8"))])) == []


def test_a_misspelt_name_in_a_template_gets_a_suggestion_where_it_stands() -> None:
    (finding,) = lint("FROM x\nTEMPLATE {{ .Prompt }} {{ if .Sytem }}a{{ end }}\n")

    assert (finding.line, finding.column, finding.end_column, finding.fix) == (2, 30, 36, ".System")


def test_a_misspelt_field_of_a_message_gets_a_suggestion() -> None:
    (finding,) = lint("FROM x\nTEMPLATE {{ range .Messages }}{{ .Contnt }}{{ end }}\n")

    assert (finding.code, finding.line, finding.column, finding.end_column) == ("W110", 2, 34, 41)
    assert (finding.fix, finding.message.rpartition("; ")[2]) == (".Content", "did you mean .Content?")


def test_a_fix_is_offered_only_where_it_can_be_put() -> None:
    calls = "{{ range .Messages }}{{ range .ToolCalls }}{{ .Functin.Name }}{{ end }}{{ end }}"
    (finding,) = lint(f"FROM x\nTEMPLATE {calls}\n")

    assert (finding.code, finding.fix) == ("W110", None)
    assert finding.message.endswith("; did you mean .Function?")


def test_the_data_of_a_named_template_is_its_callers_business() -> None:
    template = '{{ .Prompt }}{{ define "t" }}{{ .X }}{{ $.Y }}{{ end }}{{ with .System }}{{ $.Prompt }}{{ end }}'
    assert lint(f"FROM x\nTEMPLATE {template}\n") == []


def test_all_lines_that_do_not_parse_are_reported() -> None:
    findings = lint("FORM x\nSYSTEM hi\nMESSAGE bot y\nPARAMETER top_k\n")

    assert [(finding.code, finding.line) for finding in findings] == [("E002", 1), ("E003", 3), ("E010", 4)]


def test_an_unknown_instruction_lists_the_valid_ones_nearest_first() -> None:
    (finding,) = lint("FROM x\nPARAMTER y 1\n")

    assert finding.message.startswith("unknown instruction PARAMTER: PARAMETER, ")
    assert finding.fix == "PARAMETER"


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [
        ("FROM x\nTEMPLATE {{ foo }}{{ .Prompt }}\n", 2, 13),
        ('FROM x\nTEMPLATE """{{ foo }}"""\n', 2, 16),
        ('FROM x\nTEMPLATE """\n{{ .Prompt }}\n  {{ foo }}"""\n', 4, 6),
    ],
)
def test_a_template_error_is_placed_inside_the_file(source: str, line: int, column: int) -> None:
    (finding,) = lint(source)

    assert (finding.code, finding.line, finding.column) == ("E009", line, column)


@pytest.mark.parametrize("source", CORPUS)
def test_formatting_is_idempotent_and_keeps_what_the_file_says(source: str) -> None:
    formatted = format_modelfile(parse(source))

    assert format_modelfile(parse(formatted)) == formatted
    assert sorted(map(said, parse(formatted).commands)) == sorted(map(said, parse(source).commands))
    assert not [finding for finding in lint(formatted) if finding.code == "I201"]


def said(command: Command) -> tuple[str, str, str]:
    return command.word, command.name or command.role or "", command.value


def test_the_canonical_form() -> None:
    source = "# head\nfrom   x\n\n\n  SYSTEM \"a\nb\"\nparameter top_k  1\nLICENSE 'MIT'  \n"
    source += '  # why\nPARAMETER stop "a"\n#end'

    assert format_modelfile(parse(source)) == (
        '# head\nFROM x\n\nSYSTEM """a\nb"""\nPARAMETER top_k 1\n# why\nPARAMETER stop "a"\nLICENSE \'MIT\'\n#end\n'
    )


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ('"a"', '"a"'),
        ("a", "a"),
        ('"""a"""', '"a"'),
        ('""', '""'),
        ('" a "', '" a "'),
        ('"say "hi""', 'say "hi"'),
        ('say "hi"', 'say "hi"'),
        ('""""a"""', '""""a"""'),
    ],
)
def test_quotes_stay_where_they_were(written: str, kept: str) -> None:
    assert format_modelfile(parse(f"FROM x\nSYSTEM {written}\n")) == f"FROM x\nSYSTEM {kept}\n"


@dataclass
class Outcome:
    code: int
    out: str
    err: str


Tool = Callable[..., Outcome]


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tool:
    """Runs one command line in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "models"))

    def call(*args: str, given: str = "") -> Outcome:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
        capsys.readouterr()
        code = run(args)
        return Outcome(code, *capsys.readouterr())

    return call


def test_lint_prints_a_line_each_and_a_count(tool: Tool) -> None:
    Path("Modelfile").write_text("FROM x\nPARAMETER mirostat 1\nSYSTEM a\nSYSTEM b\n")

    outcome = tool("lint")

    assert outcome.out.splitlines() == [
        "Modelfile:2:11: warning W101 parameter mirostat is deprecated and has no effect",
        "Modelfile:4:1: warning W102 SYSTEM is given more than once; the last one counts",
        "0 errors, 2 warnings, 0 infos",
    ]
    assert outcome.code == 0
    assert tool("lint", "--strict").code == 5


def test_lint_exits_with_5_on_errors(tool: Tool) -> None:
    assert tool("lint", "-", given="SYSTEM x\n").code == 5
    assert tool("lint", "-", "--offline", given="FROM x\n").code == 0
    assert tool("lint", "gone").code == 3


def test_lint_as_json_has_the_documented_fields(tool: Tool) -> None:
    outcome = tool("lint", "-", "--json", given="FROM x\nFORM y\n")

    (finding,) = json.loads(outcome.out)
    fields = ["file", "line", "column", "end_line", "end_column", "severity", "code", "message", "fix"]
    assert list(finding) == fields
    assert (finding["file"], finding["line"], finding["end_column"], finding["fix"]) == ("-", 2, 5, "FROM")


def test_lint_looks_for_local_files(tool: Tool) -> None:
    Path("there.gguf").write_bytes(b"not a model")

    assert tool("lint", "-", given="FROM ./there.gguf\n").code == 0
    outcome = tool("lint", "-", given="FROM ./gone.gguf\nADAPTER ./gone\n")
    assert [line.split()[2] for line in outcome.out.splitlines()[:-1]] == ["E006", "E006"]


def test_fmt_prints_checks_shows_and_writes(tool: Tool) -> None:
    Path("Modelfile").write_text("from x\n")

    assert tool("fmt") == Outcome(0, "FROM x\n", "")
    assert tool("fmt", "--check") == Outcome(5, "Modelfile\n", "")
    difference = tool("fmt", "--diff", "--check")
    assert difference.code == 5
    assert "-from x\n+FROM x\n" in difference.out
    assert Path("Modelfile").read_text() == "from x\n"
    assert tool("fmt", "--write") == Outcome(0, "", "")
    assert Path("Modelfile").read_text() == "FROM x\n"
    assert tool("fmt", "--check") == Outcome(0, "", "")
    assert tool("fmt", "--diff") == Outcome(0, "", "")


def test_fmt_reads_standard_input_and_refuses_what_does_not_parse(tool: Tool) -> None:
    assert tool("fmt", "-", given="from   x") == Outcome(0, "FROM x\n", "")
    wrong = tool("fmt", "-", given="FORM x\n")
    assert wrong.code == 1
    assert "did you mean FROM?" in wrong.err


def test_render_shows_the_exact_prompt(tool: Tool) -> None:
    Path("Modelfile").write_text(f'FROM x\nSYSTEM be kind\nMESSAGE user before\nTEMPLATE """{TURNS}"""\n')
    messages: list[Any] = [{"role": "assistant", "content": "hi"}, {"role": "user", "content": "b", "images": ["QQ=="]}]
    Path("chat.json").write_text(json.dumps(messages))

    outcome = tool("render", "-f", "Modelfile", "--messages", "chat.json")
    assert outcome == Outcome(0, "<|system|>be kind\n<|user|>before\n<|assistant|>hi\n<|user|>[img-0]b\n", "")
    outcome = tool("render", "-f", "Modelfile", "--messages", "-", "--json", given=json.dumps({"messages": messages}))
    assert json.loads(outcome.out) == "<|system|>be kind\n<|user|>before\n<|assistant|>hi\n<|user|>[img-0]b\n"
    assert tool("render", "-f", "Modelfile", "--prompt", "yo", "--system", "").out == "<|user|>before\n\nyo\n"


def test_render_shows_the_tools_of_a_conversation(tool: Tool) -> None:
    Path("Modelfile").write_text("FROM x\nTEMPLATE {{ range .Messages }}{{ end }}{{ .Tools }}\n")
    tools = [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {}}}]

    outcome = tool("render", "-f", "Modelfile", "--messages", "-", given=json.dumps({"messages": [], "tools": tools}))

    assert [one["function"]["name"] for one in json.loads(outcome.out)] == ["f"]


def test_render_thinks_as_the_model_can(tool: Tool) -> None:
    shows = "{{ range .Messages }}{{ if .Thinking }}<t>{{ .Thinking }}</t>{{ end }}{{ end }}{{ .ThinkLevel }}"
    Path("Modelfile").write_text(f"FROM x\nTEMPLATE {shows}\n")

    assert tool("render", "-f", "Modelfile", "--prompt", "a").out == "medium"
    assert tool("render", "-f", "Modelfile", "--prompt", "a", "--think", "high").out == "high"
    assert tool("render", "-f", "Modelfile", "--prompt", "a", "--think", "false").out == ""
    assert tool("render", "-f", "Modelfile", "--think", "deeply").code == 2
    Path("Modelfile").write_text("FROM x\nTEMPLATE {{ .Prompt }}\n")
    outcome = tool("render", "-f", "Modelfile", "--prompt", "a", "--think", "high")
    assert (outcome.code, outcome.err) == (1, 'Error: "Modelfile" does not support thinking\n')


def test_the_name_of_a_parser_claims_nothing(tool: Tool) -> None:
    """A443, D35: the chat template in the file decides, and this one cannot think."""
    Path("weights.gguf").write_bytes(library.tiny_gguf({"tokenizer.chat_template": "{{ messages }}"}))
    Path("Modelfile").write_text("FROM ./weights.gguf\nPARSER qwen3\nTEMPLATE {{ .Prompt }} {{ .ThinkLevel }}\n")

    outcome = tool("render", "-f", "Modelfile", "--prompt", "hi", "--think", "high")

    assert outcome == Outcome(1, "", 'Error: "Modelfile" does not support thinking\n')


def test_a_named_parser_needs_a_chat_template_in_the_file(tool: Tool) -> None:
    """D35"""
    Path("weights.gguf").write_bytes(library.tiny_gguf({}))
    Path("Modelfile").write_text("FROM ./weights.gguf\nPARSER qwen3\nTEMPLATE {{ .Prompt }}\n")

    outcome = tool("render", "-f", "Modelfile", "--prompt", "hi")

    assert (outcome.code, outcome.out, "qwen3" in outcome.err) == (1, "", True)


def test_render_takes_what_a_modelfile_leaves_to_a_file(tool: Tool) -> None:
    chatml = (KNOWN / "chatml.1.jinja").read_text("utf-8")
    Path("weights.gguf").write_bytes(library.tiny_gguf({"tokenizer.chat_template": chatml}))
    Path("Modelfile").write_text("FROM ./weights.gguf\nSYSTEM be kind\n")

    outcome = tool("render", "-f", "Modelfile", "--prompt", "hi")

    system, user = "<|im_start|>system\nbe kind<|im_end|>\n", "<|im_start|>user\nhi<|im_end|>\n"
    assert outcome == Outcome(0, f"{system}{user}<|im_start|>assistant\n", "")
    Path("weights.gguf").write_bytes(b"GGUF")
    outcome = tool("render", "-f", "Modelfile", "--prompt", "hi")
    assert outcome.code == 1
    assert "weights.gguf" in outcome.err


def test_render_fills_in_between_prompt_and_suffix(tool: Tool) -> None:
    Path("Modelfile").write_text("FROM x\nTEMPLATE <PRE>{{ .Prompt }}<SUF>{{ .Suffix }}<MID>\n")

    outcome = tool("render", "-f", "Modelfile", "--prompt", "a", "--suffix", "b")

    assert outcome.out == "<PRE>a<SUF>b<MID>"
    Path("Modelfile").write_text("FROM x\nTEMPLATE {{ .Prompt }}\n")
    assert "does not support insert" in tool("render", "-f", "Modelfile", "--prompt", "a", "--suffix", "b").err


def test_render_says_what_is_missing(tool: Tool) -> None:
    assert tool("render").code == 2
    assert tool("render", "nothing", "-f", "Modelfile").code == 2
    assert tool("render", "nothing").code == 3
    assert tool("render", "-f", "gone").code == 3
    Path("Modelfile").write_text("FROM x\nTEMPLATE {{ .Prompt | nope }}\n")
    assert tool("render", "-f", "Modelfile").err == 'Error: template: :1: function "nope" not defined\n'
    Path("Modelfile").write_text("FROM x\nTEMPLATE {{ .Prompt }}\n")
    for text, complaint in (("{", "line 1 column 2"), ('[{"role": 5}]', "$[0].role"), ("3", "array")):
        Path("chat.json").write_text(text)
        outcome = tool("render", "-f", "Modelfile", "--messages", "chat.json")
        assert outcome.code == 3
        assert outcome.err.startswith("Error: chat.json: ") and complaint in outcome.err


def test_a_finding_without_a_fix_has_no_such_field() -> None:
    assert "fix" not in Finding(1, 1, 1, 2, "error", "E001", "no FROM line").to_dict("f")
