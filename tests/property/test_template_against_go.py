"""Our engine and Go's own text/template, on the same generated templates: the same bytes, or both fail."""

import base64
import json
import os
import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from modelfile_grammar.template import Limits, Template, TemplateError, TemplateSyntaxError
from modelfile_grammar.template.gotext.quoting import to_text
from modelfile_grammar.template.machine import Machine
from modelfile_grammar.template.program import Program
from modelfile_grammar.template.provenance import fragments

REFERENCE = Path(__file__).parent.parent / "go_reference"
TODAY = date(2026, 8, 21)
BATCH = 500
BATCHES = int(os.environ.get("PYOLLAMA_GO_BATCHES", "8"))

pytestmark = pytest.mark.skipif(shutil.which("go") is None, reason="go is not installed")

STRINGS = ["hi", "", "a b", "<a & 'b'>", "é☃", "x\ny", '"q"', "😀z", "\u00a0\u200b", "tab\t", "\\", "{{", "100%"]
FLOATS = [0.0, 1.5, -2.25, 1000000.0, 123456.5, 1e-5, 1e21, 3.0, 0.1, 1e-7, -0.0, 2.5e15, 1e100]
INTEGERS = [0, 1, 2, 3, -1, 97, 300, -1114112, -(2**63)]  # small above zero, because range counts up to them
LARGE = ["1114112", "55296", "1099511627776", "9223372036854775807", "-300", "8232"]
FIELDS = ["S", "E", "N", "Z", "F", "T", "B", "L", "EL", "M", "LM", "Q", "U", "nul", "NL", "FL", "Missing"]
FUNCTIONS = ["and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "index", "slice", "print", "println"]
FUNCTIONS += ["printf", "html", "js", "urlquery", "json", "currentDate", "toTypeScriptType", "yesterdayDate", "call"]
VARIABLES = ["$", "$x", "$y", "$i", "$v"]
CONSTANTS = ["0", "1", "2", "-1", "3", "1.5", "1e3", "0x1F", "1_000", "'a'", "'\\n'", "true", "false", "nil", "0.1"]
CONSTANTS += ["007", "1e21", "0b101", "0x1p4", "'☃'", "18446744073709551615", "08", "1.0"]
LITERALS = ['"x"', '""', '"b"', "`raw`", '"\\u00e9\\x41"', '"%v"', '"\\xff"', '"a\\tb"', '"é"', '"K"', '"a"']
INDEXED = ["index .L 0", "index .LM 1", "index .M", "index .S 0", "index .NL 1", "index .U 9", 'index .M "a"']
VERBS = "vvvsdqtfgexcUXTbo"


class Maker:
    """Makes templates and data from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.known = ["$"]
        self.calls = ['template "t" .', 'template "t"', "break"]

    def data(self) -> dict[str, Any]:
        pick = self.random.choice
        return {
            "S": pick(STRINGS),
            "E": "",
            "N": pick(INTEGERS[:7]),
            "Z": 0,
            "F": pick(FLOATS),
            "T": True,
            "B": False,
            "L": [pick(STRINGS) for _ in range(self.random.randrange(1, 4))],
            "EL": [],
            "M": {"b": self.value(), "a": self.value(), "K": 1},
            "LM": [{"K": pick(STRINGS)}, {"K": self.value()}],
            "Q": "<a & 'b'>",
            "U": pick(["é☃", "日本", "\u2028<\u007f", "😀"]),
            "nul": None,
            "NL": [self.value(), None, "x"],
            "FL": [pick(FLOATS), pick(INTEGERS)],
        }

    def value(self, depth: int = 0) -> Any:
        pick = self.random.choice
        kind = self.random.randrange(8 if depth < 2 else 6)
        if kind == 6:
            return [self.value(depth + 1) for _ in range(self.random.randrange(3))]
        if kind == 7:
            return {pick("abcK"): self.value(depth + 1) for _ in range(self.random.randrange(3))}
        return [pick(STRINGS), pick(INTEGERS), pick(FLOATS), True, None, pick(STRINGS)][kind]

    def template(self) -> str:
        text = self.items(0)
        if self.random.random() < 0.3:
            self.known, self.calls = ["$"], ["break"]  # no recursion: Go goes 100000 levels deep before it gives up
            text += '{{ define "t" }}' + self.items(2) + "{{ end }}"
        if self.random.random() < 0.15:
            text = self.mutated(text)
        return text

    def mutated(self, text: str) -> str:
        for _ in range(self.random.randrange(1, 3)):
            at = self.random.randrange(len(text) + 1)
            kind = self.random.randrange(3)
            if kind == 0:
                text = text[:at] + text[at + 1 :]
            elif kind == 1:
                text = text[:at] + self.random.choice("{}()|.$:=,-/*\"'` \n#ax0é}") + text[at:]
            else:
                text = text[:at] + self.random.choice(["{{", "}}", " -}}", "{{- ", "{{end}}", "{{else}}"]) + text[at:]
        return text

    def items(self, depth: int) -> str:
        return "".join(self.item(depth) for _ in range(self.random.randrange(1, 4)))

    def item(self, depth: int) -> str:
        kind = self.random.randrange(20)
        if kind < 5:
            return self.random.choice(["text", " ", "\n", " x ", "}}", "a\n\n b", "é", "{", "\t"])
        if kind < 12 or depth > 3:
            return self.action(self.pipe(depth))
        if kind < 14:
            name, value = self.random.choice(VARIABLES[1:]), self.pipe(depth)
            self.known.append(name)
            return self.action(f"{name} {self.random.choice([':=', ':=', '='])} {value}")
        if kind == 14:
            return self.action(self.random.choice(["/* c */", "/* c */", *self.calls]))
        return self.block(depth)

    def block(self, depth: int) -> str:
        word = self.random.choice(["if", "if", "with", "range", "range", "block"])
        head, mark = self.pipe(depth), len(self.known)
        text = self.rest_of_block(depth, word, head)
        del self.known[mark:]
        return text

    def rest_of_block(self, depth: int, word: str, head: str) -> str:
        outside = self.known
        if word == "block":
            self.known = ["$"]
            head = f'"b{self.random.randrange(99)}" {head}'
        elif word == "range" and self.random.random() < 0.5:
            names = self.random.choice(["$v := ", "$i, $v := ", "$i, $v := ", "$x, $y = "])
            head = names + head
            self.known += re.findall(r"\$\w+", names)
        elif self.random.random() < 0.2:
            head = "$x := " + head
            self.known.append("$x")
        text = self.action(f"{word} {head}") + self.items(depth + 1)
        if word == "range" and self.random.random() < 0.3:
            text += self.action(f"if {self.pipe(depth)}") + self.action(self.random.choice(["break", "continue"]))
            text += "{{ end }}" + self.items(depth + 1)
        if word in ("if", "with") and self.random.random() < 0.3:
            text += self.action(f"else {word} {self.pipe(depth)}") + self.items(depth + 1)
        if word != "block" and self.random.random() < 0.4:
            text += self.action("else") + self.items(depth + 1)
        self.known = outside
        return text + self.action("end")

    def action(self, inside: str) -> str:
        left = self.random.choice(["{{ ", "{{", "{{ ", "{{- ", "{{\n"])
        right = self.random.choice([" }}", "}}", " }}", " -}}", "\n}}"])
        if inside.startswith("/*"):
            left, right = left.strip() + (" " if "-" in left else ""), (" " if "-" in right else "") + right.strip()
        return left + inside + right

    def pipe(self, depth: int) -> str:
        stages = [self.command(depth, first=True)]
        while self.random.random() < 0.2:
            stages.append(self.command(depth, first=False))
        return self.random.choice([" | ", "|"]).join(stages)

    def command(self, depth: int, *, first: bool) -> str:
        if first and self.random.random() < 0.5:
            return self.operand(depth)
        name = self.random.choice(FUNCTIONS)
        if name == "printf":
            return self.printf(depth)
        counts = {"not": 1, "len": 1, "json": 1, "index": 2, "slice": 2, "toTypeScriptType": 1, "currentDate": 0}
        count = counts.get(name, 2) - (not first)
        if self.random.random() < 0.1:
            count = self.random.randrange(4)
        if name == "slice":
            return " ".join([name, *[f".{self.random.choice('LSUMN')}"][:count], *["0", "1", "2", "9"][: count - 1]])
        if name == "index" and first:
            return self.random.choice(INDEXED)
        return " ".join([name, *[self.operand(depth) for _ in range(count)]])

    def printf(self, depth: int) -> str:
        verbs = [self.verb() for _ in range(self.random.randrange(3))]
        count = max(0, len(verbs) + self.random.choice([0, 0, 0, -1, 1]))
        arguments = [
            self.operand(depth) if self.random.random() < 0.8 else self.random.choice(LARGE) for _ in range(count)
        ]
        return " ".join(['printf "' + self.random.choice(["", " ", "-"]).join(verbs) + '"', *arguments])

    def verb(self) -> str:
        flags = "".join(self.random.sample("+-# 0", self.random.choice([0, 0, 0, 1, 2])))
        width = self.random.choice(["", "", "", "5", "12", "*", "[1]", "[2]*"])
        precision = self.random.choice(["", "", "", ".2", ".0", ".", ".*", ".10"])
        return "%" + flags + width + precision + self.random.choice([*VERBS, "%", "E", "G", "x", "z", "O", "F"])

    def operand(self, depth: int) -> str:
        kind = self.random.randrange(12)
        pick = self.random.choice
        if kind < 5:
            return "." + pick(FIELDS) + (f".{pick(['K', 'a', 'Z'])}" if self.random.random() < 0.15 else "")
        if kind == 5:
            return "."
        if kind < 8:
            name = pick(VARIABLES if self.random.random() < 0.02 else self.known)
            return name + (f".{pick(FIELDS)}" if self.random.random() < 0.2 else "")
        if kind == 8:
            return pick(CONSTANTS)
        if kind == 9:
            return pick(LITERALS)
        if depth < 3:
            return f"({self.pipe(depth + 2)})" + (f".{pick(['K', 'a'])}" if self.random.random() < 0.2 else "")
        return pick(LITERALS)


# What docs/reference/template.md lists as different on purpose.
DIFFERENT = [
    re.compile(r"\d[0-9a-fA-FxXoObBpP_.+-]*i\b"),  # complex constants
    re.compile(r"range\s+\$\w*\s*,\s*\$\w*\s*[^\s:=\w]"),  # a second loop variable that is not declared
    re.compile(r"slice.*slice", re.DOTALL),  # part of a list does not grow back
    re.compile(r"%[^a-zA-Z%]*p"),  # addresses
]

LIMIT_REACHED = re.compile(r"more than \d+ steps|output is longer than \d+ characters")


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("go") / "reference"
    environment = {**os.environ, "GOFLAGS": "-buildvcs=false", "GO111MODULE": "on"}
    subprocess.run(["go", "build", "-o", str(program), "."], cwd=REFERENCE, check=True, env=environment)
    return program


def answers(program: Path, requests: list[dict[str, Any]]) -> Iterator[dict[str, str]]:
    lines = "".join(json.dumps({**request, "today": TODAY.isoformat()}) + "\n" for request in requests)
    done = subprocess.run([str(program)], input=lines, capture_output=True, text=True, check=True, timeout=120)
    return map(json.loads, done.stdout.splitlines())


def ours(request: dict[str, Any]) -> tuple[str, str]:
    """The stage that failed, or nothing, and the output or the error."""
    try:
        program = Program.parse(request["template"])
    except TemplateSyntaxError as error:
        return "parse", str(error)
    machine = Machine(Limits(output=1 << 20), TODAY)
    try:
        program.run_on(machine, request["data"])
        return "", "".join(fragments(machine.out))
    except TemplateError as error:
        return "run", str(error)


def theirs(answer: dict[str, str]) -> tuple[str, str]:
    if answer.get("stage"):
        return answer["stage"], answer["error"]
    return "", to_text(base64.b64decode(answer["output"] or "").decode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("batch", range(BATCHES))
def test_both_engines_give_the_same_bytes_or_both_fail(batch: int, reference: Path) -> None:
    makers = [Maker(batch * BATCH + number) for number in range(BATCH)]
    requests = [{"template": maker.template(), "data": maker.data()} for maker in makers]

    for request, answer in zip(requests, answers(reference, requests), strict=True):
        if any(pattern.search(request["template"]) for pattern in DIFFERENT):
            continue
        stage, text = ours(request)
        if stage == "run" and LIMIT_REACHED.search(text):
            continue
        expected_stage, expected = theirs(answer)
        assert (stage, text if not stage else "") == (expected_stage, expected if not expected_stage else ""), (
            f"{request['template']!r} with {request['data']!r}: {text!r}, but Go says {expected!r}"
        )


def test_our_own_templates_parse_in_go(reference: Path) -> None:
    from modelfile_grammar.known import STOPS, known_template

    requests = [{"template": known_template(name).template, "data": {}} for name in STOPS]

    for request, answer in zip(requests, answers(reference, requests), strict=True):
        assert answer.get("stage") != "parse", answer
        assert Template.parse(request["template"])
