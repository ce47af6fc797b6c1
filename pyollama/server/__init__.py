"""The HTTP server: routes decode requests, encode answers and streams. Entry point: ``server.main.serve``."""
