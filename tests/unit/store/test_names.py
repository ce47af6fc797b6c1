"""Model names: what a user may type, and what it means."""

from __future__ import annotations

import pytest

from pyollama.errors import BadRequest, InvalidName
from pyollama.store import ModelName, strip_source_suffix

HOST, NAMESPACE = "registry.ollama.ai", "library"


@pytest.mark.parametrize(
    ("text", "parts", "shortest"),
    [
        ("llama3", (HOST, NAMESPACE, "llama3", "latest"), "llama3:latest"),
        ("llama3:8b", (HOST, NAMESPACE, "llama3", "8b"), "llama3:8b"),
        ("me/m:8b", (HOST, "me", "m", "8b"), "me/m:8b"),
        ("library/m", (HOST, NAMESPACE, "m", "latest"), "m:latest"),
        ("host:5000/ns/m", ("host:5000", "ns", "m", "latest"), "host:5000/ns/m:latest"),
        ("h/library/m:t", ("h", NAMESPACE, "m", "t"), "h/library/m:t"),
        ("http://h:5000/n/m:t", ("h:5000", "n", "m", "t"), "h:5000/n/m:t"),
        (
            "hub.example/Org/Repo-GGUF:Q4_K_M",
            ("hub.example", "Org", "Repo-GGUF", "Q4_K_M"),
            "hub.example/Org/Repo-GGUF:Q4_K_M",
        ),
        ("_m", (HOST, NAMESPACE, "_m", "latest"), "_m:latest"),
        ("m" * 80, (HOST, NAMESPACE, "m" * 80, "latest"), "m" * 80 + ":latest"),
        ("h" * 350 + "/n/m", ("h" * 350, "n", "m", "latest"), "h" * 350 + "/n/m:latest"),
    ],
)
def test_a_name_has_four_parts_and_a_shortest_text(text: str, parts: tuple[str, ...], shortest: str) -> None:
    name = ModelName.parse(text)
    assert (name.parts, name.shortest(), str(name)) == (parts, shortest, shortest)


def test_the_full_text_has_every_part_and_no_scheme() -> None:
    name = ModelName.parse("http://h:5000/n/m")
    assert (name.full(), name.scheme) == ("h:5000/n/m:latest", "http")
    assert ModelName.parse("m").full() == "registry.ollama.ai/library/m:latest"
    assert ModelName.parse("m").scheme == "https"


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "m:", ":t", "/m", "n/", "n//m", "//m", "-m", "m:-t", ".m", "m:.t", "..", "a/../b", "a/b/c/d"),
        *("localhost:5000/m", "http://m", "http://h/m", "://h/n/m", "http:///n/m", "m@sha256:" + "0" * 64),
        *("m" * 81, "n" * 81 + "/m", "m:" + "t" * 81, "h" * 351 + "/n/m", "mé", "m:ü", "n.s/m", "m m", "m\n", " m"),
        *("m:a:b", "%6d", "m\0", "a\\b", "\u212a"),
    ],
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidName, match=r"^invalid model name$"):
        ModelName.parse(text)


def test_a_part_cannot_be_built_around_the_parser() -> None:
    with pytest.raises(InvalidName):
        ModelName("h", "n", "../../etc", "t")


def test_the_scheme_does_not_tell_names_apart() -> None:
    assert ModelName.parse("http://h/n/m") == ModelName.parse("h/n/m")


@pytest.mark.parametrize(
    ("text", "stripped", "cloud"),
    [
        ("m", "m", False),
        (" m:8b\n", "m:8b", False),
        ("m:local", "m", False),
        ("m:8b:LOCAL", "m:8b", False),
        ("m:cloud", "m:cloud", True),
        ("m:8b:Cloud", "m:8b-cloud", True),
        ("m:8b-cloud", "m:8b-cloud", True),
        ("h:5000/n/m:cloud", "h:5000/n/m:cloud", True),
        ("m-cloud", "m-cloud", False),
        ("m:cloudy", "m:cloudy", False),
        ("", "", False),
    ],
)
def test_a_source_marker_is_taken_off(text: str, stripped: str, cloud: bool) -> None:
    assert strip_source_suffix(text) == (stripped, cloud)


@pytest.mark.parametrize("text", ["m:local:cloud", "m:cloud:local", "m:8b-cloud:local", "m:8b-cloud:cloud"])
def test_two_source_markers_are_refused(text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        strip_source_suffix(text)
    assert str(caught.value) == f'use either :local or :cloud, not both: "{text}"'
