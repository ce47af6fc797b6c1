"""The endpoints, one module per group of them."""

from pyollama.server.routes import blobs, chat, create, embed, generate, library, running, show, status, transfers

blueprints = tuple(
    module.blueprint for module in (status, generate, chat, embed, create, blobs, library, show, running, transfers)
)
