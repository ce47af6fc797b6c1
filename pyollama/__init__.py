"""pyollama: a fast local server and toolchain for language models, a drop-in for Ollama."""

__version__ = "0.1.0"
