from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from pyollama.cli.files.media import MAX_BYTES, extract, names_file
from pyollama.errors import CommandFailed

PNG = b"\x89PNG\r\n\x1a\n"
ENCODED = base64.b64encode(PNG).decode()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("a.png", "with blank.png", "B.PNG"):
        (tmp_path / name).write_bytes(PNG)
    return tmp_path


@pytest.mark.parametrize(
    ("prompt", "rest"),
    [
        ("What is ./a.png ?", "What is  ?"),
        ("./a.png", ""),
        ("see ./with blank.png now", "see  now"),
        ("see ./with\\ blank.png now", "see  now"),
        ("see './with blank.png' now", "see  now"),
        ('see "./with blank.png" now', "see  now"),
        ("see ./notes and ./a.png", "see ./notes and"),
        ("see ~/a.png", "see"),
        ("see a.png", "see"),
        ("see B.PNG", "see"),
    ],
)
def test_a_file_is_found_in_the_ways_people_write_it(folder: Path, prompt: str, rest: str) -> None:
    assert extract(prompt) == (rest, [ENCODED])


def test_absolute_paths_and_urls_are_found(folder: Path) -> None:
    assert extract(f"see {folder}/a.png") == ("see", [ENCODED])
    assert extract(f"see file://{folder}/with%20blank.png") == ("see", [ENCODED])


def test_several_files_are_taken_in_order(folder: Path) -> None:
    (folder / "c.webp").write_bytes(b"RIFF\0\0\0\0WEBPVP8 ")
    prompt, found = extract("compare ./a.png and ./c.webp !")
    assert prompt == "compare  and  !"
    assert [base64.b64decode(text)[:4] for text in found] == [PNG[:4], b"RIFF"]


@pytest.mark.parametrize("prompt", ["see ./missing.png", "no file here", "end.png", "  kept as it is  "])
def test_a_missing_file_stays_in_the_text(folder: Path, prompt: str) -> None:
    assert extract(prompt) == (prompt, [])


def test_what_was_added_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "s.wav").write_bytes(b"RIFF\0\0\0\0WAVEfmt ")
    extract("./a.png ./s.wav")
    assert capsys.readouterr().err == "Added image 'a.png'\nAdded audio 's.wav'\n"


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"hello", "text/plain; charset=utf-8"), (b"GIF89a", "image/gif"), (b"\0\1", "application/octet-stream")],
)
def test_another_type_is_refused(folder: Path, capsys: pytest.CaptureFixture[str], content: bytes, kind: str) -> None:
    (folder / "x.png").write_bytes(content)
    with pytest.raises(CommandFailed, match="invalid file type"):
        extract("see ./x.png")
    assert capsys.readouterr().err == f'Couldn\'t process file: "invalid file type: {kind}"\n'


def test_a_large_file_is_refused(folder: Path) -> None:
    with (folder / "a.png").open("ab") as file:
        os.truncate(file.fileno(), MAX_BYTES + 1)
    with pytest.raises(CommandFailed, match=r"file size exceeds maximum limit \(100MB\)"):
        extract("see ./a.png")


def test_a_line_may_begin_with_a_path(folder: Path) -> None:
    assert names_file(f"{folder}/a.png what is this?")
    assert not names_file("/bye")
