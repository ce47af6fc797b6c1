"""One loaded model: its runner, who uses it, and when it goes."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta

import trio
from msgspec.structs import replace

from pyollama.config import Settings
from pyollama.errors import LoadOutOfMemory, NotEnoughMemory, PyollamaError, RunnerLost
from pyollama.runner.client import Runner
from pyollama.scheduler import host_memory
from pyollama.scheduler.host_memory import anonymous_bytes
from pyollama.scheduler.memory import size_text
from pyollama.scheduler.options import Options
from pyollama.scheduler.placement import Placement
from pyollama.scheduler.plan import LoadPlan, context_length
from pyollama.store import Model
from pyollama.wire import runner as wire

LARGER_CONTEXT = "a larger context"
LONGEST = ((1 << 63) - 1) / 1e9  # seconds, about 292 years: how "for ever" is shown
_log = logging.getLogger("pyollama.scheduler")


class LoadedModel:
    """A model from the decision to load it until its process is gone.

    Users hold it. The countdown to its end starts when the last one leaves, and a load that nobody waits for any more
    is cancelled, by the same rule.
    """

    def __init__(self, model: Model, plan: LoadPlan, settings: Settings, command: Sequence[str]) -> None:
        self.model = model  # under the name it was used by last
        self.plan = plan
        self.keep_alive = settings.keep_alive  # seconds
        self.n_ctx = plan.n_ctx  # tokens, of the latest request
        self.ready = trio.Event()  # loaded, or failed with error
        self.gone = trio.Event()  # set by the scheduler once it has forgotten it
        self.error: PyollamaError | None = None
        self.runner = Runner(plan.spec, name=str(model.name), stall_seconds=settings.load_timeout, command=command)
        self._slots = trio.CapacityLimiter(settings.num_parallel or math.inf)
        self.users = 0  # requests that hold it, waiting ones too
        self._idle_since = trio.current_time()
        self._retiring = False
        self._life = trio.CancelScope()

    # --- the process ---

    async def run(self) -> None:
        """Own the runner until the model has to go. Never raises what a runner can do; errors go to those who wait."""
        spec = self.plan.spec
        _log.info("%s: loading, %d tokens in the pool, %s", self.model.name, spec.n_cells, size_text(self.size))
        try:
            with self._life:
                await self.runner.run(task_status=self)
            _log.info("%s: unloaded", self.model.name)
        except PyollamaError as raised:
            error = self._no_memory() if isinstance(raised, LoadOutOfMemory) else raised
            self.error = error
            if not isinstance(error, RunnerLost):  # the runner has logged that, with its process's last words
                _log.error("%s: %s (%s)", self.model.name, error, raised)
        except Exception:
            _log.exception("%s: the task of its runner failed", self.model.name)
            self.error = RunnerLost("internal error")
        finally:
            self.ready.set()

    def _no_memory(self) -> NotEnoughMemory:
        """The plan was too small, or the machine is fuller than it was: the sizes that are known to be true."""
        allowed = min(host_memory.available_bytes(), self.plan.spec.memory_limit)
        needed = size_text(self.plan.needed) if self.plan.needed > allowed else f"more than {size_text(allowed)}"
        return NotEnoughMemory(needed, size_text(allowed))

    def started(self, value: wire.Loaded | None = None) -> None:
        """The runner's word that the model is loaded (trio.TaskStatus)."""
        _log.info("%s: loaded, %s", self.model.name, size_text(self.size))
        self.ready.set()

    async def wait_ready(self) -> wire.Loaded:
        """What was loaded.

        Raises:
            LoadFailed, LoadStalled, RunnerLost: it could not be loaded.
        """
        await self.ready.wait()
        if self.runner.info is None:
            raise self.error or RunnerLost("loading was given up")
        return self.runner.info

    # --- users ---

    @contextmanager
    def user(self, keep_alive: float | None) -> Iterator[None]:
        """Keep it from going while the block runs. A keep_alive in seconds replaces the stored one."""
        self.users += 1
        if keep_alive is not None:
            self.keep_alive = keep_alive
        self._set_end()
        try:
            yield
        finally:
            self.users -= 1
            self._idle_since = trio.current_time()
            self._set_end()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait in order for one of OLLAMA_NUM_PARALLEL places."""
        me = object()
        await self._slots.acquire_on_behalf_of(me)
        try:
            yield
        finally:
            self._slots.release_on_behalf_of(me)

    @property
    def is_idle(self) -> bool:
        return self.users == 0

    @property
    def is_usable(self) -> bool:
        """False when it is on its way out."""
        return not (self._retiring or self._life.cancel_called or self.runner.lost or self.gone.is_set())

    def serves(self, options: Options) -> bool:
        """Whether a request with these options can use it as it is loaded."""
        return self.is_usable and not self.differences(options)

    def differences(self, options: Options) -> list[str]:
        """Why a request with these options needs it loaded anew; empty if it does not. For the log too."""
        found = []
        if options.num_ctx and context_length(options, self.plan.n_ctx_train) > self.plan.spec.n_cells:
            found.append(LARGER_CONTEXT)
        if not self.plan.serves_batch(options):
            found.append("a larger batch")
        if not self.plan.placement.serves(Placement.of(options, self.plan.facts), self.runner.info):
            found.append("another placement, thread count or rope frequency")
        return found

    def enlarge(self, plan: LoadPlan) -> None:
        """Let the pool grow to that of another plan. The weights stay, and the pool itself grows when it has to."""
        spec = replace(
            self.plan.spec, n_cells=plan.spec.n_cells, n_ctx=plan.spec.n_ctx, memory_limit=plan.spec.memory_limit
        )
        self.plan = dataclasses.replace(self.plan, spec=spec, needed=plan.needed, embedding=plan.embedding)
        self.runner.allow(spec.n_cells, spec.memory_limit)

    # --- the end ---

    def expire(self) -> None:
        """Go as soon as nobody uses it, unless a later request stores another keep_alive."""
        self.keep_alive = 0.0
        self._set_end()

    def retire(self) -> None:
        """Go as soon as nobody uses it, and take no new users."""
        self._retiring = True
        self._set_end()

    def revive(self) -> None:
        """Take back a retire() if it is not too late."""
        self._retiring = False
        self._set_end()

    def stop(self, error: PyollamaError) -> None:
        """Go now, and let ``error`` be what everybody hears who uses it or waits for it."""
        self.error = error
        self.runner.fail_waiting(error)
        self._life.cancel()

    def _set_end(self) -> None:
        if self.users:
            self._life.deadline = math.inf
        elif self._retiring or not self.ready.is_set():
            self._life.deadline = -math.inf
        else:
            self._life.deadline = self._idle_since + self.keep_alive

    def expires_at(self) -> datetime:
        """When it goes if nobody asks for it again. While it is used: as if the use ended now."""
        since = 0.0 if self.users else trio.current_time() - self._idle_since
        return datetime.now(UTC) + timedelta(seconds=min(self.keep_alive, LONGEST) - since)

    # --- memory ---

    @property
    def size(self) -> int:
        """Bytes: as the engine counts them, or as planned while it loads, and what waits here to be sent to it."""
        return (self.runner.info.size if self.runner.info else self.plan.needed) + self.runner.queued_bytes

    @property
    def size_vram(self) -> int:
        return self.runner.info.size_vram if self.runner.info else 0

    def outstanding_bytes(self) -> int:
        """Host memory it may need, or has mapped, that the system still counts as available: its pool may yet grow."""
        return max(0, max(self.size, self.plan.needed) - self.size_vram - self.held_bytes())

    def held_bytes(self) -> int:
        """Host memory that the system would have back if it went."""
        return anonymous_bytes(self.runner.pid) if self.runner.pid else 0
