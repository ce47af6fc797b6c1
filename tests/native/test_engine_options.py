"""The option table and the engine agree: what one accepts, the other takes."""

import math
from collections.abc import Iterator

import msgspec
import pytest
from support import tiny_models
from support.engine import TestedEngine

from modelfile_grammar import PARAMETERS
from pyollama.scheduler import Options
from pyollama.scheduler.options import DEFAULT_SAMPLING
from pyollama.wire import runner as wire

SAMPLING = sorted(msgspec.structs.asdict(DEFAULT_SAMPLING))
OTHERS = ["num_keep", "num_predict"]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestedEngine]:
    with TestedEngine(str(tiny_models.alphabet(tmp_path_factory.mktemp("alphabet") / "a.gguf"))) as engine:
        yield engine


def edges(name: str) -> set[float]:
    """Ends of what is accepted and of what is sensible, a step beyond the latter, and great numbers."""
    parameter = PARAMETERS[name]
    ends = {parameter.accepts.least, parameter.accepts.most, parameter.sensible.least, parameter.sensible.most}
    largest = 3.4e38 if parameter.type == "float" else 2**63
    wanted = {end for end in ends if math.isfinite(end)} | {parameter.sensible.most + 1, parameter.sensible.least - 1}
    return {value for value in wanted | {largest, -largest, 0} if math.isfinite(value) and value in parameter.accepts}


@pytest.mark.parametrize("name", SAMPLING + OTHERS)
def test_what_the_table_accepts_the_engine_takes(engine: TestedEngine, name: str) -> None:
    """A4"""
    assert PARAMETERS[name].default is not None
    for value in {*edges(name), PARAMETERS[name].default}:
        options = Options().merge({}, {"num_predict": 3, name: value})
        sampling = msgspec.structs.asdict(options.sampling)
        reply = engine.complete(
            "abc", **{**sampling, "num_keep": options.num_keep, "num_predict": min(options.num_predict, 3), "n_ctx": 64}
        )
        assert isinstance(reply.end, wire.Finished), (name, value, reply.end)
