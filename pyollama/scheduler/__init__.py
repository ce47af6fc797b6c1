"""Which models are loaded, and what a request may do with one."""

from pyollama.scheduler.lease import Lease
from pyollama.scheduler.options import Options, defaults
from pyollama.scheduler.scheduler import LoadedInfo, Scheduler

__all__ = ["Lease", "LoadedInfo", "Options", "Scheduler", "defaults"]
