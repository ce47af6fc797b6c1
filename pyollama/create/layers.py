"""The layers of a new model, from what it inherits and what the request says. Nothing is written here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from modelfile_grammar import PARAMETERS
from modelfile_grammar.known import Known
from pyollama.create.spec import CreateSpec
from pyollama.errors import CreateError
from pyollama.store import Layer, Model, gojson
from pyollama.store.models import layer_limit

_MESSAGE_KEYS = ("role", "content", "thinking", "images", "tool_calls", "tool_name", "tool_call_id")


@dataclass(frozen=True, slots=True)
class Stored:
    """A layer whose blob exists; ``is_new`` if this create made it."""

    layer: Layer
    is_new: bool = False

    @property
    def kind(self) -> str:
        return self.layer.kind


@dataclass(frozen=True, slots=True)
class Text:
    """A layer to be written, with the status line to show for it if it is not the usual one."""

    kind: str
    data: bytes
    status: str = ""


Planned = Stored | Text


def inherited(base: Model) -> list[Planned]:
    """The layers of a base model, in its order, each with the base's name as its origin."""
    origin = base.name.shortest()
    return [
        Stored(Layer(layer.media_type, layer.digest, layer.size, from_=origin, name=layer.name))
        for layer in base.layers
    ]


def detected(known: Known) -> Text:
    """The template that was recognised for a GGUF file."""
    return Text("template", _utf8(known.template), f"using autodetected template {known.name}")


def apply(spec: CreateSpec, layers: list[Planned], inherited_parameters: Mapping[str, Any]) -> list[Planned]:
    """``layers`` after the instructions of ``spec``, in the order of Ollama's own create."""
    if spec.template:
        layers = _replace(layers, ["template", "prompt"], Text("template", _utf8(spec.template)))
    if spec.system:
        layers = _replace(layers, ["system"], Text("system", _utf8(spec.system)))
    layers = [*layers, *(Text("license", _utf8(text)) for text in spec.licenses if text)]
    if merged := {**inherited_parameters, **_rounded(spec.parameters)}:
        layers = _replace(layers, ["params"], Text("params", _parameters(merged)))
    if spec.messages:
        layers = _replace(layers, ["messages"], Text("messages", _messages(spec.messages)))
    check_sizes(layers)
    return layers


def check_sizes(layers: Iterable[Planned]) -> None:
    """CreateError for a layer that could be written but not be read again."""
    for layer in layers:
        if isinstance(layer, Text) and len(layer.data) > (limit := layer_limit(layer.kind)):
            raise CreateError(f"the {layer.kind} has {len(layer.data)} bytes, more than the {limit} allowed")


def _replace(layers: Iterable[Planned], kinds: list[str], new: Text) -> list[Planned]:
    return [*(layer for layer in layers if layer.kind not in kinds), new]


def _rounded(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Floats as the 32-bit values that the engine uses: what is stored depends on their shortest text."""
    return {key: _round(key, value) for key, value in parameters.items()}


def _round(key: str, value: Any) -> Any:
    is_float = isinstance(value, float) and key in PARAMETERS and PARAMETERS[key].type == "float"
    return gojson.float32(value) if is_float else value


def _parameters(parameters: Mapping[str, Any]) -> bytes:
    try:
        return gojson.dump_line(_sorted(parameters))
    except ValueError as error:  # inherited ones: those of the request were checked
        raise CreateError(f"the parameters of the base model cannot be stored: {error}") from error


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _messages(messages: Iterable[Mapping[str, Any]]) -> bytes:
    trees = []
    for message in messages:
        tree = {"role": str(message.get("role", "")).lower(), "content": message.get("content") or ""}
        trees.append(tree | {key: message[key] for key in _MESSAGE_KEYS[2:] if message.get(key)})
    return gojson.dump_line(trees)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")
