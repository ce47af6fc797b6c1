"""OLLAMA_DEBUG_LOG_REQUESTS."""

import json
import re
import subprocess
from pathlib import Path

from support.servers import server_process
from support.stored_models import header_only, store_model


def test_a418_bodies_of_inference_requests_are_kept_with_the_command_that_sends_them_again(tmp_path: Path) -> None:
    with server_process(tmp_path / "models", OLLAMA_DEBUG_LOG_REQUESTS="1", TMPDIR=str(tmp_path)) as server:
        store_model(server.store, "tiny", header_only())
        server.post("/api/show", model="tiny")
        first = server.post("/api/generate", model="tiny", prompt="hi")
        (folder,) = tmp_path.glob("pyollama-requests-*")
        assert sorted(path.name for path in folder.iterdir()) == ["000001_api_generate.json", "000001_api_generate.sh"]
        assert json.loads((folder / "000001_api_generate.json").read_bytes()) == {"model": "tiny", "prompt": "hi"}
        script = (folder / "000001_api_generate.sh").read_text()
        again = subprocess.run(
            ["sh", "-c", re.sub(r"http://\S+:0", server.url, script)], capture_output=True, check=True
        )
        assert json.loads(again.stdout) == first.json()
    assert folder.stat().st_mode & 0o77 == 0
