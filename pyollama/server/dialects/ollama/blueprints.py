"""All endpoints of this dialect."""

from pyollama.server.dialects.ollama import (
    blobs,
    chat,
    cloud,
    create,
    embed,
    errors,
    generate,
    library,
    running,
    show,
    status,
    transfers,
)

_MODULES = (status, generate, chat, embed, create, blobs, library, show, running, transfers, cloud)
blueprints = tuple(module.blueprint for module in _MODULES)
for _blueprint in blueprints:
    errors.attach(_blueprint)
