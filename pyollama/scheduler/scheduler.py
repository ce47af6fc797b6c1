"""Which models are loaded: admission, queue, eviction and expiry."""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime

import trio

from pyollama.config import Settings
from pyollama.errors import NotEnoughMemory, ServerBusy, ServerStopping
from pyollama.runner.client import CHILD_COMMAND
from pyollama.runner.devices import count_gpus
from pyollama.scheduler import host_memory
from pyollama.scheduler.lease import Lease
from pyollama.scheduler.loaded import LARGER_CONTEXT, LoadedModel
from pyollama.scheduler.memory import ModelFacts, read_facts
from pyollama.scheduler.options import Options
from pyollama.scheduler.plan import LoadPlan, make_plan
from pyollama.store import Model
from pyollama.wire import runner as wire

_log = logging.getLogger("pyollama.scheduler")
MODELS_PER_DEVICE = 3  # loaded at once where OLLAMA_MAX_LOADED_MODELS says nothing
_Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoadedInfo:
    """A row of /api/ps. Sizes in bytes; a model that still loads shows its estimate."""

    model: Model
    size: int
    size_vram: int
    expires_at: datetime  # in UTC
    context_length: int


class Scheduler:
    """Owns every loaded model: ``await nursery.start(scheduler.run)``, cancel to unload all.

    Models with the same files share one process. Loads are decided one at a time, in the order of the requests, but
    go on at the same time.
    """

    def __init__(self, settings: Settings, *, command: Sequence[str] = CHILD_COMMAND) -> None:
        """``command`` starts a runner process."""
        self._settings = settings
        self._command = command
        self._loaded: dict[_Key, LoadedModel] = {}
        self._nursery: trio.Nursery | None = None
        self._turn = trio.Lock()  # whoever holds it decides what is loaded next
        self._queued = 0

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled. Afterwards every runner process is gone."""
        async with trio.open_nursery() as self._nursery:
            task_status.started()
            await trio.sleep_forever()

    # --- what requests call ---

    @asynccontextmanager
    async def use(self, model: Model, options: Options, keep_alive: float | None) -> AsyncIterator[Lease]:
        """Keep a model loaded while the block runs; load it first if needed.

        Args:
            keep_alive: seconds the model stays after its last use, math.inf for ever, None: as stored, or the default.

        Raises:
            ServerBusy: too many requests wait for a load already.
            NotEnoughMemory: the model does not fit, with no other one loaded.
            LoadFailed, LoadStalled: the engine could not load it.
            RunnerLost: its process ended while it loaded.
        """
        async with self._hold(model, options, keep_alive) as loaded:
            info = await self._wait_ready(loaded)
            async with loaded.slot():
                lease = Lease(loaded, info, self._expire_all)
                loaded.model, loaded.n_ctx = model, lease.n_ctx(options)
                yield lease

    def loaded(self) -> list[LoadedInfo]:
        """What is loaded or loading, latest expiry first. What is about to go is left out."""
        rows = [
            LoadedInfo(entry.model, entry.size, entry.size_vram, entry.expires_at(), entry.n_ctx)
            for entry in self._loaded.values()
            if entry.is_usable or not entry.is_idle
        ]
        return sorted(rows, key=lambda row: row.expires_at, reverse=True)

    @property
    def queued(self) -> int:
        """Requests that wait for a load."""
        return self._queued

    def pids(self) -> list[int]:
        """Process ids of the runners."""
        return [entry.runner.pid for entry in self._loaded.values() if entry.runner.pid is not None]

    async def unload(self, model: Model) -> None:
        """Let a model go as soon as it is idle. Returns at once; one that is not loaded is no error."""
        loaded = self._loaded.get(_key(model))
        if loaded is not None:
            loaded.expire()
        await trio.lowlevel.checkpoint()

    def stop(self) -> None:
        """End every request with ServerStopping: the server will be gone in a moment."""
        for loaded in self._loaded.values():
            loaded.stop(ServerStopping())

    # --- getting hold of a model ---

    @asynccontextmanager
    async def _hold(self, model: Model, options: Options, keep_alive: float | None) -> AsyncIterator[LoadedModel]:
        loaded = self._usable(model, options)
        if loaded is None:
            async with self._in_turn():  # by then another request may have loaded it
                loaded = self._usable(model, options) or await self._load(model, options)
        with loaded.user(keep_alive):  # nothing has waited since it was found, so it cannot be on its way out
            yield loaded

    def _usable(self, model: Model, options: Options) -> LoadedModel | None:
        loaded = self._loaded.get(_key(model))
        return loaded if loaded is not None and loaded.serves(options) else None

    @asynccontextmanager
    async def _in_turn(self) -> AsyncIterator[None]:
        """Decide about loads one at a time, in order."""
        if self._turn.locked():
            with self._place_in_queue():
                await self._turn.acquire()
        else:
            self._turn.acquire_nowait()
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def _place_in_queue(self) -> Iterator[None]:
        if self._queued >= self._settings.max_queue:
            raise ServerBusy
        self._queued += 1
        try:
            yield
        finally:
            self._queued -= 1

    async def _wait_ready(self, loaded: LoadedModel) -> wire.Loaded:
        """All but the request that brought the load need a place in the queue to wait for it."""
        if loaded.ready.is_set() or loaded.users == 1:
            return await loaded.wait_ready()
        with self._place_in_queue():
            return await loaded.wait_ready()

    # --- loading and unloading; only in turn ---

    async def _load(self, model: Model, options: Options) -> LoadedModel:
        """Begin to load a model, after making room for it."""
        if self._nursery is None:
            raise RuntimeError("the scheduler is not running")
        key = _key(model)
        facts = await trio.to_thread.run_sync(read_facts, model.model_paths, model.adapter_paths)
        await self._refuse_the_impossible(facts, options)
        if key in self._loaded:
            if self._enlarged(self._loaded[key], facts, options):
                return self._loaded[key]
            self._explain_reload(self._loaded[key], options)
            await self._evict(self._loaded[key])
        while await self._is_full():
            await self._evict(self._victim())
        plan = await self._fit(facts, options)
        loaded = self._loaded[key] = LoadedModel(model, plan, self._settings, self._command)
        self._nursery.start_soon(self._host, key, loaded)
        return loaded

    async def _is_full(self) -> bool:
        """Whether as many models are loaded as may be at a time."""
        most = self._settings.max_loaded_models or MODELS_PER_DEVICE
        if not self._settings.max_loaded_models and len(self._loaded) >= most:  # else nobody need count GPUs
            most *= max(await count_gpus(), 1)
        return len(self._loaded) >= most

    async def _refuse_the_impossible(self, facts: ModelFacts, options: Options) -> None:
        """NotEnoughMemory for what would not fit with nothing else loaded, before anybody has to go for it."""
        held = sum(loaded.held_bytes() for loaded in self._loaded.values())
        try:
            make_plan(facts, options, self._settings, host_memory.available_bytes() + held)
        except NotEnoughMemory:
            if not await count_gpus():  # with one, the engine itself finds out what fits
                raise

    def _enlarged(self, loaded: LoadedModel, facts: ModelFacts, options: Options) -> bool:
        """Let the pool of a loaded model grow, where only that is missing and there is memory for it."""
        if not (loaded.is_usable and loaded.runner.info) or loaded.differences(options) != [LARGER_CONTEXT]:
            return False
        available = self._available() + loaded.outstanding_bytes() + loaded.held_bytes()
        try:
            loaded.enlarge(make_plan(facts, options, self._settings, available))
        except NotEnoughMemory:
            return False
        _log.info("%s: the pool may grow to %d tokens", loaded.model.name, loaded.plan.spec.n_cells)
        return True

    def _explain_reload(self, loaded: LoadedModel, options: Options) -> None:
        if loaded.is_usable:
            _log.info("%s: loading anew for %s", loaded.model.name, ", ".join(loaded.differences(options)))

    async def _host(self, key: _Key, loaded: LoadedModel) -> None:
        try:
            await loaded.run()
        finally:
            del self._loaded[key]
            loaded.gone.set()

    async def _fit(self, facts: ModelFacts, options: Options) -> LoadPlan:
        """Plan the load, evicting models until it fits. With a GPU the engine itself finds out what fits."""
        while True:
            try:
                return make_plan(facts, options, self._settings, self._available())
            except NotEnoughMemory:
                if await count_gpus():
                    return make_plan(facts, options, self._settings, math.inf)
                if not self._loaded:
                    raise
            await self._evict(self._victim())

    def _available(self) -> float:
        promised = sum(loaded.outstanding_bytes() for loaded in self._loaded.values())
        return max(0, host_memory.available_bytes() - promised)

    def _victim(self) -> LoadedModel:
        """Idle models go first, then those with the shortest keep-alive, ties by name."""
        return min(
            self._loaded.values(), key=lambda entry: (not entry.is_idle, entry.keep_alive, str(entry.model.name))
        )

    async def _evict(self, loaded: LoadedModel) -> None:
        """Wait until a model is gone. It takes no new users meanwhile, unless the wait is cancelled."""
        loaded.retire()
        try:
            await loaded.gone.wait()
        finally:
            loaded.revive()  # no effect on one that is gone

    def _expire_all(self) -> None:
        """The engine ran out of memory: free what is idle, and the rest once it is."""
        for loaded in self._loaded.values():
            loaded.expire()


def _key(model: Model) -> _Key:
    return (*map(str, model.model_paths), "+", *map(str, model.adapter_paths))
