"""The GGUF header reader: what it reads, and everything it must refuse."""

from __future__ import annotations

import contextlib
import os
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.gguf_writer import TensorSpec, Typed, write_gguf, write_pairs

from pyollama.errors import GGUFError, NotGGUF
from pyollama.native import _gguf
from pyollama.native._gguf import ArrayValue, read_header
from pyollama.native.gguf_types import TENSOR_TYPES, VALUE_TYPES

Save = Callable[[bytes], Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Write bytes to a file."""

    def write(content: bytes) -> Path:
        path = tmp_path / "model.gguf"
        path.write_bytes(content)
        return path

    return write


def refused(path: Path, pattern: str) -> GGUFError:
    """The error of a file that must be refused for a reason that matches."""
    with pytest.raises(GGUFError, match=pattern) as caught:
        read_header(path)
    assert 0 <= caught.value.offset <= path.stat().st_size
    assert str(path) in str(caught.value)
    return caught.value


# --- what it reads ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("uint8", 255),
        ("int8", -128),
        ("uint16", 65_535),
        ("int16", -32_768),
        ("uint32", 2**32 - 1),
        ("int32", -(2**31)),
        ("uint64", 2**64 - 1),
        ("int64", -(2**63)),
        ("float32", 0.5),
        ("float64", 1e300),
        ("bool", True),
        ("string", "héllo 🦙"),
    ],
)
@pytest.mark.parametrize("version", [2, 3])
def test_scalars_of_every_type_keep_their_value(save: Save, kind: str, value: object, version: int) -> None:
    with read_header(save(write_gguf({"key": Typed(kind, value), "after": 7}, version=version))) as header:
        assert dict(header.metadata) == {"key": value, "after": 7}
        assert type(header.metadata["key"]) is type(value)
        assert header.version == version


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("int32", [1, -2, 3]),
        ("float64", [0.5, 1e300]),
        ("bool", [True, False]),
        ("string", ["a", "", "ünï"]),
        ("uint8", []),
    ],
)
def test_arrays_behave_as_sequences(save: Save, kind: str, values: list[object]) -> None:
    header = read_header(save(write_gguf({"list": Typed(kind, values), "after": 7})))

    array = header.metadata["list"]

    assert isinstance(array, ArrayValue)
    assert array.type_name == kind
    assert len(array) == len(values)
    assert array.tolist() == list(array) == [array[i] for i in range(len(values))] == values
    assert list(reversed(array)) == values[::-1]
    assert header.metadata["after"] == 7
    for outside in (len(values), -len(values) - 1):
        with pytest.raises(IndexError):
            array[outside]


def test_tensors_carry_shape_place_and_size(save: Save) -> None:
    content = write_gguf({}, [TensorSpec("a", "Q4_1", (64, 3)), TensorSpec("b", "F16", (5, 1, 2))])

    header = read_header(save(content))

    a, b = header.tensors
    assert (a.name, a.type, a.shape, a.n_bytes) == ("a", "Q4_1", (64, 3), 120)
    assert (b.name, b.type, b.shape, b.n_bytes) == ("b", "F16", (5, 1, 2), 20)
    assert (a.offset, b.offset) == (header.data_offset, header.data_offset + 128)
    assert header.parameter_count == 64 * 3 + 10
    assert header.file_size == len(content) == b.offset + b.n_bytes


def test_alignment_moves_the_data(save: Save) -> None:
    header = read_header(save(write_gguf({"general.alignment": 1024}, [TensorSpec("a"), TensorSpec("b")])))
    assert (header.alignment, header.data_offset % 1024, header.tensors[1].offset % 1024) == (1024, 0, 0)


def test_a_file_without_tensors_is_read(save: Save) -> None:
    header = read_header(save(write_gguf({"general.type": "vocab"})))
    assert (len(header.tensors), header.parameter_count) == (0, 0)


def test_text_that_is_no_utf8_is_shown_with_replacement_characters(save: Save) -> None:
    header = read_header(save(write_gguf({"text": b"a\xffb", "list": [b"\xff"]})))
    assert header.metadata["text"] == "a\ufffdb"
    assert list(header.metadata["list"]) == ["\ufffd"]  # type: ignore[call-overload]


def test_long_texts_are_decoded_when_asked_for(save: Save) -> None:
    long = "x" * (5 << 20)
    with read_header(save(write_gguf({"first": "a", "long": long, "last": "b"}))) as header:
        assert header.metadata["long"] == long
        assert header.metadata["last"] == "b"
    with pytest.raises(ValueError, match="closed"):
        header.metadata["long"]
    assert header.metadata["first"] == "a"


def test_arrays_of_a_closed_header_say_so(save: Save) -> None:
    with read_header(save(write_gguf({"text": ["a"], "numbers": [1], "name": "n"}))) as header:
        text, numbers = header.metadata["text"], header.metadata["numbers"]
    header.close()
    for array in (text, numbers):
        assert isinstance(array, ArrayValue)
        for use in (array.tolist, lambda array=array: array[0], lambda array=array: list(array)):
            with pytest.raises(ValueError, match="closed"):
                use()
    assert header.metadata["name"] == "n"


def test_the_real_model_is_read_whole(smollm2: Path) -> None:
    with read_header(smollm2) as header:
        tokens = header.metadata["tokenizer.ggml.tokens"]
        assert isinstance(tokens, ArrayValue)
        assert header.metadata["general.architecture"] == "llama"
        assert (len(tokens), tokens[1], tokens.tolist()[1]) == (49_152, "<|im_start|>", "<|im_start|>")
        assert (len(header.tensors), header.parameter_count) == (272, 134_515_008)
        assert header.tensors[-1].offset + header.tensors[-1].n_bytes == header.file_size


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors in /proc")
@pytest.mark.parametrize("content", [write_gguf({"a": ["b"]}), b"GGUF"])
def test_no_descriptor_stays_open(save: Save, tmp_path: Path, content: bytes) -> None:
    path = save(content)
    before = len(list(Path("/proc/self/fd").iterdir()))

    with contextlib.suppress(GGUFError):
        kept = read_header(path)
        assert kept.metadata
    with contextlib.suppress(OSError):
        read_header(tmp_path)

    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_reading_loads_no_native_model_code() -> None:
    code = "import sys; import pyollama.native._gguf; print([m for m in sys.modules if '_engine' in m or 'numpy' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- what it refuses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"GGU", b"hello, world", b"PK\x03\x04" + bytes(100), b"tjgg" + bytes(100)])
def test_another_kind_of_file_is_called_that(save: Save, content: bytes) -> None:
    error = refused(save(content), "not GGUF" if content[:1] == b"t" else "not a GGUF file")
    assert isinstance(error, NotGGUF)


def test_a_directory_and_a_pipe_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        read_header(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_header(tmp_path / "none")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotGGUF, match="not a regular file"):
        read_header(tmp_path / "pipe")


@pytest.mark.parametrize("start", [b"FUGG\x03\0\0\0", b"GGUF\0\0\0\x03"])
def test_big_endian_files_are_recognised(save: Save, start: bytes) -> None:
    refused(save(start + bytes(64)), "big-endian")


@pytest.mark.parametrize("version", [0, 1, 4, 2**32 - 1])
def test_other_versions_are_refused(save: Save, version: int) -> None:
    assert refused(save(write_gguf({}, version=version)), f"version {version} is not supported").offset == 4


@pytest.mark.parametrize("count", [2, 1000, 2**32, 2**64 - 1])
def test_counts_that_the_file_cannot_hold_are_refused(save: Save, count: int) -> None:
    refused(save(write_gguf({"a": True}, n_keys=count)), "claims|ends within|is empty")
    refused(save(write_gguf({"a": True}, n_tensors=count)), "claims|ends within|is empty")


@pytest.mark.parametrize("length", [100, 2**32, 2**63, 2**64 - 1])
def test_lengths_that_the_file_cannot_hold_are_refused(save: Save, length: int) -> None:
    lying = struct.pack("<Q", length)
    key = b"GGUF" + struct.pack("<IQQ", 3, 0, 1)
    refused(save(key + lying + bytes(40)), "ends within|is longer than")
    text = key + struct.pack("<Q", 1) + b"k" + struct.pack("<I", 8)
    refused(save(text + lying + bytes(40)), "ends within|is longer than")
    for element in (0, 5, 8, 12):
        array = key + struct.pack("<Q", 1) + b"k" + struct.pack("<II", 9, element)
        refused(save(array + lying + bytes(40)), "claims|is longer than|ends within")
    inner = key + struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, 8, 1)
    refused(save(inner + lying + bytes(40)), "ends within|is longer than")


@pytest.mark.parametrize("kind", [13, 255, 2**32 - 1])
def test_unknown_value_types_are_refused(save: Save, kind: int) -> None:
    key = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"k"
    refused(save(key + struct.pack("<I", kind) + bytes(40)), "unknown value type")
    refused(save(key + struct.pack("<II", 9, kind) + bytes(40)), "unknown element type")


def test_arrays_of_arrays_are_refused(save: Save) -> None:
    refused(save(write_gguf({"k": Typed("array", [[1]])})), "array of arrays")


def test_names_that_repeat_or_mislead_are_refused(save: Save) -> None:
    refused(save(write_pairs([("a", 1), ("a", 2)])), "'a' appears twice")
    refused(save(write_gguf({}, [TensorSpec("t"), TensorSpec("t")])), "'t' appears twice")
    refused(save(write_gguf({"a\0b": 1})), "contains a NUL")
    refused(save(write_gguf({"": 1})), "is empty")
    refused(save(write_gguf({"ab": 1}).replace(b"ab", b"a\xff")), "not valid UTF-8")
    refused(save(write_gguf({"k" * 65_536: 1})), "longer than 65535")
    refused(save(write_gguf({}, [TensorSpec("t" * 65)])), "longer than 64")


def test_token_text_and_token_count_are_limited(save: Save) -> None:
    assert len(read_header(save(write_gguf({"tokenizer.ggml.tokens": ["x" * 65_535]}))).metadata) == 1
    refused(save(write_gguf({"tokenizer.ggml.tokens": ["a", "x" * 65_536]})), "longer than 65535")
    path = save(write_gguf({"tokenizer.ggml.tokens": ["a", "b", "c"]}))
    assert read_header(path, max_tokens=3)
    with pytest.raises(GGUFError, match="3 entries, more than 2"):
        read_header(path, max_tokens=2)


def test_the_metadata_budget_is_kept(save: Save) -> None:
    path = save(write_gguf({"big": Typed("uint8", [0] * 100_000)}))
    assert read_header(path, metadata_budget=200_000)
    with pytest.raises(GGUFError, match="larger than 65536 bytes"):
        read_header(path, metadata_budget=1 << 16)


def test_vocabulary_arrays_of_other_lengths_are_refused(save: Save) -> None:
    vocabulary = {"tokenizer.ggml.tokens": ["a", "b"], "tokenizer.ggml.scores": Typed("float32", [0.0])}
    refused(save(write_gguf(vocabulary)), "scores has 1 entries for 2 tokens")


@pytest.mark.parametrize("alignment", [0, 3, 48, 131_072, "32", Typed("int32", -32), True, 32.0])
def test_bad_alignments_are_refused(save: Save, alignment: object) -> None:
    refused(save(write_gguf({"general.alignment": alignment})), "power of two")


@pytest.mark.parametrize("number", [4, 5, 31, 32, 33, 36, 37, 38, 43, 2**32 - 1])
def test_unknown_and_withdrawn_tensor_types_are_refused(save: Save, number: int) -> None:
    refused(save(write_gguf({}, [TensorSpec("t", number)])), f"unknown or withdrawn type {number}")


def test_tensors_of_impossible_shape_are_refused(save: Save) -> None:
    refused(save(write_gguf({}, [TensorSpec("t", shape=(1, 1, 1, 1, 1))])), "5 dimensions")
    refused(save(write_gguf({}, [TensorSpec("t", shape=(4, 0))])), "empty dimension")
    refused(save(write_gguf({}, [TensorSpec("t", "Q4_0", (33, 2), b"")])), "do not divide")
    refused(save(write_gguf({}, [TensorSpec("t", "F32", (), bytes(4))])), "0 dimensions, but must have 1 to 4")
    for shape in [(2**63,), (2**32, 2**32), (2**40, 2**40, 2**40, 2**40), (2**64 - 1, 2)]:
        refused(save(write_gguf({}, [TensorSpec("t", "F32", shape, b"")])), "too large")


def test_tensors_in_the_wrong_place_are_refused(save: Save) -> None:
    pair = [TensorSpec("a", shape=(64,)), TensorSpec("b", shape=(8,))]
    for offset, reason in [(16, "not aligned"), (32, "overlap"), (2**20, "past the end"), (2**64 - 32, "past the end")]:
        broken = [pair[0], TensorSpec("b", shape=(8,), offset=offset)]
        refused(save(write_gguf({}, broken)), reason)
    refused(save(write_gguf({}, pair)[:-1]), "'b' ends at .* past the end")


# --- the tables -------------------------------------------------------------------------------------------------------


def test_type_names_are_unique_and_found_by_number() -> None:
    assert len({kind.name for kind in TENSOR_TYPES.values()}) == len(TENSOR_TYPES)
    assert [VALUE_TYPES[number].name for number in (0, 7, 8, 12)] == ["uint8", "bool", "string", "float64"]


def test_tensor_types_are_those_of_the_pinned_native_tree() -> None:
    header = Path(__file__).parents[3] / "third_party/llama.cpp/ggml/include/ggml.h"
    if not header.exists():
        pytest.skip("the native tree is not unpacked here")
    found = re.findall(r"^ +GGML_TYPE_(\w+) *= (\d+),", header.read_text(), re.MULTILINE)
    assert {int(number): name for name, number in found if name != "COUNT"} == {
        number: kind.name for number, kind in TENSOR_TYPES.items()
    }


def test_the_module_exports_what_its_stub_declares() -> None:
    assert _gguf.Tensor._fields == ("name", "type", "shape", "offset", "n_bytes")
    assert {"ArrayValue", "Header", "Tensor", "read_header"} <= set(vars(_gguf))
