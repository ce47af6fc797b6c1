"""The package by itself: the same files, the same dependency, nothing of the rest of the program."""

import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "modelfile_grammar"
OWN = tomllib.loads((FOLDER / "pyproject.toml").read_text("utf-8"))
WHOLE = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_its_wheel_names_every_file_it_needs() -> None:
    patterns = OWN["tool"]["hatch"]["build"]["targets"]["wheel"]["include"]
    files = [path for path in FOLDER.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    left_out = {path.name for path in files if not any(fnmatch(path.name, pattern) for pattern in patterns)}

    assert left_out == {"pyproject.toml", "README.md"}


def test_it_needs_what_the_whole_needs_for_it() -> None:
    assert set(OWN["project"]["dependencies"]) <= set(WHOLE["project"]["dependencies"])
    assert OWN["project"]["requires-python"] == WHOLE["project"]["requires-python"]


def test_it_imports_nothing_but_lark_and_the_standard_library() -> None:
    code = (
        "import sys; before = set(sys.modules)\n"
        "import modelfile_grammar.lint, modelfile_grammar.known, modelfile_grammar.template\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(new - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    assert set(done.stdout.split()) <= {"lark", "modelfile_grammar"}


def test_lark_is_loaded_with_the_first_file_and_not_before() -> None:
    code = (
        "import sys, modelfile_grammar as m; assert 'lark' not in sys.modules; m.parse('FROM x'); 'lark' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
