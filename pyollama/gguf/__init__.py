"""GGUF files: a writer, and what their headers say by type and within bounds. The reader is ``native._gguf``."""

from pyollama.gguf.facts import GGUFFacts
from pyollama.gguf.keys import Keys
from pyollama.gguf.values import Raw, Typed, Value
from pyollama.gguf.writer import TensorPlan, Writer

__all__ = ["GGUFFacts", "Keys", "Raw", "TensorPlan", "Typed", "Value", "Writer"]
