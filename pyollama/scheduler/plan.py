"""What to load: context and pool sizes from the options, the model's header and the memory at hand."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pyollama.config import Settings
from pyollama.errors import NotEnoughMemory
from pyollama.scheduler.memory import PROCESS_BYTES, ModelFacts, size_text
from pyollama.scheduler.options import Options
from pyollama.wire.runner import LoadSpec

AUTOMATIC_CONTEXT = 4096  # tokens
LEAST_AUTOMATIC_CONTEXT = 2048  # tokens; where memory is short
LEAST_CONTEXT = 4  # tokens
SMALLEST_POOL = 8192  # tokens
POOL_STEP = 256  # tokens; the engine rounds up to it
SEQUENCES = 64
RECURRENT_SEQUENCES = 8  # each has a state of its own, however short it is
EMBEDDING_BATCH = 2048  # tokens


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """A model as it is going to be loaded."""

    spec: LoadSpec
    n_ctx: int  # tokens that the request which caused the load may hold
    n_ctx_train: int
    needed: int  # bytes in all, estimated


def context_length(options: Options, n_ctx_train: int) -> int:
    """Tokens one request may hold: as asked for, else automatic; never more than the model was trained on."""
    wanted = options.num_ctx or AUTOMATIC_CONTEXT
    return max(LEAST_CONTEXT, min(wanted, n_ctx_train or wanted))


def make_plan(facts: ModelFacts, options: Options, settings: Settings, available: float) -> LoadPlan:
    """Decide how to load a model into ``available`` bytes.

    The pool holds two contexts and at least SMALLEST_POOL tokens, but beyond the one context that was asked for it may
    take a quarter of the memory at most. A context that nobody asked for shrinks before the load is refused.

    Raises:
        NotEnoughMemory: weights, buffers and the smallest pool do not fit.
    """
    n_ctx = context_length(options, facts.n_ctx_train)
    n_batch = _batch(options, facts, n_ctx)
    n_seq_max = RECURRENT_SEQUENCES if facts.state_bytes else SEQUENCES
    cell = facts.cell_bytes(settings.kv_cache_type)
    buffers = facts.compute_bytes(n_batch, n_seq_max) + facts.state_bytes * n_seq_max
    fixed = facts.file_bytes + buffers + PROCESS_BYTES
    floor = n_ctx if options.num_ctx else min(n_ctx, LEAST_AUTOMATIC_CONTEXT)
    n_cells = _cells(n_ctx, floor, cell, available - fixed)
    if fixed + floor * cell > available:
        raise NotEnoughMemory(size_text(fixed + floor * cell), size_text(available))
    spec = LoadSpec(
        model=list(facts.files),
        adapters=list(facts.adapters),
        n_ctx=min(n_cells, facts.n_ctx_train or n_cells),
        n_cells=n_cells,
        n_seq_max=n_seq_max,
        n_batch=n_batch,
        n_threads=options.num_thread or 0,
        n_threads_batch=options.num_thread or 0,
        n_gpu_layers=-1 if options.num_gpu is None else options.num_gpu,
        main_gpu=options.main_gpu,
        use_mmap=options.use_mmap,
        use_mlock=bool(options.use_mlock),
        flash_attention=settings.flash_attention,
        kv_cache_type=settings.kv_cache_type,
        rope_frequency_base=options.rope_frequency_base or 0.0,
        rope_frequency_scale=options.rope_frequency_scale or 0.0,
    )
    return LoadPlan(spec, min(n_ctx, n_cells), facts.n_ctx_train, fixed + n_cells * cell)


def _cells(n_ctx: int, floor: int, cell: int, room: float) -> int:
    """Tokens in the pool, a multiple of POOL_STEP."""
    wanted = max(2 * n_ctx, SMALLEST_POOL)
    if cell and room < math.inf:
        affordable = max(floor, int(room / cell))
        comfortable = max(n_ctx, int(room / 4 / cell))
        wanted = min(wanted, affordable, comfortable)
    return math.ceil(wanted / POOL_STEP) * POOL_STEP


def _batch(options: Options, facts: ModelFacts, n_ctx: int) -> int:
    """Prompt tokens per batch (api.md section 6.1)."""
    if options.num_batch:
        return options.num_batch
    if facts.pooling:
        return min(EMBEDDING_BATCH, n_ctx)
    if n_ctx > 32768:
        return 2048
    return 1024 if n_ctx > 4096 else 512
