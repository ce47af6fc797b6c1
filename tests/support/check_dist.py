"""What a wheel and an sdist of ours must hold, and must not.

    python tests/support/check_dist.py dist/*

Prints one line per problem; exit status 1 if there is any.
"""

from __future__ import annotations

import re
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

SOURCE_SUFFIXES = {
    ".a",
    ".c",
    ".cmake",
    ".cpp",
    ".cu",
    ".h",
    ".hpp",
    ".in",
    ".lib",
    ".o",
    ".pxd",
    ".pxi",
    ".pyx",
    ".txt",
}
WHEEL_NEEDS = (
    r"pyollama/native/_engine\..+",
    r"pyollama/native/_gguf\..+",
    r"pyollama/native/_json\..+",
    r"modelfile_grammar/__init__\.py",
    r"pyollama-.+\.dist-info/licenses/LICENSE",
    r"pyollama-.+\.dist-info/licenses/llama\.cpp/LICENSE",
    r"pyollama-.+\.dist-info/licenses/llama\.cpp/AUTHORS",
    r"pyollama-.+\.dist-info/licenses/llama\.cpp/LICENSE-jsonhpp",
)
SDIST_NEEDS = (
    r"CMakeLists\.txt",
    r"LICENSE",
    r"README\.md",
    r"cmake/vendor\.lock",
    r"csrc/CMakeLists\.txt",
    r"third_party/llama\.cpp/PINNED",
    r"third_party/llama\.cpp/LICENSE",
    r"third_party/llama\.cpp/include/llama\.h",
    r"third_party/llama\.cpp/ggml/src/ggml-cpu/.+",
    r"third_party/llama\.cpp/ggml/src/ggml-cuda/.+",
    r"third_party/llama\.cpp/ggml/src/ggml-metal/.+",
    r"third_party/llama\.cpp/tools/mtmd/.+",
)
SDIST_STRAYS = (r"build/", r"\.ci/", r"\.cache/", r"\.venv/", r"dist/", r".*\.gguf$", r".*\.so$", r"third_party/\.")


def problems_of_wheel(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
    strays = [name for name in names if is_stray_in_wheel(PurePosixPath(name))]
    return missing(names, WHEEL_NEEDS) + [f"does not belong in a wheel: {name}" for name in strays]


def is_stray_in_wheel(name: PurePosixPath) -> bool:
    top = name.parts[0]
    if top.endswith(".dist-info"):
        return False
    return top not in {"pyollama", "modelfile_grammar"} or name.suffix in SOURCE_SUFFIXES


def problems_of_sdist(path: Path) -> list[str]:
    with tarfile.open(path) as archive:
        names = [member.name.partition("/")[2] for member in archive if member.isfile()]
    strays = [name for name in names if any(re.match(stray, name) for stray in SDIST_STRAYS)]
    return missing(names, SDIST_NEEDS) + [f"does not belong in an sdist: {name}" for name in strays]


def missing(names: list[str], patterns: tuple[str, ...]) -> list[str]:
    return [f"missing: {pattern}" for pattern in patterns if not any(re.fullmatch(pattern, name) for name in names)]


def problems(path: Path) -> list[str]:
    """Problems of a wheel or an sdist, by its suffix."""
    return problems_of_wheel(path) if path.suffix == ".whl" else problems_of_sdist(path)


if __name__ == "__main__":
    found = [f"{given}: {problem}" for given in sys.argv[1:] for problem in problems(Path(given))]
    print("\n".join(found) or f"{len(sys.argv) - 1} distributions are as they should be")
    sys.exit(bool(found))
