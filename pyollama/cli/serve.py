"""``serve``: the server in this process."""

from __future__ import annotations

from pyollama.cli.group import app, command
from pyollama.cli.help.environment import SERVER


@command(variables=SERVER)
def serve() -> None:
    """Start the server.

    It answers until it receives SIGINT or SIGTERM, then unloads all models and ends.
    """
    from pyollama.server.main import serve as run_server

    run_server(app().settings)
