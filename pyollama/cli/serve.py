"""``serve``: the server in this process."""

from __future__ import annotations

import errno

from pyollama.cli.environment import SERVER
from pyollama.cli.group import app, command
from pyollama.errors import CommandFailed


@command(variables=SERVER)
def serve() -> None:
    """Start the server.

    It answers until it receives SIGINT or SIGTERM, then unloads all models and ends.
    """
    from pyollama.server.main import serve as run_server

    settings = app().settings
    try:
        run_server(settings)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES):
            raise
        reason = (error.strerror or str(error)).lower()
        raise CommandFailed(f"listen tcp {settings.host.authority}: bind: {reason}") from error
