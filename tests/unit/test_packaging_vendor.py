"""How the build gets its native sources: only the pinned archive, only what we compile, all or nothing."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
TREE = "llama_cpp_python-0.3.36/vendor/llama.cpp"
CONTENT = {
    f"{TREE}/LICENSE": b"licence",
    f"{TREE}/include/llama.h": b"header",
    f"{TREE}/src/models/llama.cpp": b"model",
    f"{TREE}/README.md": b"prose",
    f"{TREE}/examples/simple/simple.cpp": b"example",
    f"{TREE}/common/../../../../outside.h": b"trap",
    "llama_cpp_python-0.3.36/llama_cpp/llama.py": b"binding",
}


@pytest.fixture
def vendor() -> ModuleType:
    """cmake/vendor.py, which is a program and no part of a package."""
    spec = importlib.util.spec_from_file_location("vendor", ROOT / "cmake/vendor.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A source archive shaped like the pinned one."""
    path = tmp_path / "llama_cpp_python-0.3.36.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, data in CONTENT.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


Fetch = Callable[[str], Path]
PATCHES = "vendor_patches.toml"


@pytest.fixture
def fetch(vendor: ModuleType, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fetch:
    """Run vendor.py with the archive as what pip downloads, and a chosen pinned hash. Returns the destination."""

    def download(lock: dict[str, str], folder: Path) -> Path:
        return Path(shutil.copy(archive, folder / lock["archive"]))

    def run(pinned: str) -> Path:
        pins = vendor.read_lock(ROOT / "cmake/vendor.lock") | {"sha256": pinned}
        lock = tmp_path / "vendor.lock"
        lock.write_text("".join(f"{key} = {value}\n" for key, value in pins.items()))
        if not (patches := lock.with_name(PATCHES)).exists():
            patches.write_text("patch = []\n")
        vendor.main(lock, tmp_path / "third_party/llama.cpp")
        return tmp_path / "third_party/llama.cpp"

    monkeypatch.setattr(vendor, "download", download)
    return run


def test_the_pinned_archive_is_unpacked_and_trimmed(
    vendor: ModuleType, fetch: Fetch, archive: Path, tmp_path: Path
) -> None:
    pinned = hashlib.sha256(archive.read_bytes()).hexdigest()

    tree = fetch(pinned)

    files = {str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file()}
    assert files == {"LICENSE", "PINNED", "include/llama.h", "src/models/llama.cpp"}
    assert (tree / "PINNED").read_text().strip() == vendor.stamp(tmp_path / "vendor.lock", tmp_path / PATCHES)
    assert not list(tmp_path.rglob("outside.h"))
    assert [path.name for path in tree.parent.iterdir()] == ["llama.cpp"]


def test_another_archive_stops_the_build_and_leaves_nothing(fetch: Fetch, archive: Path, tmp_path: Path) -> None:
    received = hashlib.sha256(archive.read_bytes()).hexdigest()

    with pytest.raises(Exception, match="not the archive that") as caught:
        fetch("0" * 64)

    assert "0" * 64 in str(caught.value)
    assert received in str(caught.value)
    assert not list((tmp_path / "third_party").iterdir())


BACKEND = """
import pathlib
pathlib.Path({mark!r}).touch()

def prepare_metadata_for_build_wheel(folder, settings=None):
    info = pathlib.Path(folder) / "llama_cpp_python-0.3.36.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: llama-cpp-python\\nVersion: 0.3.36\\n")
    return info.name
"""


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """An archive as the only thing that pip can find, and the mark that its build leaves when it runs."""
    mark, found = tmp_path / "ran", tmp_path / "index"
    found.mkdir()
    content = {
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "backend.py": BACKEND.format(mark=str(mark)),
        "PKG-INFO": "Metadata-Version: 2.1\nName: llama-cpp-python\nVersion: 0.3.36\n",
    }
    archive = found / "llama_cpp_python-0.3.36.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name, text in content.items():
            member = tarfile.TarInfo(f"llama_cpp_python-0.3.36/{name}")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    settings = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(found), "PIP_CONFIG_FILE": os.devnull}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return archive, mark


def test_b5_nothing_of_a_tampered_archive_is_run(vendor: ModuleType, index: tuple[Path, Path], tmp_path: Path) -> None:
    archive, mark = index
    lock = vendor.read_lock(ROOT / "cmake/vendor.lock")

    with pytest.raises(Exception, match="is not the archive that") as caught:
        vendor.download(lock, tmp_path)

    assert hashlib.sha256(archive.read_bytes()).hexdigest() in str(caught.value)
    assert not mark.exists()


def test_the_build_of_the_pinned_archive_is_asked_for_metadata(
    vendor: ModuleType, index: tuple[Path, Path], tmp_path: Path
) -> None:
    archive, mark = index
    pinned = {"sha256": hashlib.sha256(archive.read_bytes()).hexdigest()}

    fetched = vendor.download(vendor.read_lock(ROOT / "cmake/vendor.lock") | pinned, tmp_path)

    assert fetched.read_bytes() == archive.read_bytes()
    assert mark.exists()  # so that its absence above means something


def test_a_failed_fetch_keeps_the_tree_that_was_there(fetch: Fetch, tmp_path: Path) -> None:
    old = tmp_path / "third_party/llama.cpp/include/llama.h"
    old.parent.mkdir(parents=True)
    old.write_text("old")

    with pytest.raises(Exception, match="Nothing of it was run or unpacked"):
        fetch("0" * 64)

    assert old.read_text() == "old"


def test_a_patch_that_does_not_fit_stops_the_build(fetch: Fetch, archive: Path, tmp_path: Path) -> None:
    change = '[[patch]]\nfile = "include/llama.h"\nwhy = "for speed"\nold = "not there"\nnew = ""\n'
    (tmp_path / PATCHES).write_text(change)

    with pytest.raises(Exception, match=r"does not fit include/llama\.h: for speed"):
        fetch(hashlib.sha256(archive.read_bytes()).hexdigest())

    assert not list((tmp_path / "third_party").iterdir())


def test_our_patches_stand_in_the_tree_that_is_built(vendor: ModuleType) -> None:
    tree = ROOT / "third_party/llama.cpp"
    if not tree.exists():
        pytest.skip("built from another tree")

    changes = tomllib.loads((ROOT / "cmake" / PATCHES).read_text())["patch"]

    assert (tree / "PINNED").read_text().strip() == vendor.stamp(ROOT / "cmake/vendor.lock", ROOT / "cmake" / PATCHES)
    replaced = [change for change in changes if change["old"] not in change["new"]]
    assert [change["why"] for change in replaced if change["old"] in (tree / change["file"]).read_text()] == []


def test_a_failing_download_is_reported_in_words(vendor: ModuleType, tmp_path: Path) -> None:
    lock = tmp_path / "vendor.lock"
    lock.write_text("package = no-such-package\nversion = 1\narchive = a.tar.gz\nsha256 = 0\nsubtree = b\n")
    command = [sys.executable, str(ROOT / "cmake/vendor.py"), str(lock), str(tmp_path / "out")]
    without_index = {"PIP_NO_INDEX": "1", "PATH": "/usr/bin:/bin"}

    done = subprocess.run(command, env=without_index, capture_output=True, text=True)

    assert done.returncode == 1
    assert done.stderr.startswith("pyollama: could not fetch the native sources (no-such-package==1): ERROR")
    assert "PYOLLAMA_VENDOR_DIR" in done.stderr
    assert "Traceback" not in done.stderr


def test_everything_that_the_build_reads_is_kept(vendor: ModuleType) -> None:
    kept = [
        "CMakeLists.txt",
        "AUTHORS",
        "licenses/LICENSE-x",
        "ggml/src/ggml.c",
        "ggml/src/ggml-cuda/a.cu",
        "tools/mtmd/clip.cpp",
    ]
    dropped = [
        "README.md",
        "tools/server/server.cpp",
        "tools/mtmd/tests/a.cpp",
        "ggml/src/ggml-sycl/a.cpp",
        "models/x.gguf",
    ]
    assert [name for name in kept if not vendor.wanted(PurePosixPath(name))] == []
    assert [name for name in dropped if vendor.wanted(PurePosixPath(name))] == []
