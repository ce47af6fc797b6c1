"""The GGUF reader on files nobody wrote on purpose: it reads or refuses them, within bounds, and never dies."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.gguf_writer import TensorSpec, Typed, write_gguf
from support.memory import bounded_memory

from pyollama.errors import GGUFError
from pyollama.native._gguf import ArrayValue, Header, read_header

MOST_MEMORY = 128 << 20  # bytes one open may allocate, whatever the file claims
TRUNCATIONS = 64 << 10
MUTATIONS = 5_000  # of each of two files
SMALL = 1_000  # elements of an array that are worth decoding in a loop of thousands


@dataclass(frozen=True)
class Sample:
    """A valid file. Past ``header`` it is tensor data, which nobody reads."""

    name: str
    header: bytes
    size: int
    table: int  # where the tensor table begins, about


def synthetic() -> Sample:
    metadata = {
        "general.architecture": "test",
        "general.alignment": 64,
        "numbers": Typed("int16", list(range(300))),
        "tokenizer.ggml.tokens": [f"tökèn{i}" for i in range(2_000)],
        "tokenizer.ggml.scores": Typed("float32", [0.5] * 2_000),
        "text": "x" * 3_000,
        **{f"test.{kind}": Typed(kind, 1) for kind in ("uint8", "int8", "uint64", "int64", "float64", "bool")},
    }
    tensors = [TensorSpec(f"blk.{i}.weight", kind, (256, 3)) for i, kind in enumerate(["F32", "Q4_K", "Q8_0", "BF16"])]
    content = write_gguf(metadata, tensors)
    table = content.index(b"blk.0.weight") - 8
    return Sample("synthetic", content, len(content), table)


def real(path: Path) -> Sample:
    """The header of a real model: 49,152 tokens, 272 tensors."""
    with read_header(path) as header, path.open("rb") as file:
        content = file.read(header.data_offset)
        return Sample("real", content, header.file_size, content.index(header.tensors[0].name.encode()) - 8)


@pytest.fixture(params=["synthetic", "real"])
def sample(request: pytest.FixtureRequest) -> Sample:
    return synthetic() if request.param == "synthetic" else real(request.getfixturevalue("smollm2"))


def use(header: Header) -> None:
    """Read what a caller would, so that a position the reader let pass shows."""
    for value in header.metadata.values():
        if isinstance(value, ArrayValue) and len(value):
            assert value[-1] == (value.tolist()[-1] if len(value) < SMALL else value[-1])
    for tensor in header.tensors:
        assert header.data_offset <= tensor.offset <= tensor.offset + tensor.n_bytes <= header.file_size


def test_every_truncation_is_an_error_with_an_offset(sample: Sample, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(sample.header[:TRUNCATIONS])
    with bounded_memory(MOST_MEMORY), path.open("r+b") as file:
        for length in reversed(range(min(TRUNCATIONS, len(sample.header)))):
            file.truncate(length)
            try:
                read_header(path)
            except GGUFError as error:
                assert 0 <= error.offset <= length
            else:
                pytest.fail(f"{length} bytes of {len(sample.header)} passed for a whole file")


def mutate(rng: random.Random, sample: Sample) -> tuple[int, bytes]:
    """A place and the bytes to put there. Prefers the places where numbers steer the reader."""
    end = len(sample.header)
    area = rng.choice([(0, 24), (0, min(2_048, end)), (sample.table, end), (0, end)])
    at = rng.randrange(*area)
    claim = rng.choice([0, 1, 2**8 - 1, 2**16, 2**24, 2**31, 2**32 - 1, 2**32, 2**62, 2**63, 2**64 - 1, end, end - at])
    new = rng.choice(
        [
            bytes([sample.header[at] ^ (1 << rng.randrange(8))]),
            rng.randbytes(rng.randrange(1, 9)),
            struct.pack("<Q", claim),
            struct.pack("<I", claim & 0xFFFF_FFFF),
            struct.pack("<I", rng.randrange(14)),
            sample.header[at + 1 : at + 40],
        ]
    )
    return at, new[: end - at]


def test_random_mutations_read_or_raise_our_error(sample: Sample, tmp_path: Path) -> None:
    rng = random.Random(20)
    path = tmp_path / "model.gguf"
    path.write_bytes(sample.header)
    refused = 0
    with bounded_memory(MOST_MEMORY), path.open("r+b", buffering=0) as file:
        file.truncate(sample.size)  # a hole instead of tensor data
        for _ in range(MUTATIONS):
            at, new = mutate(rng, sample)
            file.seek(at)
            file.write(new)
            try:
                with read_header(path) as header:
                    use(header)
            except GGUFError as error:
                assert 0 <= error.offset <= sample.size
                refused += 1
            file.seek(at)
            file.write(sample.header[at : at + len(new)])
    assert MUTATIONS // 10 < refused < MUTATIONS


def test_the_largest_header_that_is_allowed_stays_within_memory(tmp_path: Path) -> None:
    rare = "\U0001f999" + "x" * 3_000  # one wide character makes the decoded text four times as large
    metadata: dict[str, object] = {f"key.{i:05}.{'k' * 100}": rare if i % 64 == 0 else [True] for i in range(16_000)}
    filler = (64 << 20) - len(write_gguf(metadata)) - 1_000
    metadata["filler"] = b"\xff" * (16 << 20)
    metadata["more"] = Typed("string", [b"x" * (16 << 20)] * (filler // (16 << 20) - 1))
    tensors = [TensorSpec(f"{i:05}" + "t" * 50, shape=(1, 1, 1, 1)) for i in range(32_000)]
    path = tmp_path / "model.gguf"
    path.write_bytes(write_gguf(metadata, tensors))
    with bounded_memory(MOST_MEMORY):
        header = read_header(path)
        assert (len(header.metadata), len(header.tensors)) == (16_002, 32_000)
        assert header.metadata["key.00064." + "k" * 100] == rare


scalars = st.one_of(
    st.booleans(),
    st.integers(0, 2**32 - 1),
    st.floats(width=32, allow_nan=False),
    st.text(max_size=50),
)
arrays = st.one_of(
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20).map(lambda values: Typed("int64", values)),
    st.lists(st.text(max_size=20), max_size=20).map(lambda values: Typed("string", values)),
    st.lists(st.booleans(), max_size=20).map(lambda values: Typed("bool", values)),
)
keys = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(st.dictionaries(keys.filter(lambda key: not key.startswith("general.")), scalars | arrays, max_size=10))
def test_reading_inverts_writing(tmp_path: Path, metadata: dict[str, object]) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(write_gguf(metadata))
    with read_header(path) as header:
        read = {
            key: value.tolist() if isinstance(value, ArrayValue) else value for key, value in header.metadata.items()
        }
    assert read == {key: value.value if isinstance(value, Typed) else value for key, value in metadata.items()}
