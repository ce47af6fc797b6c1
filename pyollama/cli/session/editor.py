"""Ctrl+G: the message in the user's own editor."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from pyollama.errors import CommandFailed


def choose(setting: str) -> str:
    """OLLAMA_EDITOR's value if there is one, else the system's habits."""
    default = "edit" if sys.platform == "win32" else "vi"
    return setting or os.environ.get("VISUAL") or os.environ.get("EDITOR") or default


def edit(text: str, editor: str) -> str:
    """The text after editing, without final newlines.

    Raises:
        CommandFailed: no such editor, or it failed. The text is to be kept then.
    """
    handle, name = tempfile.mkstemp(prefix="ollama-prompt-", suffix=".txt", text=True)
    path = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        status = subprocess.run([*shlex.split(editor), name], check=False).returncode
        if status:
            raise CommandFailed(f"editor exited with error: exit status {status}")
        return path.read_text("utf-8").rstrip("\r\n")
    except FileNotFoundError as error:
        text = f'editor "{editor}" not found, set OLLAMA_EDITOR to the path of an editor'
        raise CommandFailed(text) from error
    finally:
        path.unlink(missing_ok=True)
