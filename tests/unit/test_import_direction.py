"""Imports point down only, asserted from the imports themselves."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# From the bottom up. A package imports itself and anything below, never a neighbour and nothing above.
LAYERS = (
    {"errors"},
    {"config"},
    {"native"},
    {"gguf"},
    {"modelfile_grammar"},  # stands alone, so that anything may use it as it would a library
    {"store", "wire"},
    {"prompt", "runner"},
    {"scheduler", "create", "registry"},
    {"server"},
    {"cli"},
)
RANK = {package: rank for rank, packages in enumerate(LAYERS) for package in packages}

LOADS_GGML = {"pyollama.native._engine", "pyollama.native._quant"}
# The only modules that may name them: processes of their own, and commands that work without a server.
PROCESSES = ("pyollama.runner.child", "pyollama.runner.devices")
MAY_LOAD_GGML = (*PROCESSES, "pyollama.cli")
WITHOUT_TRIO = ("pyollama.gguf", "pyollama.store", "pyollama.wire", "pyollama.prompt", "modelfile_grammar")
# Packages of ours that the command line must not pay for before it knows its command.
LATE_IN_CLI = ("pyollama.server", "pyollama.scheduler", "pyollama.runner", "pyollama.native._engine")


@dataclass(frozen=True)
class Import:
    """One import statement: who, what, where, and whether it runs when the module is loaded."""

    module: str
    imported: str
    line: int
    at_start: bool

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.imported}"


def modules() -> Iterator[tuple[str, Path]]:
    for package in ("pyollama", "modelfile_grammar"):
        for path in sorted((ROOT / package).rglob("*.py*")):
            if path.suffix in {".py", ".pyx"}:
                parts = path.relative_to(ROOT).with_suffix("").parts
                yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports_of(module: str, path: Path) -> Iterator[Import]:
    if path.suffix == ".pyx":
        yield from cython_imports(module, path)
        return
    tree = ast.parse(path.read_text())
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    late = {child for node in ast.walk(tree) if is_late(node) for child in ast.walk(node)}
    for node in ast.walk(tree):
        for imported in names(node, package):
            yield Import(module, imported, node.lineno, node not in late)  # type: ignore[attr-defined]


def is_late(node: ast.AST) -> bool:
    """Whether what is inside runs after the module was loaded, or never."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return True
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def names(node: ast.AST, package: str) -> Iterator[str]:
    """The modules that an import statement names; of ``from a import b`` also ``a.b``, where b may be a module."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*above, base] if base else above)
        yield base
        yield from (f"{base}.{alias.name}" for alias in node.names)


def cython_imports(module: str, path: Path) -> Iterator[Import]:
    for number, line in enumerate(path.read_text().splitlines(), 1):
        words = line.split()
        if words and words[0] in {"from", "import"} and "cimport" not in words:
            yield Import(module, words[1], number, not line[0].isspace())


ALL = [found for module, path in modules() for found in imports_of(module, path)]


def package_of(module: str) -> str | None:
    """The folder that has a rank: ``pyollama.store.names`` is in store. None for what is not ours."""
    parts = module.split(".")
    if parts[0] == "modelfile_grammar":
        return parts[0]
    return parts[1] if parts[0] == "pyollama" and len(parts) > 1 and parts[1] in RANK else None


def within(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


def graph() -> dict[str, set[str]]:
    """The modules that each one imports, early or late. ``from a import b`` counts as b if that is a module."""
    known = {module for module, _ in modules()}
    edges: dict[str, set[str]] = {module: set() for module in known}
    for module, path in modules():
        for base, name in taken(module, path):
            target = f"{base}.{name}" if f"{base}.{name}" in known else base
            if target in known - {module}:
                edges[module].add(target)
    return edges


def taken(module: str, path: Path) -> Iterator[tuple[str, str]]:
    """What the import statements of a module name, and what they take from there."""
    if path.suffix == ".pyx":
        yield from ((found.imported, "") for found in cython_imports(module, path))
        return
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        base, *_ = [*names(node, package), ""]
        if isinstance(node, ast.ImportFrom):
            yield from ((base, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


def test_no_module_imports_itself_by_way_of_others() -> None:
    TopologicalSorter(graph()).prepare()  # CycleError shows the circle


def test_every_folder_has_a_place_in_the_order() -> None:
    folders = {path.parent.name for path in (ROOT / "pyollama").glob("*/__init__.py")}
    files = {path.stem for path in (ROOT / "pyollama").glob("*.py")} - {"__init__", "__main__"}
    assert (folders | files) - RANK.keys() == set()


def test_imports_point_down() -> None:
    wrong = []
    for found in ALL:
        here, there = package_of(found.module), package_of(found.imported)
        if here and there and here != there and RANK[there] >= RANK[here]:
            wrong.append(str(found))
    assert wrong == []


def test_the_modelfile_language_stands_alone() -> None:
    assert [str(i) for i in ALL if i.module.startswith("modelfile_grammar") and i.imported.startswith("pyollama")] == []


def test_only_the_child_and_offline_commands_load_model_code() -> None:
    wrong = [i for i in ALL if within(i.imported, tuple(LOADS_GGML)) and not within(i.module, MAY_LOAD_GGML)]
    assert [str(i) for i in wrong if i.module not in LOADS_GGML] == []


def test_no_one_in_the_server_process_imports_the_child() -> None:
    assert [str(i) for i in ALL if within(i.imported, ("pyollama.runner.child",))] == []


def test_processes_of_their_own_load_model_code_only_when_they_run() -> None:
    early = [i for i in ALL if within(i.imported, tuple(LOADS_GGML)) and i.at_start]
    assert [str(i) for i in early if not within(i.module, ("pyollama.runner.child",))] == []


def test_what_is_plain_work_on_bytes_is_free_of_trio() -> None:
    assert [str(i) for i in ALL if within(i.module, WITHOUT_TRIO) and within(i.imported, ("trio",))] == []


def test_the_command_line_starts_without_engine_and_server() -> None:
    early = [i for i in ALL if within(i.module, ("pyollama.cli",)) and i.at_start and within(i.imported, LATE_IN_CLI)]
    assert [str(i) for i in early] == []


@pytest.mark.parametrize(
    ("module", "never"),
    [
        ("pyollama.cli.main", {"numpy", "quart", "pyollama.native._engine", "pyollama.server.app"}),
        ("pyollama.server.app", {"numpy", "pyollama.native._engine", "pyollama.native._quant"}),
        ("pyollama.runner.child", {"quart", "hypercorn", "pyollama.server.app"}),
    ],
)
def test_a_process_loads_only_what_it_needs(module: str, never: set[str]) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert never & set(done.stdout.split()) == set()
