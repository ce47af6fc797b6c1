"""Where and how a model is loaded, as far as requests can tell, and whether a loaded one will do for another request.

An option that a request does not name means the model's or the default value, whatever other requests asked for. Values
that have the same effect are equal, so that clients who say one thing in two ways do not reload each other's model.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyollama.runner.cpu import machine_threads
from pyollama.scheduler.memory import ModelFacts
from pyollama.scheduler.options import Options
from pyollama.wire.runner import Loaded

AUTOMATIC_LAYERS = -1


@dataclass(frozen=True, slots=True)
class Placement:
    """What the options of a request mean for a load. Equal placements load equally."""

    n_gpu_layers: int  # AUTOMATIC_LAYERS: as many as fit
    main_gpu: int | None
    use_mmap: bool
    use_mlock: bool
    n_threads: int
    rope_frequency_base: float  # 0: the model's
    rope_frequency_scale: float

    @classmethod
    def of(cls, options: Options, facts: ModelFacts) -> Placement:
        """Threads are capped at what the machine has; a value that the model's own file has counts as not given."""
        automatic, most = machine_threads()
        base, scale = options.rope_frequency_base, options.rope_frequency_scale
        return cls(
            n_gpu_layers=AUTOMATIC_LAYERS if options.num_gpu is None else options.num_gpu,
            main_gpu=options.main_gpu,
            use_mmap=options.use_mmap is not False,
            use_mlock=bool(options.use_mlock),
            n_threads=min(options.num_thread or automatic, most),
            rope_frequency_base=0.0 if base in (None, facts.rope_base) else base,
            rope_frequency_scale=0.0 if scale in (None, facts.rope_scale) else scale,
        )

    def serves(self, wanted: Placement, info: Loaded | None) -> bool:
        """Whether a model that was loaded like this, and reported ``info``, does what another request wants."""
        return self._same_layers(wanted, info) and self._same_gpu(wanted, info) and self._rest() == wanted._rest()

    def _rest(self) -> tuple[object, ...]:
        return self.use_mmap, self.use_mlock, self.n_threads, self.rope_frequency_base, self.rope_frequency_scale

    def _same_layers(self, wanted: Placement, info: Loaded | None) -> bool:
        if wanted.n_gpu_layers == self.n_gpu_layers:
            return True
        if info is None:
            return False
        no_gpu = info.n_gpu_layers == 0 and self.n_gpu_layers != 0
        return no_gpu or wanted.n_gpu_layers == info.n_gpu_layers

    def _same_gpu(self, wanted: Placement, info: Loaded | None) -> bool:
        return wanted.main_gpu == self.main_gpu or (info is not None and info.n_gpu_layers == 0)
