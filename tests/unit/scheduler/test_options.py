import logging
import math

import pytest

from pyollama.config import Settings
from pyollama.errors import OptionRangeError, OptionTypeError
from pyollama.scheduler.options import Options, defaults

BASE = Options()


def test_the_request_wins_over_the_model_and_the_model_over_the_environment() -> None:
    base = defaults(Settings(context_length=1000))

    assert Options.merge(base, {}, {}).num_ctx == 1000
    assert Options.merge(base, {"num_ctx": 2000, "top_k": 7}, {}).num_ctx == 2000
    merged = Options.merge(base, {"num_ctx": 2000, "top_k": 7}, {"num_ctx": 3000})
    assert (merged.num_ctx, merged.sampling.top_k) == (3000, 7)


def test_without_an_environment_the_context_is_automatic() -> None:
    assert defaults(Settings()).num_ctx is None


@pytest.mark.parametrize(("given", "read"), [(5, 5), (5.9, 5), (-5.9, -5), (1e300, 2**31 - 1)])
def test_an_integer_option_cuts_any_number(given: float, read: int) -> None:
    assert BASE.merge({}, {"num_predict": given}).num_predict == read


@pytest.mark.parametrize("given", [1, 0.5])
def test_a_float_option_takes_any_number(given: float) -> None:
    assert BASE.merge({}, {"temperature": given}).sampling.temperature == given


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("num_ctx", "5", 'option "num_ctx" must be of type integer'),
        ("num_ctx", True, 'option "num_ctx" must be of type integer'),
        ("seed", [], 'option "seed" must be of type integer'),
        ("temperature", "hot", 'option "temperature" must be of type float32'),
        ("temperature", False, 'option "temperature" must be of type float32'),
        ("use_mmap", 1, 'option "use_mmap" must be of type boolean'),
        ("stop", 5, 'option "stop" must be of type array'),
        ("stop", {}, 'option "stop" must be of type array'),
        ("stop", ["a", 5], 'option "stop" must be of an array of strings'),
    ],
)
def test_a_wrong_type_is_refused_in_ollamas_words(name: str, value: object, text: str) -> None:
    for merge in (lambda: BASE.merge({}, {name: value}), lambda: BASE.merge({name: value}, {})):
        with pytest.raises(OptionTypeError) as refused:
            merge()
        assert str(refused.value) == text
        assert refused.value.status == 500


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("repeat_penalty", 0),
        ("repeat_penalty", -1.5),
        ("mirostat", 3),
        ("repeat_last_n", -1),
        ("num_keep", -2),
        ("temperature", 1e50),
        ("temperature", math.nan),
        ("temperature", 10**400),
        ("top_k", math.inf),
        ("top_k", 10**400),
        ("num_ctx", -(10**400)),
        ("seed", 10**400),
    ],
)
def test_numbers_that_no_engine_could_use_are_refused(name: str, value: float) -> None:
    with pytest.raises(OptionRangeError, match=f'option "{name}" is') as refused:
        BASE.merge({}, {name: value})
    assert refused.value.status == 400
    assert len(str(refused.value)) < 120


@pytest.mark.parametrize(
    ("name", "value", "used"),
    [
        ("top_p", 1.5, 1.0),
        ("top_p", -1, 1.0),
        ("top_p", 0.5, 0.5),
        ("min_p", 2, 0.0),
        ("min_p", -1, 0.0),
        ("min_p", 0.1, 0.1),
        ("typical_p", 2, 1.0),
        ("typical_p", -0.5, 1.0),
    ],
)
def test_a_share_outside_0_to_1_switches_a_filter_off(name: str, value: float, used: float) -> None:
    assert getattr(BASE.merge({}, {name: value}).sampling, name) == used


@pytest.mark.parametrize(
    ("name", "value"), [("num_ctx", -5), ("num_ctx", 3), ("num_keep", -1), ("num_gpu", -7), ("top_k", -1)]
)
def test_numbers_below_zero_that_ollama_takes_are_taken(name: str, value: int) -> None:
    BASE.merge({}, {name: value})


def test_sampling_options_are_merged_one_by_one() -> None:
    merged = BASE.merge({"top_k": 5}, {"top_k": 6, "seed": 3})
    assert (merged.sampling.top_k, merged.sampling.seed, merged.sampling.top_p) == (6, 3, 0.9)


def test_a_single_stop_string_is_a_list_of_one() -> None:
    assert BASE.merge({}, {"stop": "END"}).stop == ("END",)


def test_a_request_replaces_the_stop_list_of_the_model() -> None:
    assert BASE.merge({"stop": ["a", "b"]}, {"stop": ["c"]}).stop == ("c",)


@pytest.mark.parametrize("given", [[], ["c"]])
def test_even_an_empty_stop_list_replaces_the_models(given: list[str]) -> None:
    """A435"""
    assert BASE.merge({"stop": ["a"]}, {"stop": given}).stop == tuple(given)


def test_null_is_ignored() -> None:
    assert BASE.merge({"top_k": 3}, {"top_k": None}).sampling.top_k == 3


def test_unknown_names_are_ignored_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert BASE.merge({}, {"frobnicate": 1}) == BASE
    assert "frobnicate" in caplog.text


def test_retired_names_are_ignored_without_a_check() -> None:
    assert BASE.merge({}, {"tfs_z": "text", "num_gqa": [], "f16_kv": 3}) == BASE


def test_retired_names_that_the_engine_knows_are_honoured() -> None:
    merged = BASE.merge({}, {"mirostat": 2, "mirostat_tau": 4, "use_mlock": True, "rope_frequency_base": 1e6})
    assert (merged.use_mlock, merged.rope_frequency_base) == (True, 1e6)
    assert (merged.sampling.mirostat, merged.sampling.mirostat_tau) == (2, 4)


def test_retired_names_that_the_engine_knows_are_checked() -> None:
    """A436"""
    with pytest.raises(OptionTypeError, match='option "mirostat" must be of type integer'):
        BASE.merge({}, {"mirostat": "x"})


@pytest.mark.parametrize(
    "automatic", [{"num_gpu": -1}, {"num_thread": 0}, {"num_thread": -1}, {"num_batch": 0}, {"num_batch": -1}]
)
def test_a_value_that_means_automatic_counts_as_unspecified(automatic: dict[str, int]) -> None:
    assert BASE.merge({}, automatic) == BASE


@pytest.mark.parametrize(("given", "used"), [(-1, -1), (-7, -1), (42, 42), (42.0, 42), (2**40 + 3, 3)])
def test_any_number_is_a_seed(given: float, used: int) -> None:
    assert BASE.merge({}, {"seed": given}).sampling.seed == used
