"""The seam between dialects and what they share, shown by a dialect that is made for it."""

from __future__ import annotations

import ast
from pathlib import Path

import httpx
import trio
from support.plain_dialect import blueprint
from support.servers import Server, scripted_server
from support.stored_models import header_only, store_model

import pyollama.server

SAYS = """
for command in inbox:
    match command:
        case wire.Generate():
            send(wire.Piece(command.id, "Deep"), wire.Piece(command.id, " green"))
            send({end})
"""
FINISHED = 'wire.Finished(command.id, "stop", 3, 0, 10, 2, 20)'
FAILED = 'wire.Failed(command.id, "model_error", "no logits")'


async def ask(server: Server, model: str) -> httpx.Response:
    return await trio.to_thread.run_sync(lambda: server.http.post(f"/plain/{model}", content=b"A colour?"))


async def test_a_dialect_is_a_decoder_and_an_encoder(tmp_path: Path) -> None:
    async with scripted_server(tmp_path, SAYS.format(end=FINISHED), more=[blueprint]) as server:
        await trio.to_thread.run_sync(store_model, server.store, "base", header_only())
        answer = await ask(server, "base")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain")
        assert answer.text == "> Deep green\n*** stop 2\n"


async def test_an_error_is_written_in_the_dialect_of_its_route(tmp_path: Path) -> None:
    async with scripted_server(tmp_path, SAYS.format(end=FAILED), more=[blueprint]) as server:
        await trio.to_thread.run_sync(store_model, server.store, "base", header_only())
        missing = await ask(server, "nope")
        assert (missing.status_code, missing.text) == (404, "** model 'nope' not found\n")
        native = await trio.to_thread.run_sync(lambda: server.post("/api/chat", model="nope"))
        assert native.json() == {"error": "model 'nope' not found"}
        assert (await ask(server, "base")).text == "> Deep green\n** no logits\n"


SERVER = Path(pyollama.server.__file__).parent
DIALECTS = SERVER / "dialects"


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    froms = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {*froms, *(alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names)}


def test_nothing_behind_the_seam_names_a_dialect() -> None:
    behind = ("pipeline", "generation", "asking", "encoding", "lookup", "offload", "services", "connection", "sockets")
    for name in behind:
        names = imported(SERVER / f"{name}.py")
        assert not {
            one for one in names if "dialects" in one or one in ("pyollama.wire.ollama", "pyollama.wire.openai")
        }
    for path in (SERVER.parent / "prompt").rglob("*.py"):
        assert "pyollama.wire.ollama" not in imported(path), path


def test_no_dialect_imports_another() -> None:
    for package in (path for path in DIALECTS.iterdir() if (path / "__init__.py").exists()):
        others = {f"pyollama.server.dialects.{other.name}" for other in DIALECTS.iterdir() if other != package}
        for path in package.rglob("*.py"):
            assert not [name for name in imported(path) if any(name.startswith(other) for other in others)], path
