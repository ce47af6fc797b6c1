"""A header may claim anything: what is told of it stays within bounds, and refusals are our own."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support import library
from support.gguf_writer import Typed
from support.memory import bounded_memory

from pyollama.config import Settings
from pyollama.create import CreateSpec, create
from pyollama.errors import LoadFailed, NotEnoughMemory, PyollamaError
from pyollama.gguf.keys import BOUNDS
from pyollama.scheduler.memory import read_facts
from pyollama.scheduler.options import Options
from pyollama.scheduler.plan import make_plan
from pyollama.store import ModelName, Store
from pyollama.store.show import show

MOST_MEMORY = 64 << 20  # bytes that one file of some kilobytes may take

KEYS = [
    *("general.architecture", "general.name", "general.type", "general.file_type", "general.parameter_count"),
    *("split.no", "split.count", "split.tensors.count", "clip.has_vision_encoder", "clip.has_audio_encoder"),
    *("tokenizer.ggml.model", "tokenizer.ggml.tokens", "tokenizer.chat_template", "tokenizer.ggml.eos_token_id"),
    *(f"llama.{suffix}" for suffix in BOUNDS),
    *("llama.pooling_type", "llama.vision.block_count", "llama.attention.causal", "llama.rope.freq_base"),
    *("llama.rope.scaling.factor", "llama.attention.sliding_window", "llama.expert_count"),
]
SCALARS = st.one_of(
    st.sampled_from([0, 1, -1, 2**31 - 1, 2**31, 2**32 - 1, 4096, 4097]).map(lambda n: Typed("int64", n)),
    st.integers(0, 2**64 - 1).map(lambda n: Typed("uint64", n)),
    st.floats().map(lambda x: Typed("float64", x)),
    st.booleans(),
    st.sampled_from(["", "llama", "clip", "adapter", "mmproj", "\0", "{{ messages }}", "{% for %}", "x" * 5000]),
    st.text(max_size=20),
)
ARRAYS = st.one_of(
    st.lists(st.integers(0, 2**64 - 1), max_size=4).map(lambda values: Typed("uint64", values)),
    st.lists(st.floats(), max_size=4).map(lambda values: Typed("float64", values)),
    st.lists(st.text(max_size=5), max_size=4).map(lambda values: Typed("string", values)),
    st.sampled_from([4096, 4097, 100_000]).map(lambda count: Typed("uint8", [255] * count)),
)


@given(st.dictionaries(st.sampled_from(KEYS), SCALARS | ARRAYS, max_size=6))
@example({"llama.block_count": 2**32 - 1})
@example({"llama.context_length": Typed("uint64", 2**64 - 1), "llama.embedding_length": math.inf})
@example({"llama.block_count": 4096, "llama.attention.head_count_kv": Typed("uint32", [2**32 - 1] * 4096)})
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_b1_no_value_of_a_header_breaks_what_is_told_of_a_model(tmp_path: Path, metadata: dict[str, Any]) -> None:
    store = Store(tmp_path)
    content = library.tiny_gguf(metadata)
    library.put_model(tmp_path, "m", [("model", content), ("projector", content)])
    model = store.open_model(ModelName.parse("m"))
    with bounded_memory(MOST_MEMORY):
        assert 0 <= model.lengths.get("context_length", 0) < 2**31
        assert 0 <= model.lengths.get("embedding_length", 0) < 2**31
        for verbose in (False, True):
            show(model, verbose=verbose)
    with bounded_memory(MOST_MEMORY), contextlib.suppress(LoadFailed, NotEnoughMemory):
        make_plan(read_facts(model.model_paths, []), Options(), Settings(), 1 << 40)
    with bounded_memory(MOST_MEMORY), contextlib.suppress(PyollamaError):
        list(create(store, CreateSpec("n", files={"t.gguf": library.put_blob(tmp_path, content)})))
