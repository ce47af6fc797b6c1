"""The text of a Modelfile, read by the server: what clients of 2023 and 2024 send."""

from __future__ import annotations

import logging
from pathlib import Path

from modelfile_grammar import Build, ModelfileSyntaxError, build, parse
from modelfile_grammar.source import decode
from pyollama.create.sources import starts_as_gguf
from pyollama.create.spec import CreateSpec
from pyollama.errors import (
    BadRequest,
    CreateError,
    InvalidDigest,
    ModelfileError,
    NotSupported,
    ServerPath,
    StoreError,
)
from pyollama.store import Digest, Store
from pyollama.store.files import read_regular

MAX_MODELFILE_BYTES = 16 << 20

_PATH_STARTS = ("/", "\\", ".", "~")  # no name of a model begins so

_log = logging.getLogger(__name__)


def read_modelfile(text: str, path: str) -> tuple[str, Path]:
    """The text of a Modelfile, that of the file at ``path`` if ``text`` is empty, and the folder of its paths.

    Raises:
        CreateError: the file cannot be read.
    """
    if text or not path:
        return text, Path.cwd()
    try:
        file = Path(path).expanduser()
        return decode(read_regular(file, MAX_MODELFILE_BYTES)), file.parent
    except OSError as error:
        reason = f"open {path}: {(error.strerror or str(error)).lower()}"
    except (StoreError, ValueError, RuntimeError) as error:
        reason = str(error)
    raise CreateError(f"error reading modelfile: {reason}")


def spec_from_modelfile(text: str, *, base_dir: Path | None, store: Store, name: str = "") -> CreateSpec:
    """The spec that a Modelfile stands for, to create ``name``. Files on this machine are only named, not read.

    Args:
        base_dir: the folder that relative paths count from; None where no file of this machine may be named.
        store: where ``@sha256:`` references lead; a blob that is not there is found out by ``create``.

    Raises:
        ModelfileError: with line and column; it is too long, or makes no sense.
        ServerPath: a path where none may be named.
        CreateError: an ADAPTER that does not exist, or sources that do not go together.
        NotSupported: DRAFT, or a folder of weights that have to be converted.
    """
    try:
        told = build(parse(text))
    except ModelfileSyntaxError as error:
        raise ModelfileError(str(error)) from error
    for warning in told.warnings:
        _log.warning("Modelfile of %s: %s", name, warning)
    for value in told.drafts:
        raise NotSupported("DRAFT") if base_dir or _digest(value) else ServerPath(value)
    spec = CreateSpec(
        name=name,
        template=told.template or "",
        system=told.system or "",
        licenses=told.licenses,
        parameters=dict(told.parameters),
        messages=[{"role": role, "content": content} for role, content in told.messages],
        renderer=told.renderer or "",
        parser=told.parser or "",
        requires=told.requires or "",
        from_text=True,
    )
    _add_sources(spec, told, base_dir)
    _add_adapter(spec, told, base_dir)
    return spec


def _add_sources(spec: CreateSpec, told: Build, base_dir: Path | None) -> None:
    files: dict[str, str] = {}
    for value in told.froms:
        if digest := _digest(value):
            files["model" if not files else f"model-{len(files)}"] = str(digest)
        elif base_dir is None and value.startswith(_PATH_STARTS):
            raise ServerPath(value)
        elif base_dir and (path := _existing(value, base_dir)):
            spec.local_files += _weights(path)
        else:
            spec.from_ = value
    spec.files = files or None
    if spec.from_ and (files or spec.local_files):
        raise CreateError("FROM mixes a model name and local files")


def _add_adapter(spec: CreateSpec, told: Build, base_dir: Path | None) -> None:
    for value in told.adapters[-1:]:
        if digest := _digest(value):
            spec.adapters = {"adapter": str(digest)}
        elif base_dir is None:
            raise ServerPath(value)
        elif path := _existing(value, base_dir):
            spec.local_adapters = _weights(path)
        else:
            raise CreateError(f"stat {_resolved(value, base_dir)}: no such file or directory")


def _digest(value: str) -> Digest | None:
    try:
        return Digest.parse(value.removeprefix("@"))
    except InvalidDigest:
        if value.startswith("@"):
            raise
        return None


def _existing(value: str, base_dir: Path) -> Path | None:
    path = _resolved(value, base_dir)
    try:
        return path if path.exists() else None
    except OSError as error:
        raise CreateError(f"stat {path}: {(error.strerror or str(error)).lower()}") from error


def _resolved(value: str, base_dir: Path) -> Path:
    try:
        return (base_dir / Path(value).expanduser()).absolute()
    except RuntimeError as error:
        raise BadRequest(f"failed to find user '{value[1:].partition('/')[0]}'") from error


def _weights(path: Path) -> list[Path]:
    """The weights at a path: the file itself, or what a folder holds."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise CreateError(f"{path}: not a regular file")
    if any(path.glob("*.safetensors")) or any(path.glob("*/model*.safetensors")):
        raise NotSupported("converting safetensors")
    for pattern in ("*.gguf", "*.bin"):
        if found := [file for file in sorted(path.glob(pattern)) if starts_as_gguf(file)]:
            return found
    raise CreateError("no Modelfile or safetensors files found")
