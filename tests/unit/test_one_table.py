"""What several languages say about one thing is the same in all of them."""

import re
from pathlib import Path

import msgspec
import pytest

from modelfile_grammar import PARAMETERS
from pyollama.config import CACHE_TYPES
from pyollama.scheduler.memory import BITS_PER_VALUE
from pyollama.scheduler.options import DEFAULT_SAMPLING, Options
from pyollama.scheduler.plan import LEAST_CONTEXT
from pyollama.wire import runner as wire

ENGINE = Path(__file__).parents[2] / "csrc/engine"
NUMBER = r"-?[\d.]+f?|true|false|\"[^\"]*\""


def cpp_fields(header: str, struct: str) -> dict[str, object]:
    """The plain fields of a C++ struct that have a value, by name."""
    text = (ENGINE / header).read_text()
    body = text[text.index(f"struct {struct} {{") :].split("\n};")[0]
    found = re.findall(rf"^    [\w:]+ (\w+) = ({NUMBER});", body, re.MULTILINE)
    assert found
    return {name: _value(given) for name, given in found}


def _value(text: str) -> object:
    if text in ("true", "false"):
        return text == "true"
    return text[1:-1] if text.startswith('"') else float(text.rstrip("f"))


def test_the_engines_sampling_defaults_are_those_of_the_table() -> None:
    assert cpp_fields("sampler.hpp", "SampleSpec") == msgspec.structs.asdict(DEFAULT_SAMPLING)


@pytest.mark.parametrize("name", ["num_predict", "num_keep"])
def test_the_engines_request_defaults_are_those_of_the_table(name: str) -> None:
    assert cpp_fields("schedule/request.hpp", "GenerateSpec")[name] == PARAMETERS[name].default


def test_the_engines_load_defaults_are_those_on_the_wire() -> None:
    spec = msgspec.structs.asdict(wire.LoadSpec([]))
    for name, value in cpp_fields("load_spec.hpp", "LoadSpec").items():
        assert name == "vocab_only" or value == spec[name], name


def test_the_engines_least_context_is_the_servers() -> None:
    (least,) = re.findall(r"kLeastContext = (\d+);", (ENGINE / "schedule/request.cpp").read_text())
    assert int(least) == LEAST_CONTEXT


def test_the_tags_of_events_are_those_of_their_structs() -> None:
    """A4: the engine makes tuples by itself."""
    text = (ENGINE.parents[1] / "pyollama/native/_engine.pyx").read_text()
    body = text[text.index("cdef object _to_python") : text.index("cdef object _logprob")]
    kinds = re.findall(r"cdef (\w+) \* \w+ = get_if", body)
    tags = re.findall(r"return \((\d+), ", body)
    assert len(kinds) == len(tags) >= 8
    for kind, tag in zip(kinds, tags, strict=True):
        wired = {"Tokenized": "Tokens", "Detokenized": "Text"}.get(kind, kind)
        assert wire.tag_of(getattr(wire, wired)) == int(tag), kind


def test_cache_types_are_the_engines() -> None:
    text = (ENGINE / "context.cpp").read_text()
    names = {name.lower() for name in re.findall(r"GGML_TYPE_(\w+)", text.split("bool cache_type")[1].split("})")[0])}
    assert names == set(CACHE_TYPES) == set(BITS_PER_VALUE)


def test_options_are_those_of_the_table() -> None:
    sampling = set(msgspec.structs.asdict(DEFAULT_SAMPLING))
    own = set(Options.__slots__) - {"sampling"}
    assert own.isdisjoint(sampling)
    assert own | sampling == {parameter.name for parameter in PARAMETERS.values() if parameter.honoured}


@pytest.mark.parametrize("parameter", PARAMETERS.values(), ids=lambda parameter: parameter.name)
def test_every_default_may_be_given(parameter) -> None:
    if isinstance(parameter.default, int | float):
        assert parameter.default in parameter.accepts
        assert parameter.off is None or parameter.off in parameter.sensible
