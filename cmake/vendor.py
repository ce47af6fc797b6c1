"""Bring the vendored native source tree into place: fetch, verify, trim, patch.

Run by cmake/Vendor.cmake as ``python vendor.py LOCK DESTINATION``, with vendor_patches.toml beside LOCK.
Needs only the standard library and pip.
Leaves DESTINATION complete or absent, never half-written.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path, PurePosixPath

# What we compile, plus the GPU backends that a user may switch on (docs/howto/gpu.md).
KEEP_DIRECTORIES = (
    "cmake",
    "common",
    "ggml/cmake",
    "ggml/include",
    "ggml/src/ggml-blas",
    "ggml/src/ggml-cpu",
    "ggml/src/ggml-cuda",
    "ggml/src/ggml-hip",
    "ggml/src/ggml-metal",
    "ggml/src/ggml-vulkan",
    "include",
    "licenses",
    "src",
    "tools/mtmd",
    "vendor/hash",
    "vendor/miniaudio",
    "vendor/nlohmann",
    "vendor/sheredom",
    "vendor/stb",
)
# Single files beside those folders: a folder named here keeps its own files, not its subfolders.
KEEP_FILES_OF = (".", "ggml", "ggml/src", "vendor")
DROP_DIRECTORIES = ("tools/mtmd/tests", "tools/mtmd/legacy-models", "tools/mtmd/debug")
GOT = re.compile(r"^\s*Got\s+([0-9a-f]{64})$", re.MULTILINE)  # pip's words for a hash that does not match
DROP_SUFFIXES = (".md", ".jpeg", ".mp3", ".mp4", ".nix", ".lock", ".ini", ".toml", ".txt.in")


class VendorError(Exception):
    """Something a user must act on; the text is the whole message."""


class WrongArchive(VendorError):
    def __init__(self, lock: dict[str, str], received: str) -> None:
        super().__init__(
            f"{lock['archive']} is not the archive that cmake/vendor.lock pins:\n"
            f"  expected sha256 {lock['sha256']}\n  received sha256 {received}\n"
            "Nothing of it was run or unpacked. Check the package index you fetch from."
        )


def read_lock(path: Path) -> dict[str, str]:
    """The ``key = value`` lines of vendor.lock."""
    pairs = (line.split("=", 1) for line in path.read_text().splitlines() if "=" in line and not line.startswith("#"))
    return {key.strip(): value.strip() for key, value in pairs}


def download(lock: dict[str, str], folder: Path) -> Path:
    """Fetch the archive with pip, which honours the user's own index and proxy settings.

    Pip asks an archive's build for its metadata, which runs code of the archive: so pip gets the hash, and checks it
    before. It takes hashes from a file only.
    """
    requirement = f"{lock['package']}=={lock['version']}"
    pinned = folder / "requirements.txt"
    pinned.write_text(f"{requirement} --hash=sha256:{lock['sha256']}\n")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", lock["package"], "--require-hashes"]
    done = subprocess.run([*command, "-d", str(folder), "-r", str(pinned)], capture_output=True, text=True)
    archive = folder / lock["archive"]
    if received := GOT.search(done.stderr):
        raise WrongArchive(lock, received[1])
    if not archive.exists():
        raise VendorError(
            f"could not fetch the native sources ({requirement}): {last_line(done.stderr)}\n"
            "Without a network, build from our sdist, or unpack that archive and pass\n"
            "  -C cmake.define.PYOLLAMA_VENDOR_DIR=/path/to/vendor/llama.cpp"
        )
    return archive


def last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("[notice]")]
    return lines[-1] if lines else "pip said nothing"


def verify(archive: Path, lock: dict[str, str]) -> None:
    """What pip said is not relied on: a setting of the user's may have changed it."""
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != lock["sha256"]:
        raise WrongArchive(lock, digest)


def wanted(name: PurePosixPath) -> bool:
    """Whether a file of the tree is one that a build reads."""
    if ".." in name.parts:
        return False
    if any(name.is_relative_to(folder) for folder in DROP_DIRECTORIES) or name.suffix in DROP_SUFFIXES:
        return False
    if str(name.parent) in KEEP_FILES_OF:
        return name.name in {"LICENSE", "AUTHORS"} or name.suffix in {".txt", ".c", ".cpp", ".h", ".in"}
    return any(name.is_relative_to(folder) for folder in KEEP_DIRECTORIES)


def unpack(archive: Path, lock: dict[str, str], target: Path) -> None:
    """Write the wanted files of the archive's subtree below target."""
    root = PurePosixPath(lock["archive"].removesuffix(".tar.gz")) / lock["subtree"]
    with tarfile.open(archive) as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            if member.isfile() and path.is_relative_to(root) and wanted(path.relative_to(root)):
                content = tar.extractfile(member)
                assert content is not None
                out = target / path.relative_to(root)
                out.parent.mkdir(parents=True, exist_ok=True)
                out.write_bytes(content.read())


def patch(tree: Path, patches: Path) -> None:
    """Apply vendor_patches.toml. Each old text must stand in its file exactly once."""
    for change in tomllib.loads(patches.read_text())["patch"]:
        path = tree / change["file"]
        text = path.read_text() if path.exists() else ""
        if text.count(change["old"]) != 1:
            raise VendorError(f"{patches.name} does not fit {change['file']}: {change['why'].strip()}")
        path.write_text(text.replace(change["old"], change["new"]))


def stamp(lock_path: Path, patches: Path) -> str:
    """What the tree in place was made from. cmake/Vendor.cmake computes the same."""
    return " ".join(hashlib.sha256(path.read_bytes()).hexdigest() for path in (lock_path, patches))


def main(lock_path: Path, destination: Path) -> None:
    lock, patches = read_lock(lock_path), lock_path.with_name("vendor_patches.toml")
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".vendor-") as work:
        print(f"fetching {lock['package']} {lock['version']} for its native sources", flush=True)
        archive = download(lock, Path(work))
        verify(archive, lock)
        tree = Path(work) / "tree"
        unpack(archive, lock, tree)
        patch(tree, patches)
        (tree / "PINNED").write_text(stamp(lock_path, patches) + "\n")
        if destination.exists():
            shutil.rmtree(destination)
        tree.replace(destination)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    except VendorError as error:
        sys.exit(f"pyollama: {error}")
