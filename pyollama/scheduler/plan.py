"""What to load: context and pool sizes from the options, the model's header and the memory at hand."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pyollama.config import Settings
from pyollama.errors import NotEnoughMemory
from pyollama.scheduler.memory import PROCESS_BYTES, ModelFacts, size_text
from pyollama.scheduler.options import Options
from pyollama.scheduler.placement import Placement
from pyollama.wire.runner import LoadSpec

AUTOMATIC_CONTEXT = 4096  # tokens
LEAST_AUTOMATIC_CONTEXT = 2048  # tokens; where memory is short
LEAST_CONTEXT = 4  # tokens
CONTEXTS_PER_POOL = 2
SMALLEST_POOL = 8192  # tokens
POOL_STEP = 256  # tokens; the engine rounds up to it
MOST_CELLS = (1 << 31) - POOL_STEP  # the engine counts them in 32 bits
SEQUENCES = 64
RECURRENT_SEQUENCES = 8  # each has a state of its own, however short it is
EMBEDDING_BATCH = 2048  # tokens
LIMIT_MARGIN = 512 << 20  # bytes
STACK_BYTES = 8 << 20  # of a thread, on Linux


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """A model as it is going to be loaded."""

    spec: LoadSpec
    placement: Placement
    facts: ModelFacts
    n_ctx: int  # tokens that the request which caused the load may hold
    needed: int  # bytes in all, estimated
    embedding: int  # bytes that the context for embeddings adds once it is used, estimated

    @property
    def n_ctx_train(self) -> int:
        return self.facts.n_ctx_train

    def serves_batch(self, options: Options) -> bool:
        """Whether its batches are as large as those that these options mean: larger ones do as well. An automatic
        batch is that of the context it was loaded for."""
        wanted = batch_size(options, self.facts, self.n_ctx)
        return min(wanted, self.spec.n_cells) <= self.spec.n_batch


def context_length(options: Options, n_ctx_train: int) -> int:
    """Tokens one request may hold: as asked for, else automatic; never more than the model was trained on."""
    wanted = options.num_ctx or AUTOMATIC_CONTEXT
    return max(LEAST_CONTEXT, min(wanted, n_ctx_train or wanted, MOST_CELLS))


def make_plan(facts: ModelFacts, options: Options, settings: Settings, available: float) -> LoadPlan:
    """Decide how to load a model into ``available`` bytes.

    The pool may grow to CONTEXTS_PER_POOL contexts, and to SMALLEST_POOL tokens at least, but beyond the one that was
    asked for it may take a quarter of the memory at most. A context that nobody asked for shrinks before the load is
    refused.

    Raises:
        NotEnoughMemory: weights, buffers and the smallest pool do not fit.
    """
    n_ctx = context_length(options, facts.n_ctx_train)
    n_seq_max = RECURRENT_SEQUENCES if facts.state_bytes else SEQUENCES
    n_batch = max(batch_size(options, facts, n_ctx), n_seq_max)  # a step has a row for every sequence
    n_batch = min(n_batch, max(CONTEXTS_PER_POOL * n_ctx, SMALLEST_POOL))  # the engine's own limit
    cell = facts.cell_bytes(settings.kv_cache_type) + facts.attention_bytes(n_batch, settings.flash_attention)
    buffers = facts.compute_bytes(n_batch, n_seq_max) + facts.state_bytes * n_seq_max
    fixed = facts.file_bytes + buffers + PROCESS_BYTES
    floor = n_ctx if options.num_ctx else min(n_ctx, LEAST_AUTOMATIC_CONTEXT)
    contexts = 1 if facts.pooling else CONTEXTS_PER_POOL
    held = n_ctx
    if facts.pooling:  # requests that name no context get the automatic one, whoever came first
        held = max(n_ctx, min(facts.n_ctx_train or n_ctx, AUTOMATIC_CONTEXT))
    n_cells = _cells(held, floor, contexts, cell, available - fixed)
    if fixed + floor * cell > available:
        raise NotEnoughMemory(size_text(fixed + floor * cell), size_text(available))
    placement = Placement.of(options, facts)
    spec = LoadSpec(
        model=list(facts.files),
        adapters=list(facts.adapters),
        n_ctx=min(n_cells, facts.n_ctx_train or n_cells),
        n_cells=n_cells,
        n_seq_max=n_seq_max,
        n_batch=n_batch,
        n_threads=placement.n_threads,
        n_threads_batch=placement.n_threads,
        n_gpu_layers=placement.n_gpu_layers,
        main_gpu=placement.main_gpu,
        use_mmap=options.use_mmap,
        use_mlock=placement.use_mlock,
        flash_attention=settings.flash_attention,
        kv_cache_type=settings.kv_cache_type,
        rope_frequency_base=placement.rope_frequency_base,
        rope_frequency_scale=placement.rope_frequency_scale,
        trust_control_tokens=settings.trust_control_tokens,
    )
    spec.n_cells_start = min(_in_steps(held), n_cells)  # the pool grows when more is needed
    needed = fixed + n_cells * cell
    embedding = 0 if facts.pooling else spec.n_ctx * cell + facts.compute_bytes(n_batch, n_seq_max)
    spec.memory_limit = needed + n_cells * cell + embedding + _margin(placement.n_threads)  # requests may be parked
    return LoadPlan(spec, placement, facts, min(n_ctx, n_cells), needed, embedding)


def _margin(n_threads: int) -> int:
    """Memory beyond the plan that a runner may take: for prompts, templates, and two pools of threads."""
    return LIMIT_MARGIN + 2 * n_threads * STACK_BYTES


def _cells(n_ctx: int, floor: int, contexts: int, cell: int, room: float) -> int:
    """Tokens in the pool, a multiple of POOL_STEP. A single context needs no more than itself."""
    wanted = max(contexts * n_ctx, SMALLEST_POOL) if contexts > 1 else n_ctx
    if cell and room < math.inf:
        affordable = max(floor, int(room / cell))
        comfortable = max(n_ctx, int(room / 4 / cell))
        wanted = min(wanted, affordable, comfortable)
    return _in_steps(wanted)


def _in_steps(cells: int) -> int:
    return min(math.ceil(cells / POOL_STEP) * POOL_STEP, MOST_CELLS)


def batch_size(options: Options, facts: ModelFacts, n_ctx: int) -> int:
    """Prompt tokens per batch."""
    if options.num_batch:
        return options.num_batch
    if facts.pooling:
        return min(EMBEDDING_BATCH, n_ctx)
    if n_ctx > 32768:
        return 2048
    return 1024 if n_ctx > 4096 else 512
