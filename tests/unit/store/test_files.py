"""Opening files that somebody names: what has no content or no end is refused, and nothing waits."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pyollama.errors import NotRegular, StoreError
from pyollama.store.files import open_regular, read_regular

Made = Callable[[str], Path]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    """Something that is no regular file, by its kind."""
    listener = socket.socket(socket.AF_UNIX)

    def make(kind: str) -> Path:
        path = tmp_path / kind
        if kind == "fifo":
            os.mkfifo(path)
        elif kind == "link to a fifo":
            os.mkfifo(tmp_path / "target")
            path.symlink_to(tmp_path / "target")
        elif kind == "socket":
            listener.bind(str(path))
        else:
            return Path(kind)
        return path

    with listener:
        yield make


@pytest.mark.parametrize("kind", ["fifo", "link to a fifo", "socket", "/dev/zero", "/dev/tty"])
@pytest.mark.parametrize("read", [open_regular, lambda path: read_regular(path, 10)], ids=["open", "read"])
def test_c3_what_is_no_file_is_refused_at_once(made: Made, kind: str, read: Callable[[Path], object]) -> None:
    path = made(kind)
    with pytest.raises(NotRegular, match=f"^{path}: not a regular file$"):
        read(path)


def test_a_folder_and_a_missing_file_are_the_system_s_errors(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path)
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "gone")


def test_a_fifo_that_takes_the_place_of_a_file_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "changing"
    os.mkfifo(path)
    real = tmp_path / "real"
    real.write_bytes(b"x")
    before = real.stat()
    monkeypatch.setattr(Path, "stat", lambda self: before)  # what was there a moment ago
    with pytest.raises(NotRegular):
        open_regular(path)


def test_content_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"12345")
    assert read_regular(path, 5) == b"12345"
    with pytest.raises(StoreError, match="text: more than the 4 bytes allowed"):
        read_regular(path, 4)
