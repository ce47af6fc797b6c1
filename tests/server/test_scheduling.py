"""How many models and requests at a time: what the settings promise, seen from clients."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from support.servers import Server, ServerProcess, scripted_server, server_process
from support.stored_models import header_only, store_model

# Answers nothing before it has as many requests as TOGETHER says, then all of them.
ANSWERS_TOGETHER = """
held = []
for command in inbox:
    if isinstance(command, (wire.Generate, wire.Embed)):
        held.append(command)
    if len(held) == TOGETHER:
        for command in held:
            if isinstance(command, wire.Embed):
                send(wire.Embedded(command.id, [b"\\0\\0\\x80?"], 1))
            else:
                send(wire.Piece(command.id, "x"), wire.Finished(command.id, "stop", 1, 0, 5, 1, 5))
        held = []
"""
NEVER_ANSWERS = "for command in inbox: pass"


async def add_models(server: Server, *names: str) -> None:
    for name in names:
        await trio.to_thread.run_sync(store_model, server.store, name, header_only(general__name=name))


async def until_running(server: Server, n: int) -> None:
    while server.requests_running() < n:  # noqa: ASYNC110 - there is no event for it
        await trio.sleep(0.01)


class Asking:
    """Requests of the kinds that use a model, each in a thread of its own."""

    def __init__(self, server: Server, nursery: trio.Nursery) -> None:
        self.answers: list[httpx.Response] = []
        self._server = server
        self._nursery = nursery

    def ask(self, path: str, model: str) -> None:
        body = {"model": model, "prompt": "x", "input": "x", "stream": False}
        self._nursery.start_soon(self._ask, path, body)

    async def _ask(self, path: str, body: dict[str, Any]) -> None:
        def send() -> httpx.Response:
            with httpx.Client(base_url=self._server.url, timeout=60, trust_env=False) as client:
                return client.post(path, json=body)

        self.answers.append(await trio.to_thread.run_sync(send, abandon_on_cancel=True))


@pytest.mark.parametrize(
    ("settings", "together"), [({}, 5), ({"num_parallel": 2}, 2)], ids=["A433: no cap", "A169: two at a time"]
)
@pytest.mark.parametrize("path", ["/api/generate", "/api/embed"])
async def test_requests_to_one_model_run_together(
    tmp_path: Path, settings: dict[str, int], together: int, path: str
) -> None:
    script = f"TOGETHER = {together}\n" + ANSWERS_TOGETHER
    async with scripted_server(tmp_path, script, **settings) as server:
        await add_models(server, "a")
        async with trio.open_nursery() as nursery:
            asking = Asking(server, nursery)
            for _ in range(together * 2):
                asking.ask(path, "a")
        assert [answer.status_code for answer in asking.answers] == [200] * together * 2


async def test_a167_a_full_queue_says_when_to_come_back(tmp_path: Path) -> None:
    async with scripted_server(tmp_path, NEVER_ANSWERS, max_queue=0, max_loaded_models=1) as server:
        await add_models(server, "busy", "waiting", "late")
        async with trio.open_nursery() as nursery:
            asking = Asking(server, nursery)
            asking.ask("/api/generate", "busy")
            await until_running(server, 1)
            asking.ask("/api/generate", "waiting")  # its turn has come, but there is no room
            while not server.scheduler._turn.locked():  # noqa: ASYNC110 - there is no event for it
                await trio.sleep(0.01)
            asking.ask("/api/generate", "late")
            while not asking.answers:  # noqa: ASYNC110
                await trio.sleep(0.01)
            (answer,) = asking.answers
            nursery.cancel_scope.cancel()
    assert answer.status_code == 503
    assert answer.json() == {"error": "server busy, please try again.  maximum pending requests exceeded"}
    assert int(answer.headers["Retry-After"]) > 0


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[ServerProcess]:
    environ = {"OLLAMA_CONTEXT_LENGTH": "512", "OLLAMA_KV_CACHE_TYPE": "q8_0", "OLLAMA_LOAD_TIMEOUT": "-1"}
    with server_process(tmp_path_factory.mktemp("models"), **environ) as running:
        digest, _ = running.store.blobs.add_file(smollm2)
        running.create("smollm", files={"smollm2.gguf": str(digest)})
        yield running


def test_a413_a416_a417_context_cache_type_and_no_time_limit(configured: ServerProcess) -> None:
    assert configured.generate(model="smollm", prompt="Hi", options={"num_predict": 2})["eval_count"] >= 1
    assert configured.loaded()["smollm:latest"]["context_length"] == 512


def test_a175_the_request_wins_over_the_environment(configured: ServerProcess) -> None:
    configured.generate(model="smollm", prompt="Hi", options={"num_predict": 1, "num_ctx": 300})
    assert configured.loaded()["smollm:latest"]["context_length"] == 300
