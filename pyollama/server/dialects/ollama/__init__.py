"""Ollama's own API: a module per group of endpoints, ``decoder`` and ``encoder`` for generate and chat, ``errors``."""
