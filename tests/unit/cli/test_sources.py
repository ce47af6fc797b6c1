from __future__ import annotations

from pathlib import Path

import pytest

from pyollama.cli.files.sources import absolute, folder_files, local_files, relative_keys, sniff
from pyollama.errors import CommandFailed

BINARY = b"GGUF\x03\x00\x00\x00"


def put(folder: Path, *names: str, content: bytes = BINARY) -> list[Path]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return [folder / name for name in names]


def names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in folder_files(folder)]


def test_a_path_is_relative_to_the_modelfile(tmp_path: Path) -> None:
    assert local_files("./sub/m.gguf", tmp_path) is None
    assert local_files("sub/../m.gguf", tmp_path) is None
    (path,) = put(tmp_path, "m.gguf")
    assert local_files("sub/../m.gguf", tmp_path) == [path]


def test_an_absolute_path_is_used_as_it_is(tmp_path: Path) -> None:
    (path,) = put(tmp_path, "m.gguf")
    assert local_files(str(path), Path("/elsewhere")) == [path]


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert absolute("~/m.gguf", Path("/x")) == tmp_path / "m.gguf"
    assert absolute("~", Path("/x")) == tmp_path


def test_the_home_of_an_unknown_user_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="failed to find user 'no-such-user'"):
        absolute("~no-such-user/m", tmp_path)


@pytest.mark.parametrize("value", ["llama3.2", "https://hub.example/ns/m:tag", "hf.co/ns/repo:Q4_K_M", "x" * 300])
def test_what_does_not_exist_is_left_to_the_server(tmp_path: Path, value: str) -> None:
    assert local_files(value, tmp_path) is None


def test_a_folder_wins_over_a_model_of_its_name(tmp_path: Path) -> None:
    (path,) = put(tmp_path, "llama3.2/model.safetensors")
    assert local_files("llama3.2", tmp_path) == [path]


@pytest.mark.parametrize(
    ("present", "chosen"),
    [
        (["model-1.safetensors", "sub/model-2.safetensors", "consolidated.safetensors"], 2),
        (["consolidated.00.safetensors", "adapter_model.safetensors"], 1),
        (["adapters.safetensors", "x.gguf"], 1),
        (["adapter_model.safetensors", "x.gguf"], 1),
        (["a.gguf", "b.gguf", "c.bin"], 2),
        (["c.bin"], 1),
    ],
)
def test_the_first_kind_of_weights_is_taken(tmp_path: Path, present: list[str], chosen: int) -> None:
    put(tmp_path, *present)
    assert names(tmp_path) == present[:chosen]


def test_weights_of_another_content_do_not_count(tmp_path: Path) -> None:
    put(tmp_path, "pytorch_model.bin")
    assert names(tmp_path) == ["pytorch_model.bin"]  # as *.bin, being binary
    put(tmp_path, "pytorch_model.bin", content=b"PK\x03\x04")
    assert names(tmp_path) == ["pytorch_model.bin"]
    put(tmp_path, "pytorch_model.bin", content=b"text")
    with pytest.raises(CommandFailed, match="no Modelfile or safetensors files found"):
        names(tmp_path)


def test_configuration_and_tokenizer_come_along(tmp_path: Path) -> None:
    put(tmp_path, "model.safetensors", "tokenizer.model")
    put(tmp_path, "config.json", "sub/extra.json", "chat_template.jinja", "readme.md", content=b"{}")
    assert names(tmp_path) == [
        "model.safetensors",
        "config.json",
        "sub/extra.json",
        "chat_template.jinja",
        "tokenizer.model",
    ]


def test_a_json_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    put(tmp_path, "model.safetensors", "config.json")
    with pytest.raises(CommandFailed, match=r"invalid content type: expected binary for .*config\.json"):
        names(tmp_path)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "outside.safetensors")
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "model.safetensors").symlink_to(tmp_path / "outside.safetensors")
    with pytest.raises(CommandFailed, match=r"^insecure path: model\.safetensors$"):
        names(folder)


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    put(tmp_path, "data")
    (tmp_path / "model.safetensors").symlink_to(tmp_path / "data")
    assert names(tmp_path) == ["model.safetensors"]


def test_a_git_lfs_pointer_is_named(tmp_path: Path) -> None:
    put(tmp_path, "model.safetensors", content=b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(CommandFailed, match=r"model\.safetensors is a git-LFS pointer"):
        names(tmp_path)


def test_keys_are_relative_to_the_deepest_common_folder(tmp_path: Path) -> None:
    deep = put(tmp_path, "a/b/model.safetensors", "a/b/c/x.json")
    assert list(relative_keys(deep).values()) == ["model.safetensors", "c/x.json"]
    assert list(relative_keys(deep[:1]).values()) == ["model.safetensors"]
    assert relative_keys([]) == {}


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"", "text"), (b"{}\n\t", "text"), ("ü".encode(), "text"), (BINARY, "binary"), (b"PK\x03\x04", "zip")],
)
def test_content_is_told_by_its_first_bytes(tmp_path: Path, content: bytes, kind: str) -> None:
    (path,) = put(tmp_path, "x", content=content)
    assert sniff(path) == kind
