from __future__ import annotations

import logging
import re
from dataclasses import fields
from pathlib import Path

import pytest

from pyollama.cli.help.environment import CLIENT, SERVER
from pyollama.config import FOREVER, WITHOUT_EFFECT, Address, Settings, lookup, parse_duration, problems


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("1.2.3.4", "http://1.2.3.4:11434"),
        ("1.2.3.4:1234", "http://1.2.3.4:1234"),
        ("name", "http://name:11434"),
        ("name:1234", "http://name:1234"),
        (":1234", "http://127.0.0.1:1234"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("::1", "http://[::1]:11434"),
        ("[::1]", "http://[::1]:11434"),
        ("[::1]:5", "http://[::1]:5"),
        ("[::]", "http://[::1]:11434"),
        ("[::1%lo]:5", "http://[::1]:5"),
        ("[fe80::1%25eth0]", "http://[fe80::1%eth0]:11434"),
        ("http://h", "http://h:80"),
        ("https://h", "https://h:443"),
        ("https://h/p", "https://h:443/p"),
        ("http://h:9/p/q/", "http://h:9/p/q"),
        ("h:0", "http://h:0"),
        (' "h:1" ', "http://h:1"),
        ("'h:1'", "http://h:1"),
    ],
)
def test_a_host_is_understood_in_all_its_forms(text: str, url: str) -> None:
    assert Settings.from_env({"OLLAMA_HOST": text}).host.client_url == url


def test_without_a_host_the_server_is_on_this_machine() -> None:
    assert Settings.from_env({}).host == Address("http", "127.0.0.1", 11434, "")


def test_a_port_alone_means_all_interfaces() -> None:
    assert Settings.from_env({"OLLAMA_HOST": ":1234"}).host.authority == "0.0.0.0:1234"


@pytest.mark.parametrize(
    ("text", "authority"),
    [
        ("h:99999", "h:11434"),
        ("h:x", "h:11434"),
        ("https://h:x/p", "h:443"),
        ("ftp://h", "127.0.0.1:11434"),
        ("[::1]:-1", "[::1]:11434"),
    ],
)
def test_a_wrong_port_or_scheme_gives_the_default_and_a_warning(
    text: str, authority: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "pyollama.config"):
        settings = Settings.from_env({"OLLAMA_HOST": text})
    assert settings.host.authority == authority
    assert f"OLLAMA_HOST={text!r} is ignored" in caplog.text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5m", 300), ("90", 90), ("0", 0), ("-1", FOREVER), ("-5m", FOREVER), ("1h30m", 5400), ("1.5s", 1.5), ("x", 300)],
)
def test_keep_alive_is_a_duration_or_seconds(text: str, seconds: float) -> None:
    assert Settings.from_env({"OLLAMA_KEEP_ALIVE": text}).keep_alive == seconds


@pytest.mark.parametrize(("text", "seconds"), [("0", FOREVER), ("-1s", FOREVER), ("2m", 120)])
def test_a_load_timeout_of_zero_or_less_is_none(text: str, seconds: float) -> None:
    assert Settings.from_env({"OLLAMA_LOAD_TIMEOUT": text}).load_timeout == seconds


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("TRUE", True), ("0", False), ("f", False), ("yes", True), ("", None), (" ", None)]
)
def test_any_text_but_the_known_noes_is_true(text: str, value: bool | None) -> None:
    assert Settings.from_env({"OLLAMA_FLASH_ATTENTION": text}).flash_attention is value


@pytest.mark.parametrize(("text", "value"), [("7", 7), ("-7", 512), ("7.5", 512), ("٧", 512), ("", 512)])
def test_a_count_is_decimal_digits_only(text: str, value: int) -> None:
    assert Settings.from_env({"OLLAMA_MAX_QUEUE": text}).max_queue == value


@pytest.mark.parametrize(("text", "level"), [("", 0), ("0", 0), ("false", 0), ("1", 1), ("true", 1), ("2", 2)])
def test_debug_is_a_level(text: str, level: int) -> None:
    assert Settings.from_env({"OLLAMA_DEBUG": text}).debug == level


def test_our_own_prefix_wins() -> None:
    assert Settings.from_env({"OLLAMA_MAX_QUEUE": "1", "PYOLLAMA_MAX_QUEUE": "2"}).max_queue == 2


def test_an_empty_variable_of_ours_leaves_the_other() -> None:
    assert Settings.from_env({"OLLAMA_MAX_QUEUE": "1", "PYOLLAMA_MAX_QUEUE": ""}).max_queue == 1


def test_models_are_in_the_home_folder_unless_set() -> None:
    assert Settings.from_env({"HOME": "/home/me"}).models == Path("/home/me/.ollama/models")
    assert Settings.from_env({"HOME": "/home/me", "OLLAMA_MODELS": "/srv/models"}).models == Path("/srv/models")


def test_lists_and_texts_are_cleaned() -> None:
    settings = Settings.from_env({"OLLAMA_ORIGINS": "http://a, app://b,,", "OLLAMA_KV_CACHE_TYPE": "Q8_0"})
    assert settings.origins == ("http://a", "app://b")
    assert settings.kv_cache_type == "q8_0"


def test_problems_name_the_variable() -> None:
    found = problems({"PYOLLAMA_MAX_QUEUE": "many", "OLLAMA_HOST": "ok"})
    assert found == ["PYOLLAMA_MAX_QUEUE='many' is ignored: not a whole number"]


@pytest.mark.parametrize("name", WITHOUT_EFFECT)
def test_a_variable_without_effect_says_so_and_is_offered_nowhere(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """A8"""
    Settings.from_env({f"OLLAMA_{name}": "1"})
    assert f"OLLAMA_{name} has no effect: {WITHOUT_EFFECT[name]}" in caplog.text
    assert f"OLLAMA_{name}" not in SERVER | CLIENT


def test_every_setting_is_read_somewhere() -> None:
    """A8"""
    package = Path(__file__).parents[2] / "pyollama"
    code = "".join(path.read_text() for path in package.rglob("*.py") if path.name != "config.py")
    for field in fields(Settings):
        assert re.search(rf"settings\(?\)?\.{field.name}\b", code), field.name


def test_lookup_tells_which_variable_decides() -> None:
    assert lookup({"OLLAMA_X": "'1'"}, "X") == ("OLLAMA_X", "1")


def test_every_setting_is_described_for_users() -> None:
    assert {f"OLLAMA_{field.name.upper()}" for field in fields(Settings)} == set(SERVER | CLIENT)
    assert set(Settings().effective()) == set(SERVER | CLIENT)


def test_effective_values_are_plain() -> None:
    shown = Settings(keep_alive=FOREVER, origins=("a", "b")).effective()
    assert (shown["OLLAMA_HOST"], shown["OLLAMA_KEEP_ALIVE"]) == ("http://127.0.0.1:11434", "forever")
    assert (shown["OLLAMA_LOAD_TIMEOUT"], shown["OLLAMA_ORIGINS"]) == ("300s", "a,b")


@pytest.mark.parametrize(
    ("text", "ns"), [("5m0s", 300 * 10**9), ("-1m", -60 * 10**9), (".5s", 5 * 10**8), ("1µs2ns", 1002), ("+0", 0)]
)
def test_durations_are_read_as_go_reads_them(text: str, ns: int) -> None:
    assert parse_duration(text) == ns


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("abc", 'time: invalid duration "abc"'),
        ("", 'time: invalid duration ""'),
        ("5", 'time: missing unit in duration "5"'),
        ("5x", 'time: unknown unit "x" in duration "5x"'),
        ("9999999h", 'time: invalid duration "9999999h"'),
    ],
)
def test_other_durations_are_refused_in_known_words(text: str, message: str) -> None:
    with pytest.raises(ValueError, match="time:") as caught:
        parse_duration(text)
    assert str(caught.value) == message
