from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Cli = Callable[..., Any]
INFO = {
    "license": "\nMIT\n\nPermission is hereby granted\nto anyone",
    "modelfile": "FROM x",
    "parameters": 'stop                           "<|end|>"\ntemperature                    0.2',
    "template": "{{ .Prompt }}",
    "system": "Be brief.",
    "details": {"family": "llama", "parameter_size": "8.0B", "quantization_level": "Q4_K_M"},
    "model_info": {
        "general.architecture": "llama",
        "llama.context_length": 131072,
        "llama.embedding_length": 4096,
        "llama.rope.freq_base": 8e9,
        "tokenizer.ggml.add_bos": True,
        "tokenizer.ggml.tokens": ["aaa", "bbb", "ccc", "ddd"],
        "tokenizer.ggml.merges": ["a long item", "b"],
        "tokenizer.ggml.scores": [0, 1, 2],
        "tokenizer.ggml.token_type": [3, 1, 6, 1, 1, 1, 1],
        "tokenizer.ggml.wide": ["日", "本", "語"],
    },
    "tensors": [{"name": "token_embd.weight", "type": "Q8_0", "shape": [576, 49152]}],
    "capabilities": ["completion", "tools"],
    "requires": "0.14.0",
}


def test_sections_come_in_order_and_empty_ones_are_left_out(api: Any, cli: Cli) -> None:
    api.answer("POST", "/api/show", INFO)
    assert cli("show", "m").out == (
        "  Model\n"
        "    architecture        llama     \n"
        "    parameters          8.0B      \n"
        "    context length      131072    \n"
        "    embedding length    4096      \n"
        "    quantization        Q4_K_M    \n"
        "    requires            0.14.0    \n"
        "\n"
        "  Capabilities\n"
        "    completion    \n"
        "    tools         \n"
        "\n"
        "  Parameters\n"
        '    stop           "<|end|>"    \n'
        "    temperature    0.2          \n"
        "\n"
        "  System\n"
        "    Be brief.    \n"
        "\n"
        "  License\n"
        "    MIT                             \n"
        "    Permission is hereby granted    \n"
        "    ...                             \n"
        "\n"
    )


def test_verbose_adds_sorted_metadata_and_tensors(api: Any, cli: Cli) -> None:
    """C022"""
    api.answer("POST", "/api/show", INFO)
    out = cli("show", "-v", "m").out
    assert out.index("Parameters") < out.index("Metadata") < out.index("Tensors") < out.index("System")
    keys = [line.split()[0] for line in out.partition("Metadata\n")[2].partition("\n\n")[0].splitlines()]
    assert keys == sorted(INFO["model_info"])  # type: ignore[call-overload]  # a dict
    arrays = ("[aaa bbb ...+2 more]", "[a long item ...+1 more]", "[0 1 2]", "[3 1 6 ...+4 more]", "[日 本 ...+1 more]")
    for cell in ("8e+09", "true", "[576 49152]", *arrays):
        assert f" {cell} " in out
    assert api.bodies("/api/show") == [{"model": "m", "verbose": True}]


def test_without_metadata_the_details_remain(api: Any, cli: Cli) -> None:
    api.answer("POST", "/api/show", {"details": INFO["details"]})
    assert cli("show", "m").out == (
        "  Model\n    architecture    llama     \n    parameters      8.0B      \n    quantization    Q4_K_M    \n\n"
    )


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("modelfile", "FROM x\n"),
        ("license", f"{INFO['license']}\n"),
        ("parameters", f"{INFO['parameters']}\n"),
        ("system", "Be brief."),
        ("template", "{{ .Prompt }}"),
    ],
)
def test_a_part_is_printed_alone(api: Any, cli: Cli, part: str, text: str) -> None:
    api.answer("POST", "/api/show", INFO)
    assert cli("show", "m", f"--{part}", "-v").out == text


def test_two_parts_are_one_too_many(api: Any, cli: Cli) -> None:
    outcome = cli("show", "m", "--license", "--system")
    assert (outcome.code, outcome.err) == (
        1,
        "Error: only one of '--license', '--modelfile', '--parameters', '--system', or '--template' can be specified\n",
    )


def test_an_unknown_model_is_named(api: Any, cli: Cli) -> None:
    api.answer("POST", "/api/show", {"error": "model 'm' not found"}, 404)
    assert cli("show", "m").err == "Error: model 'm' not found\n"
