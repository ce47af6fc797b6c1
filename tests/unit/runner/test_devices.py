"""Asking for the compute devices of this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import trio

from pyollama.runner import devices


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell script")
async def test_many_who_ask_at_once_start_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answer = tmp_path / "asked", '[{"kind": "cpu"}]'
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\necho x >> '{asked}'\necho '{answer}'\n")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(devices, "_known", None)

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(devices.list_devices)

    assert await devices.list_devices() == [{"kind": "cpu"}]
    assert asked.read_text() == "x\n"
