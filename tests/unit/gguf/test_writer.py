"""The writer of GGUF files: whole and aligned, or refused."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from pyollama.gguf import Raw, TensorPlan, Typed, Writer
from pyollama.gguf.values import encode
from pyollama.native._gguf import read_header
from pyollama.store import Digest, Store


def written(metadata: dict, tensors: dict[TensorPlan, bytes], piece: int = 1 << 20) -> bytes:
    file = io.BytesIO()
    writer = Writer(file, metadata, list(tensors))
    for data in tensors.values():
        for at in range(0, len(data), piece):
            writer.write(data[at : at + piece])
    writer.finish()
    return file.getvalue()


def test_a_value_of_another_file_is_copied_to_the_byte(tmp_path: Path) -> None:
    values = {"a": Typed("int8", [1, 2]), "b": "text", "c": b"\xff", "d": Typed("float64", 0.1), "e": ["x", "y"]}
    first = tmp_path / "first"
    first.write_bytes(written(values, {}))
    with read_header(first) as header:
        copied = {key: Raw(header.raw(key)) for key in header.metadata}
        assert header.position("a") == header.position("missing") == 24
        assert first.read_bytes()[header.position("d") :].startswith(b"\1\0\0\0\0\0\0\0d")
    assert written(copied, {}) == first.read_bytes()
    with pytest.raises(ValueError, match="closed"):
        header.raw("a")


@pytest.mark.parametrize("alignment", [None, 1, 64, 4096])
def test_data_may_be_cut_anywhere_and_is_aligned(tmp_path: Path, alignment: int | None) -> None:
    metadata = {} if alignment is None else {"general.alignment": alignment}
    tensors = {TensorPlan(f"t{n}", "F32", (n, 3)): bytes([n] * 12 * n) for n in range(1, 4)}
    whole = written(metadata, tensors)
    assert all(written(metadata, tensors, piece) == whole for piece in (1, 7, 36))
    assert len(whole) % (alignment or 32) == 0
    path = tmp_path / "m"
    path.write_bytes(whole)
    with read_header(path) as header:
        for tensor, data in zip(header.tensors, tensors.values(), strict=True):
            assert whole[tensor.offset : tensor.offset + tensor.n_bytes] == data


def test_the_digest_is_known_when_the_last_byte_is_written(tmp_path: Path) -> None:
    store = Store(tmp_path)
    plan = TensorPlan("t", "F16", (4,))
    with store.blobs.writer() as blob:
        writer = Writer(blob, {"a": 1}, [plan])
        writer.write(bytes(8))
        writer.finish()
        digest, _ = blob.commit()
    assert digest == Digest.of(written({"a": 1}, {plan: bytes(8)}))
    assert store.blobs.size(digest) == writer.total == writer.done


@pytest.mark.parametrize(
    ("value", "kind"),
    [(True, 7), (1, 4), (-1, 5), (2**32, 10), (-(2**31) - 1, 11), (0.5, 6), ("x", 8), ([], 9), ([1, -1], 9)],
)
def test_plain_values_have_the_first_type_that_holds_them(value: object, kind: int) -> None:
    assert encode(value)[0] == kind


@pytest.mark.parametrize(
    "value",
    [
        None,
        object(),
        2**64,
        [1, "x"],
        ["x", 1],
        [-1, 2**63],
        Typed("uint8", 256),
        Typed("float32", 1e300),
        Typed("string", 5),
        Typed("int32", "5"),
        Typed("unheard", 1),
        Typed("array", [[1]]),
    ],
)
def test_values_that_the_format_does_not_have_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"GGUF|type|written"):
        encode(value)


@pytest.mark.parametrize(
    ("name", "kind", "shape"),
    [
        ("", "F32", (1,)),
        ("n" * 65, "F32", (1,)),
        ("a\0b", "F32", (1,)),
        ("t", "F99", (1,)),
        ("t", "F32", ()),
        ("t", "F32", (1, 1, 1, 1, 1)),
        ("t", "F32", (4, 0)),
        ("t", "Q4_0", (33,)),
    ],
)
def test_tensors_that_cannot_be_are_refused(name: str, kind: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"tensor|blocks"):
        TensorPlan(name, kind, shape)


@pytest.mark.parametrize("alignment", [0, 3, 1 << 17, "32", 32.0, True, [32]])
def test_alignments_that_no_reader_takes_are_refused(alignment: object) -> None:
    with pytest.raises(ValueError, match="power of two"):
        Writer(io.BytesIO(), {"general.alignment": alignment}, [])


def test_an_integer_of_any_type_may_be_the_alignment() -> None:
    assert len(written({"general.alignment": Typed("uint64", 512)}, {})) == 512


def test_too_little_too_much_and_twice_the_same_are_refused() -> None:
    plan = TensorPlan("t", "F32", (2,))
    with pytest.raises(ValueError, match="same name"):
        Writer(io.BytesIO(), {}, [plan, plan])
    writer = Writer(io.BytesIO(), {}, [plan])
    writer.write(bytes(5))
    with pytest.raises(ValueError, match="4 bytes for a tensor that lacks 3"):
        writer.write(bytes(4))
    with pytest.raises(ValueError, match=r"has \d+ of \d+ bytes"):
        writer.finish()
    writer.write(bytes(3))
    writer.finish()
    with pytest.raises(ValueError, match="lacks 0"):
        writer.write(b"x")
