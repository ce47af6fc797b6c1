"""All endpoints of this dialect."""

from pyollama.server.dialects.ollama import chat, errors, generate
from pyollama.server.routes import blobs, create, embed, library, running, show, status, transfers

blueprints = tuple(
    module.blueprint for module in (status, generate, chat, embed, create, blobs, library, show, running, transfers)
)
for _blueprint in blueprints:
    errors.attach(_blueprint)
