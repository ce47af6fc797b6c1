"""The HTTP server. Entry point: ``server.main.serve``. How a request goes through it: docs/explanation/server.md.

The process: ``main`` (signals, its end), ``log``, ``listening`` (which addresses), ``app`` (what is served),
``services`` (what all requests share).

A connection: ``sockets`` (all of them, and streams on a short way), ``http11`` (what their bytes mean), ``gate`` with
``origins`` and ``hosts`` (who may ask), ``connection`` (one request's body, lifetime and end), ``intake`` (memory of
all bodies).

Bodies and answers: ``bodies`` with ``json_reading`` and ``unmarshal`` (JSON as Go reads it), ``request_log``,
``answers``, ``clock``.

Inference, in no dialect's words: ``asking`` (what is wanted), ``lookup`` (of which model), ``pipeline`` (from one to
the other), ``generation`` (a completion under way), ``embedding`` (vectors), ``encoding`` (what a dialect writes).

Beside the event loop: ``offload`` (a computation), ``work`` (long work that reports).

``dialects``: one package for each API that is spoken.
"""
