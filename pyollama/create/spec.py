"""What is to be created, as plain values: the request of the API, or a Modelfile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from modelfile_grammar import ParameterError, check_parameter_value
from pyollama.errors import BadRequest, CreateError, InvalidDigest, NotSupported
from pyollama.gguf.keys import MAX_CONTEXT
from pyollama.store import ModelName, gojson
from pyollama.store.models import MAX_DEPTH


@dataclass(slots=True)
class CreateSpec:
    """One create. ``files`` and ``adapters`` map names to digests of stored blobs; None and empty differ in ``files``.

    ``local_files`` and ``local_adapters`` name files on this machine instead: only a Modelfile that the server reads
    itself has them.
    """

    name: str
    from_: str | None = None
    files: dict[str, str] | None = None
    adapters: dict[str, str] | None = None
    draft_files: dict[str, str] | None = None
    local_files: list[Path] = field(default_factory=list)
    local_adapters: list[Path] = field(default_factory=list)
    template: str = ""
    system: str = ""
    licenses: list[str] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    renderer: str = ""
    parser: str = ""
    requires: str = ""
    quantize: str | None = None
    draft_quantize: str | None = None
    info: dict[str, Any] = field(default_factory=dict)
    from_text: bool = False  # made from the text of a Modelfile

    def check(self) -> ModelName:
        """The name to create, after everything that can be refused without looking at the store.

        Raises:
            BadRequest: InvalidName, InvalidDigest, a file name that is not relative, a missing source, a parameter
                that does not exist or has a wrong value.
            NotSupported: something that this version does not create.
        """
        self._check_files()
        if self.draft_quantize and not self.draft_files:
            raise BadRequest("--draft-quantize requires a DRAFT model")
        name = ModelName.parse(self.name)
        if not (self.from_ or self.local_files) and self.files is None:
            raise BadRequest("neither 'from' or 'files' was specified")
        if self.draft_files:
            raise NotSupported("a draft model")
        if any(gojson.is_deeper(part, MAX_DEPTH) for part in (self.parameters, self.messages, self.info)):
            raise BadRequest("exceeded max depth")
        check_parameters(self.parameters)
        check_info(self.info)
        return name

    def overridden_by(self, given: CreateSpec) -> CreateSpec:
        """This spec with every value that ``given`` has instead of its own; a source replaces the source whole."""
        values = {f.name: getattr(given, f.name) or getattr(self, f.name) for f in fields(self)}
        if given.from_ or given.files is not None:
            values |= {"from_": given.from_, "files": given.files, "local_files": []}
        return CreateSpec(**values)

    def _check_files(self) -> None:
        for files in (self.files, self.draft_files):
            for path in files or ():
                if not _is_relative(path):
                    raise BadRequest("file path must be relative")
        for files in (self.files, self.draft_files, self.adapters):
            if not all((files or {}).values()):
                raise InvalidDigest


def check_parameters(parameters: dict[str, Any]) -> None:
    """Refuse what a PARAMETER line could not say; every later request would fail."""
    for name, value in parameters.items():
        try:
            check_parameter_value(name, value)
        except ParameterError as error:
            raise BadRequest(str(error)) from error


_TEXTS = ("model_family", "base_name", "quantization_level", "parameter_size")
_NUMBERS = ("context_length", "embedding_length")


def check_info(info: dict[str, Any]) -> None:
    """Refuse overrides of the wrong type; names we do not know are ignored later."""
    for key in _TEXTS:
        if not isinstance(info.get(key, ""), str):
            raise CreateError(f'info field "{key}" must be a string')
    for key in _NUMBERS:
        value = info.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise CreateError(f'info field "{key}" must be a number')
        if not 0 <= value <= MAX_CONTEXT or value != int(value):
            raise CreateError(f'info field "{key}" must be a non-negative integer up to {MAX_CONTEXT}')
    if not _is_texts(info.get("capabilities", [])):
        raise CreateError('info field "capabilities" must be an array of strings')


def _is_texts(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str) and all(isinstance(x, str) for x in value)


def _is_relative(path: str) -> bool:
    return "\\" not in path and ":" not in path and all(part not in ("", ".", "..") for part in path.split("/"))
