"""The requests in the reference page do what the page says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from support.servers import ServerProcess

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "api.md"
COMMANDS = re.findall(r"^```sh\ncurl (.*)\n```$", PAGE.read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: re.search(r"/api/\w+", command)[0])
def test_every_request_of_the_page_succeeds(server: ServerProcess, command: str) -> None:
    words = shlex.split(command)
    body = words[words.index("-d") + 1] if "-d" in words else None
    method = words[words.index("-X") + 1] if "-X" in words else "POST" if body else "GET"
    (url,) = (word for word in words if word.startswith("http://localhost:11434"))

    answer = server.http.request(method, url.removeprefix("http://localhost:11434"), content=body)

    assert answer.status_code == 200 and '"error"' not in answer.text


def test_the_page_mentions_every_endpoint() -> None:
    text = PAGE.read_text("utf-8")
    for name in ("generate", "chat", "embed", "embeddings", "create", "blobs", "tags", "show", "copy", "delete", "ps"):
        assert f"/api/{name}" in text
