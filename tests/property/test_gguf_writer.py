"""What the writer writes, our reader and the format's own one read back."""

from __future__ import annotations

import io
import struct
from math import prod
from pathlib import Path
from typing import Any

import pytest
from gguf import GGUFReader
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyollama.gguf import TensorPlan, Typed, Writer
from pyollama.native._gguf import ArrayValue, read_header
from pyollama.native.gguf_types import TENSOR_TYPES, VALUE_TYPES

INTEGERS = {kind.name: kind.code for kind in VALUE_TYPES if kind.code in set("bBhHiIqQ")}


def of_type(kind: str) -> st.SearchStrategy[Any]:
    if kind in INTEGERS:
        bits = 8 * struct.calcsize(INTEGERS[kind])
        signed = INTEGERS[kind].islower()
        return st.integers(-(1 << (bits - 1)) if signed else 0, (1 << (bits - signed)) - 1)
    width = {"float32": 32, "float64": 64}
    if kind in width:
        return st.floats(width=width[kind], allow_nan=False)  # type: ignore[arg-type]
    return st.booleans() if kind == "bool" else st.text(max_size=20)


KINDS = [kind.name for kind in VALUE_TYPES if kind.name != "array"]
VALUES = st.sampled_from(KINDS).flatmap(
    lambda kind: st.one_of(of_type(kind), st.lists(of_type(kind), max_size=5)).map(lambda value: Typed(kind, value))
)
METADATA = st.dictionaries(st.from_regex(r"[a-z]{1,8}\.[a-z]{1,8}", fullmatch=True), VALUES, max_size=6)
SHAPES = st.sampled_from([kind for kind in TENSOR_TYPES.values() if kind.name in {"F32", "F16", "Q4_0", "Q6_K", "I8"}])


@st.composite
def tensors(draw: st.DrawFn) -> dict[TensorPlan, bytes]:
    plans = {}
    for number in range(draw(st.integers(0, 4))):
        kind = draw(SHAPES)
        shape = (kind.block_size * draw(st.integers(1, 3)), *draw(st.lists(st.integers(1, 3), max_size=3)))
        plan = TensorPlan(f"blk.{number}.weight", kind.name, shape)
        plans[plan] = draw(st.binary(min_size=plan.n_bytes, max_size=plan.n_bytes))
    return plans


@pytest.mark.parametrize("alignment", [32, 256])
@given(metadata=METADATA, planned=tensors())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_both_readers_read_back_what_is_written(
    tmp_path: Path, alignment: int, metadata: dict[str, Typed], planned: dict[TensorPlan, bytes]
) -> None:
    file = io.BytesIO()
    writer = Writer(file, {**metadata, "general.alignment": alignment}, list(planned))
    for data in planned.values():
        writer.write(data)
    writer.finish()
    path = tmp_path / "written.gguf"
    path.write_bytes(file.getvalue())
    assert writer.total == path.stat().st_size

    with read_header(path) as header:
        assert list(header.metadata) == [*metadata, "general.alignment"]
        for key, value in metadata.items():
            read = header.metadata[key]
            assert (read.tolist() if isinstance(read, ArrayValue) else read) == value.value
            assert type(read) is (ArrayValue if isinstance(value.value, list) else type(value.value))
        assert [(t.name, t.type, t.shape) for t in header.tensors] == [(t.name, t.type, t.shape) for t in planned]
        assert header.parameter_count == sum(prod(plan.shape) for plan in planned)
        for tensor, data in zip(header.tensors, planned.values(), strict=True):
            assert path.read_bytes()[tensor.offset : tensor.offset + tensor.n_bytes] == data

    if any(value.value == [] for value in metadata.values()):
        return  # the other reader takes no empty arrays
    other = GGUFReader(path)
    for key, value in metadata.items():
        if not isinstance(value.value, list):
            assert other.fields[key].contents() == value.value
    for found, (plan, data) in zip(other.tensors, planned.items(), strict=True):
        assert (found.name, found.tensor_type.name, tuple(map(int, found.shape))) == (plan.name, plan.type, plan.shape)
        assert found.data.tobytes() == data
