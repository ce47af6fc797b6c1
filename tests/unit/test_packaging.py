"""The build's own promises: clear refusals, and distributions that hold what they should."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from support import check_dist

ROOT = Path(__file__).parents[2]
CMAKE = shutil.which("cmake")


def toolchain_says(tmp_path: Path, *facts: str) -> str:
    """Include cmake/Toolchain.cmake as if on a machine with these facts. Returns its message, unwrapped."""
    script = tmp_path / "machine.cmake"
    lines = [f"set({fact})" for fact in facts]
    # The searches themselves are CMake's; here they find what the facts say.
    lines += ["macro(find_package)", "endmacro()", f'include("{ROOT / "cmake/Toolchain.cmake"}")']
    script.write_text("\n".join(lines))
    assert CMAKE is not None
    done = subprocess.run([CMAKE, "-P", str(script)], capture_output=True, text=True)
    assert (done.returncode == 0) == (not done.stderr)
    return " ".join(done.stderr.split())


HEADERS = "Python_Development.Module_FOUND TRUE"


@pytest.mark.skipif(CMAKE is None, reason="needs cmake")
@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (["CMAKE_CXX_COMPILER_ID GNU", "CMAKE_CXX_COMPILER_VERSION 8.5"], "pyollama needs g++ 9 or newer, found 8.5"),
        (["CMAKE_CXX_COMPILER_ID Clang", "CMAKE_CXX_COMPILER_VERSION 9.0"], "pyollama needs clang 10 or newer"),
        (["CMAKE_CXX_COMPILER_ID AppleClang", "CMAKE_CXX_COMPILER_VERSION 11.0"], "pyollama needs Xcode 12 or newer"),
        (["CMAKE_CXX_COMPILER_ID MSVC", "MSVC_VERSION 1920"], "pyollama needs Visual Studio 2022 or newer"),
    ],
)
def test_an_old_compiler_is_refused_in_one_line(tmp_path: Path, facts: list[str], message: str) -> None:
    assert message in toolchain_says(tmp_path, HEADERS, *facts)


@pytest.mark.skipif(CMAKE is None, reason="needs cmake")
def test_missing_python_headers_are_named(tmp_path: Path) -> None:
    facts = ["CMAKE_CXX_COMPILER_ID GNU", "CMAKE_CXX_COMPILER_VERSION 12", "Python_VERSION 3.11.2"]
    assert "the headers of Python 3.11.2 are missing" in toolchain_says(tmp_path, *facts)
    assert toolchain_says(tmp_path, *facts, HEADERS) == ""


def test_the_build_requires_what_the_isolated_build_uses() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    requires = " ".join(settings["build-system"]["requires"])
    assert all(name in requires for name in ("scikit-build-core", "cython", "cython-cmake", "pip"))


def test_a_wheel_with_headers_or_without_licences_is_found_out(tmp_path: Path) -> None:
    wheel = tmp_path / "pyollama-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in ("pyollama/native/_engine.so", "include/llama.h", "pyollama/native/libllama.a"):
            archive.writestr(name, "")
    problems = "\n".join(check_dist.problems(wheel))
    assert "does not belong in a wheel: include/llama.h" in problems
    assert "does not belong in a wheel: pyollama/native/libllama.a" in problems
    assert r"licenses/llama\.cpp/LICENSE" in problems
    assert "_engine" not in problems


def test_an_sdist_without_the_native_tree_is_found_out(tmp_path: Path) -> None:
    sdist = tmp_path / "pyollama-1.tar.gz"
    with tarfile.open(sdist, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("pyollama-1/LICENSE"))
        archive.addfile(tarfile.TarInfo("pyollama-1/build/x.o"))
    problems = check_dist.problems(sdist)
    assert r"missing: third_party/llama\.cpp/PINNED" in problems
    assert "does not belong in an sdist: build/x.o" in problems
