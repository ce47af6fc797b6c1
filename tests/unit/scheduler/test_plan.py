import math
import os
from dataclasses import replace
from pathlib import Path

import pytest
from support.gguf_writer import Typed
from support.stored_models import header_only

from pyollama.config import Settings
from pyollama.errors import LoadFailed, NotEnoughMemory
from pyollama.gguf.keys import BOUNDS
from pyollama.scheduler.memory import ModelFacts, read_facts, size_text
from pyollama.scheduler.options import Options
from pyollama.scheduler.plan import LoadPlan, make_plan

GIB = 1 << 30
SETTINGS = Settings()
PLAIN = Options()
FACTS = ModelFacts(
    files=("/weights",),
    adapters=(),
    file_bytes=1 * GIB,
    n_ctx_train=131072,
    n_layer=16,
    n_embd=2048,
    n_ff=8192,
    n_head=32,
    n_vocab=32000,
    key_width=16 * 8 * 64,
    value_width=16 * 8 * 64,
    pooling=False,
)
CELL = FACTS.cell_bytes("f16") + FACTS.attention_bytes(512, None)


def plan(options: Options = PLAIN, available: float = math.inf, facts: ModelFacts = FACTS) -> LoadPlan:
    return make_plan(facts, options, SETTINGS, available)


@pytest.fixture
def facts_of(tmp_path: Path):
    def read(**changes: object) -> ModelFacts:
        path = tmp_path / "model.gguf"
        path.write_bytes(header_only(**changes))
        return read_facts([path], [])

    return read


# --- the header ---


def test_a_cell_holds_keys_and_values_of_every_layer(facts_of) -> None:
    facts = facts_of()  # 2 layers, 2 of 4 heads of width 16
    assert facts.cell_bytes("f16") == 2 * 2 * (16 + 16) * 2
    assert facts.cell_bytes("q8_0") == 2 * 2 * (16 + 16) * 8.5 / 8


def test_head_widths_and_head_counts_per_layer_are_read(facts_of) -> None:
    facts = facts_of(
        **{"llama.attention.key_length": 32, "llama.attention.value_length": 8},
        llama__attention__head_count_kv=Typed("uint32", [1, 3]),
    )
    assert (facts.key_width, facts.value_width) == (4 * 32, 4 * 8)


def test_compressed_attention_keeps_one_vector_per_layer(facts_of) -> None:
    facts = facts_of(
        llama__attention__key_length_mla=192, llama__attention__kv_lora_rank=512, llama__rope__dimension_count=64
    )
    assert (facts.key_width, facts.value_width) == (2 * 576, 0)


def test_an_encoder_keeps_nothing(facts_of) -> None:
    facts = facts_of(llama__pooling_type=1, llama__attention__causal=False)
    assert facts.cell_bytes("f16") == 0
    assert facts.pooling


@pytest.mark.parametrize("nonsense", ["many", Typed("uint32", 2**32 - 1), math.nan, math.inf, Typed("int32", -3), True])
def test_b1_nonsense_in_the_header_is_refused_by_name(facts_of, nonsense: object) -> None:
    names = ("block_count", "context_length", "embedding_length", "feed_forward_length", "rope.scaling.factor")
    names += ("attention.head_count", "attention.head_count_kv", "ssm.inner_size")
    for name in names:
        if name == "rope.scaling.factor" and isinstance(nonsense, Typed) and nonsense.type == "uint32":
            continue  # a large factor
        with pytest.raises(LoadFailed, match=rf"llama\.{name} is .*, but must be a .*number .*\(at byte \d+\)"):
            facts_of(**{f"llama.{name}": nonsense})


@pytest.mark.parametrize("count", [1, 3, 4096, 100_000])
def test_b1_a_number_per_layer_is_one_for_each(facts_of, count: int) -> None:
    with pytest.raises(LoadFailed, match=r"attention\.head_count_kv has"):
        facts_of(llama__attention__head_count_kv=Typed("uint32", [1] * count))


def test_b1_the_largest_numbers_allowed_make_a_plan(facts_of) -> None:
    claims = {f"llama.{suffix}": Typed("uint64", most) for suffix, most in BOUNDS.items()}
    facts = facts_of(**claims)
    with pytest.raises(NotEnoughMemory):
        plan(facts=facts, available=1 << 40)


def test_c3_an_adapter_is_checked_before_the_engine_opens_it(tmp_path: Path) -> None:
    weights, pipe, text = tmp_path / "weights", tmp_path / "pipe", tmp_path / "text"
    weights.write_bytes(header_only())
    text.write_text("no adapter")
    os.mkfifo(pipe)
    with pytest.raises(LoadFailed, match=r"pipe: not a regular file \(at byte 0\)"):
        read_facts([weights], [pipe])
    with pytest.raises(LoadFailed, match="text: not a GGUF file"):
        read_facts([weights], [text])


def test_a_model_without_weights_is_refused() -> None:
    with pytest.raises(LoadFailed, match="no weights"):
        read_facts([], [])


def test_unrelated_weights_leave_the_last_one(tmp_path: Path) -> None:
    first, last = tmp_path / "first", tmp_path / "last"
    first.write_bytes(header_only())
    last.write_bytes(header_only())
    assert read_facts([first, last], []).files == (str(last),)


def test_parts_of_a_split_model_go_together(tmp_path: Path) -> None:
    paths = [tmp_path / "first", tmp_path / "last"]
    for path in paths:
        path.write_bytes(header_only(split__count=Typed("uint16", 2)))
    facts = read_facts(paths, [])
    assert facts.files == tuple(map(str, paths))
    assert facts.file_bytes == sum(path.stat().st_size for path in paths)


# --- the plan ---


def test_without_flash_attention_the_scores_of_a_batch_count() -> None:
    """For 131,072 tokens, 2,048 rows and 32 heads they are four times the pool."""
    options = Options(num_ctx=131072, num_batch=2048)
    fast, slow = (
        make_plan(FACTS, options, replace(SETTINGS, flash_attention=flash), math.inf) for flash in (True, False)
    )
    cells = fast.spec.n_cells
    assert slow.needed - fast.needed == cells * 2048 * (4 * (1 + 32) - 2)


def test_a_batch_is_never_larger_than_what_the_engine_takes() -> None:
    assert plan(Options(num_batch=2_000_000_000)).spec.n_batch == plan().spec.n_cells


@pytest.mark.parametrize("num_ctx", [4_000_000, 2**31 - 1])
def test_a_pool_has_at_most_as_many_tokens_as_the_engine_counts(num_ctx: int) -> None:
    made = plan(Options(num_ctx=num_ctx), facts=replace(FACTS, n_ctx_train=0))
    assert num_ctx <= made.spec.n_cells + 256 <= 2**31
    with pytest.raises(NotEnoughMemory):
        plan(Options(num_ctx=num_ctx), facts=replace(FACTS, n_ctx_train=0), available=64 * GIB)


@pytest.mark.parametrize("num_ctx", [3, -1, -(2**31)])
def test_a_context_is_at_least_4(num_ctx: int) -> None:
    """A177"""
    assert plan(Options(num_ctx=num_ctx)).n_ctx == 4


def test_a_context_of_0_is_automatic() -> None:
    assert plan(Options(num_ctx=0)).n_ctx == 4096


@pytest.mark.parametrize(
    ("num_ctx", "n_ctx", "n_cells"), [(None, 4096, 8192), (1000, 1000, 8192), (16384, 16384, 32768), (1, 4, 8192)]
)
def test_the_pool_holds_two_contexts_and_never_less_than_8192(num_ctx: int | None, n_ctx: int, n_cells: int) -> None:
    made = plan(Options(num_ctx=num_ctx))
    assert (made.n_ctx, made.spec.n_cells) == (n_ctx, n_cells)
    assert n_ctx <= made.spec.n_cells_start < n_ctx + 256  # it starts with one context


def test_the_context_ends_where_the_training_did() -> None:
    assert plan(Options(num_ctx=10**6)).n_ctx == 131072


def test_beyond_one_context_the_pool_takes_a_quarter_of_the_memory() -> None:
    made = plan(Options(num_ctx=65536), available=12 * GIB)
    assert made.spec.n_cells < 2 * 65536
    assert made.spec.n_cells >= 65536
    assert made.needed <= 12 * GIB


def test_an_automatic_context_shrinks_where_memory_is_short() -> None:
    fixed = plan().needed - 8192 * CELL
    made = plan(available=fixed + 3000 * CELL)
    assert 2048 <= made.n_ctx <= 3072


def test_an_explicit_context_that_does_not_fit_is_refused_with_sizes() -> None:
    with pytest.raises(NotEnoughMemory, match=r"\((\d+\.\d) GiB\) than is available \(2\.0 GiB\)"):
        plan(Options(num_ctx=131072), available=2 * GIB)


def test_weights_that_do_not_fit_are_refused() -> None:
    with pytest.raises(NotEnoughMemory):
        plan(available=1 * GIB)


@pytest.mark.parametrize(("num_ctx", "n_batch"), [(None, 512), (4096, 512), (8192, 1024), (65536, 2048)])
def test_the_batch_grows_with_the_context(num_ctx: int | None, n_batch: int) -> None:
    assert plan(Options(num_ctx=num_ctx)).spec.n_batch == n_batch


def test_an_embedding_model_takes_a_whole_text_per_batch() -> None:
    assert plan(facts=replace(FACTS, pooling=True, n_ctx_train=512)).spec.n_batch == 512


def test_explicit_load_options_reach_the_engine() -> None:
    options = Options(num_batch=600, num_thread=3, num_gpu=0, main_gpu=1, use_mmap=False, rope_frequency_base=5.0)
    spec = plan(options).spec
    assert (spec.n_batch, spec.n_threads, spec.n_threads_batch) == (600, 3, 3)
    assert (spec.n_gpu_layers, spec.main_gpu, spec.use_mmap, spec.rope_frequency_base) == (0, 1, False, 5.0)


@pytest.mark.parametrize(("size", "text"), [(512, "0.5 KiB"), (3 << 19, "1.5 MiB"), (5 * GIB, "5.0 GiB")])
def test_sizes_have_one_decimal(size: int, text: str) -> None:
    assert size_text(size) == text
