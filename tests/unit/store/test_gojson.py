"""JSON in the byte form that digests were made of. Worked digests: SHA-256 of what Ollama writes."""

from __future__ import annotations

import math

import pytest

from pyollama.store import Config, Digest, gojson
from pyollama.store.configs import file_type_name, parameter_size


@pytest.mark.parametrize(
    ("value", "digest"),
    [
        (
            {"stop": ["<|im_end|>"], "temperature": 0.5},
            "afafec4e2ecd9a1df909486e2ee37a18846e19b87f0b9506fea7d2272d37ae69",
        ),
        (
            {"stop": ["USER:", "ASSISTANT:"], "temperature": 1, "top_k": 10},
            "1d0ad71299d48c2fb7ae2b98e683643e771f8a5b72be34942af90d97a91c1e37",
        ),
        (
            [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}],
            "ac29223db42ab62ec4df0a39c5ba6054f3bd78f945c536548dcf2f7431f39af4",
        ),
    ],
)
def test_json_layers_have_the_digests_of_ollama(value: object, digest: str) -> None:
    assert Digest.of(gojson.dump_line(value)).hex == digest


def test_a_config_has_the_digest_of_ollama() -> None:
    config = Config(
        model_format="gguf", model_family="llama", model_families=["llama"], model_type="1.1B", file_type="Q4_0"
    )
    assert len(config.to_bytes()) == 149
    assert Digest.of(config.to_bytes()).hex == "482ce23acab9b7943b16ef8caed5562d833f509e256391544524178ea84f2b31"


def test_a_config_keeps_its_key_order_and_its_empty_obligatory_keys() -> None:
    config = Config(capabilities=["tools"], requires="0.14.0", base_name="b", context_length=8)
    assert config.to_bytes() == (
        b'{"model_format":"","model_family":"","model_families":null,"model_type":"","file_type":"",'
        b'"requires":"0.14.0","capabilities":["tools"],"context_length":8,"base_name":"b",'
        b'"architecture":"amd64","os":"linux"}\n'
    )


def test_a_config_of_an_old_release_is_read() -> None:
    raw = b'{"model_format":"gguf","model_families":null,"rootfs":{"type":"layers","diff_ids":["sha256:x"]}}'
    assert Config.parse(raw, "").model_format == "gguf"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("<a> & </a>", r'"\u003ca\u003e \u0026 \u003c/a\u003e"'),
        ("line\u2028and\u2029end", r'"line\u2028and\u2029end"'),
        ('tab\tquote"back\\', r'"tab\tquote\"back\\"'),
        ("\x00\x1f\x7f", '"\\u0000\\u001f\x7f"'),
        ("né 你 \U0001f600", '"né 你 \U0001f600"'),
        ("half \ud83d", '"half \ufffd"'),
        (1.0, "1"),
        (1048576.0, "1048576"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (0.000001, "0.000001"),
        (1e-7, "1e-7"),
        (-2.5e-9, "-2.5e-9"),
        (0.1, "0.1"),
        (0.0, "0"),
        (2**60, "1152921504606846976"),
        (True, "true"),
        (None, "null"),
        ({"b": [], "a": {}}, '{"b":[],"a":{}}'),
    ],
)
def test_json_is_written_as_go_writes_it(value: object, text: str) -> None:
    assert gojson.dump_line(value).decode() == text + "\n"


def test_json_has_no_infinity() -> None:
    with pytest.raises(ValueError, match="no infinities"):
        gojson.dump_line([math.inf])


@pytest.mark.parametrize(
    ("given", "single"), [(0.7, 0.7), (0.123456789, 0.12345679), (1e-5, 1e-5), (3.4e38, 3.4e38), (0.0, 0.0), (5e-46, 0)]
)
def test_a_float_is_rounded_to_the_shortest_text_of_32_bits(given: float, single: float) -> None:
    assert gojson.float32(given) == single


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (2_850_000_000, "2.9B"),
        (7_000_000_000, "7B"),
        (500_500_000, "500.50M"),
        (134_515_008, "134.52M"),
        (134_000_000, "134M"),
        (1_001, "1K"),
        (12_000, "12K"),
        (999, "999"),
        (0, "0"),
    ],
)
def test_parameter_counts_read_as_people_say_them(count: int, text: str) -> None:
    assert parameter_size(count) == text


@pytest.mark.parametrize(
    ("number", "name"),
    [(0, "F32"), (1, "F16"), (3, "Q4_1"), (7, "Q8_0"), (15, "Q4_K_M"), (18, "Q6_K"), (30, "IQ4_XS"), (32, "BF16"),
     (36, "TQ1_0"), (39, "NVFP4"), (40, "Q1_0"), (4, "unknown"), (33, "unknown"), (1024, "unknown"), (None, "unknown")],
)  # fmt: skip
def test_file_types_have_their_names(number: int | None, name: str) -> None:
    assert file_type_name(number) == name
