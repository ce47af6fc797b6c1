"""Benchmarks: our engine and server beside the plain libllama loop and a peer's server, in one run."""
