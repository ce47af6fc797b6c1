"""Layers and manifests that a create writes: byte for byte what Ollama would."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support import library

from pyollama.create import CreateSpec, create
from pyollama.errors import FormatWithoutTemplate
from pyollama.store import Digest, Model, ModelName, Store

Make = Callable[..., list[str]]
Opened = Callable[[str], Model]

PIRATE = "sha256:400458a606a027e03f40c7083c8fef279d4b148514199aa7aac44a6c04f4d607"
SAY_HI = "sha256:f29e82a8284dbdf5910b1555580ff60b04238b8da9d5e51159ada67a4d0d5851"
PROMPT = "sha256:b507b9c2f6ca642bffcd06665ea7c91f235fd32daeefdf875a0f938db05fb315"
MIT = "sha256:e5dcffe836b6ec8a58e492419b550e65fb8cbdc308503979e5dacb33ac7ea3b7"
STOP = "sha256:1d0ad71299d48c2fb7ae2b98e683643e771f8a5b72be34942af90d97a91c1e37"
HI_HELLO = "sha256:ac29223db42ab62ec4df0a39c5ba6054f3bd78f945c536548dcf2f7431f39af4"


def digests(model: Model) -> dict[str, str]:
    return {layer.kind: str(layer.digest) for layer in model.layers}


def test_every_layer_has_the_digest_of_ollama(make: Make, opened: Opened, weights: str) -> None:
    lines = make(
        "m",
        files={"tiny.gguf": weights},
        template="{{ .Prompt }}",
        system="You are a pirate.",
        licenses=["MIT"],
        parameters={"top_k": 10, "temperature": 1.0, "stop": ["USER:", "ASSISTANT:"]},
        messages=[{"role": "User", "content": "hi"}, {"role": "assistant", "content": "hello"}],
    )
    assert list(digests(opened("m")).items()) == [
        ("model", weights),
        ("template", PROMPT),
        ("system", PIRATE),
        ("license", MIT),
        ("params", STOP),
        ("messages", HI_HELLO),
    ]
    assert lines[-8:] == [
        f"using existing layer {weights}",
        *(f"creating new layer {digest}" for digest in (PROMPT, PIRATE, MIT, STOP, HI_HELLO)),
        "writing manifest",
        "success",
    ]


def test_the_manifest_and_config_have_the_bytes_of_ollama(make: Make, opened: Opened, weights: str, root: Path) -> None:
    make("m", files={"dir/tiny.gguf": weights})
    config = (
        b'{"model_format":"gguf","model_family":"llama","model_families":["llama"],"model_type":"1K",'
        b'"file_type":"F16","architecture":"amd64","os":"linux"}\n'
    )
    size = len(library.tiny_gguf())
    assert opened("m").manifest.raw.decode() == (
        '{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json",'
        '"config":{"mediaType":"application/vnd.docker.container.image.v1+json",'
        f'"digest":"{Digest.of(config)}","size":{len(config)}}},'
        '"layers":[{"mediaType":"application/vnd.ollama.image.model",'
        f'"digest":"{weights}","size":{size}}}]}}\n'
    )
    assert (root / "blobs" / Digest.of(config).filename).read_bytes() == config


def test_the_same_input_gives_the_same_manifest_and_no_new_layer(make: Make, opened: Opened, weights: str) -> None:
    fields = {"files": {"t.gguf": weights}, "system": "Say hi!", "parameters": {"seed": 1}, "licenses": ["MIT"]}
    make("m", **fields)
    first = opened("m").manifest.raw
    lines = make("m", **fields)
    assert opened("m").manifest.raw == first
    assert not [line for line in lines if line.startswith("creating")]


def test_a_child_inherits_layers_under_the_name_of_its_base(make: Make, opened: Opened, weights: str) -> None:
    make("hub.example/org/base:q4", files={"t.gguf": weights}, licenses=["MIT"], parameters={"top_k": 1, "seed": 2})
    lines = make("child", from_="HUB.example/org/BASE:q4", licenses=["GPL"], parameters={"seed": 3}, system="Say hi!")
    child = opened("child")
    assert [(layer.kind, layer.from_) for layer in child.layers] == [
        ("model", "hub.example/org/base:q4"),
        ("license", "hub.example/org/base:q4"),
        ("system", ""),
        ("license", ""),
        ("params", ""),
    ]
    assert (child.licenses, child.parameters, child.parent_model) == (
        ["MIT", "GPL"],
        {"seed": 3, "top_k": 1},
        "hub.example/org/base:q4",
    )
    assert lines == [
        f"using existing layer {weights}",
        f"using existing layer {MIT}",
        f"creating new layer {SAY_HI}",
        f"creating new layer {Digest.of(b'GPL')}",
        f"creating new layer {child.layers[-1].digest}",
        "writing manifest",
        "success",
    ]


@pytest.fixture
def templated(root: Path) -> str:
    """The digest of weights with a chat template that is not recognised."""
    return library.put_blob(root, library.tiny_gguf({"tokenizer.chat_template": "{{ messages }}" + "x" * 300}))


def test_a_child_that_says_nothing_has_what_its_base_has(make: Make, opened: Opened, templated: str) -> None:
    make(
        "base",
        files={"t.gguf": templated},
        template="{{ .Prompt }}",
        system="Say hi!",
        parameters={"stop": ["a", "b"]},
        messages=[{"role": "user", "content": "x"}],
        renderer="r",
        parser="p",
        requires="0.14.0",
        info={"capabilities": ["tools"]},
    )
    make("child", from_="base", system="", template="", messages=[], parameters={})
    base, child = opened("base"), opened("child")
    assert digests(child) == digests(base)
    assert child.config == base.config


def test_what_a_child_says_replaces_what_its_base_has(make: Make, opened: Opened, templated: str) -> None:
    make(
        "base",
        files={"t.gguf": templated},
        template="x",
        system="y",
        parameters={"stop": ["a", "b"]},
        messages=[{"role": "user", "content": "1"}, {"role": "user", "content": "2"}],
        renderer="r",
    )
    make(
        "child",
        from_="base",
        template="{{ .Prompt }}",
        system="Say hi!",
        parameters={"stop": ["c"]},
        messages=[{"role": "user", "content": "3"}],
        renderer="s",
    )
    child = opened("child")
    assert (child.template, child.system, child.parameters) == ("{{ .Prompt }}", "Say hi!", {"stop": ["c"]})
    assert child.messages == [{"role": "user", "content": "3"}]
    assert child.config.renderer == "s"


def test_new_system_text_removes_the_old_blob(make: Make, weights: str, root: Path) -> None:
    make("m", files={"t.gguf": weights}, system="old")
    make("m", files={"t.gguf": weights}, system="new")
    assert Digest.of(b"old").filename not in library.blobs(root)


def test_with_noprune_the_old_blob_stays(root: Path, weights: str) -> None:
    store = Store(root, noprune=True)
    for system in ("old", "new"):
        list(create(store, CreateSpec("m", files={"t.gguf": weights}, system=system)))
    assert Digest.of(b"old").filename in library.blobs(root)


def test_a_model_can_be_changed_in_place(make: Make, opened: Opened, weights: str) -> None:
    make("M", files={"t.gguf": weights}, system="old", parameters={"seed": 1})
    make("m", from_="m", parameters={"seed": 2})
    model = opened("m")
    assert (str(model.name), model.system, model.parameters) == ("M:latest", "old", {"seed": 2})
    assert [path.exists() for path in model.model_paths] == [True]


def test_text_is_stored_as_it_is(make: Make, opened: Opened, weights: str) -> None:
    make("m", files={"t.gguf": weights}, system=" né\r\n ", licenses=["", "a", "a"])
    assert opened("m").system == " né\r\n "
    assert opened("m").licenses == ["a", "a"]


def test_parameters_are_sorted_and_floats_have_32_bits(make: Make, opened: Opened, weights: str, root: Path) -> None:
    parameters = {"top_p": 0.123456789, "num_ctx": 1048576, "stop": ["<a>"], "min_p": 1.0}
    make("m", files={"t.gguf": weights}, parameters=parameters)
    (layer,) = [layer for layer in opened("m").layers if layer.kind == "params"]
    assert (root / "blobs" / layer.digest.filename).read_bytes() == (
        b'{"min_p":1,"num_ctx":1048576,"stop":["\\u003ca\\u003e"],"top_p":0.12345679}\n'
    )


def test_messages_keep_their_further_keys_in_order(make: Make, opened: Opened, weights: str) -> None:
    call = {"function": {"name": "f", "arguments": {"x": 1}}}
    messages = [
        {"tool_calls": [call], "role": "ASSISTANT", "thinking": "hm"},
        {"content": "1", "tool_name": "f", "role": "tool", "images": None, "extra": 1},
    ]
    make("m", files={"t.gguf": weights}, messages=messages)
    assert json.dumps(opened("m").messages) == json.dumps(
        [
            {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [call]},
            {"role": "tool", "content": "1", "tool_name": "f"},
        ]
    )


def test_the_request_overrides_the_config(make: Make, opened: Opened, weights: str) -> None:
    info = {
        "capabilities": ["tools"],
        "model_family": "f",
        "base_name": "b",
        "quantization_level": "Q",
        "parameter_size": "1B",
        "context_length": 5.0,
        "embedding_length": 6,
        "unknown": {},
    }
    make("m", files={"t.gguf": weights}, info=info, requires="0.14.0")
    config = opened("m").config
    assert (config.capabilities, config.model_family, config.model_families) == (["tools"], "f", ["f", "llama"])
    assert (config.base_name, config.file_type, config.model_type, config.requires) == ("b", "Q", "1B", "0.14.0")
    assert (config.context_length, config.embedding_length) == (5, 6)


@pytest.mark.parametrize(
    ("architecture", "renderer", "stop"),
    [("gemma4", "gemma4", ["<turn|>"]), ("laguna", "laguna", None), ("nemotron_h_moe", "nemotron-3-nano", None)],
)
def test_some_architectures_have_a_renderer_of_their_own(
    make: Make, opened: Opened, root: Path, architecture: str, renderer: str, stop: list[str] | None
) -> None:
    keys = {"general.architecture": architecture, "tokenizer.chat_template": "{{ messages }}" + "x" * 300}
    blob = library.put_blob(root, library.tiny_gguf(keys))
    make("m", files={"t.gguf": blob})
    config = opened("m").config
    assert (config.renderer, config.parser, opened("m").parameters.get("stop")) == (renderer, renderer, stop)
    make("n", files={"t.gguf": blob}, renderer="mine", parameters={"stop": ["x"]})
    assert (opened("n").config.renderer, opened("n").parameters) == ("mine", {"stop": ["x"]})


def test_without_a_chat_template_no_architecture_has_a_renderer(make: Make, opened: Opened, root: Path) -> None:
    make("m", files={"t.gguf": library.put_blob(root, library.tiny_gguf({"general.architecture": "gemma4"}))})
    assert (opened("m").config.renderer, opened("m").config.parser) == ("", "")


@pytest.mark.parametrize(
    ("fields", "name"),
    [({"renderer": "qwen3-coder", "parser": "qwen3"}, "qwen3-coder"), ({"parser": "qwen3"}, "qwen3")],
)
def test_a441_a_renderer_needs_a_chat_template_in_the_file(
    make: Make, weights: str, snapshot: Callable[[], dict[str, bytes]], fields: dict[str, str], name: str
) -> None:
    """D35"""
    make("base", files={"t.gguf": weights})
    before = snapshot()
    for origin in ({"files": {"t.gguf": weights}}, {"from_": "base"}):
        with pytest.raises(FormatWithoutTemplate) as caught:
            make("m", **origin, **fields)
        assert str(caught.value) == f'renderer "{name}" needs a chat template inside the model file'
        assert caught.value.status == 400
    assert snapshot() == before


def test_a441_so_does_gpt_oss(make: Make, root: Path) -> None:
    blob = library.put_blob(root, library.tiny_gguf({"general.architecture": "gptoss"}))
    with pytest.raises(FormatWithoutTemplate, match='renderer "harmony" needs'):
        make("m", files={"t.gguf": blob}, template="<|start|>{{ .Prompt }}<|end|>")


def test_a_base_without_weights_of_ours_can_be_derived_from(
    make: Make, opened: Opened, root: Path, store: Store
) -> None:
    config = {"model_format": "safetensors", "model_family": "qwen3", "model_type": "1B", "file_type": "BF16"}
    library.put_model(root, "mlx", [("tensor", b"w"), ("json", b"{}")], config=config)
    make("child", from_="mlx", system="Say hi!")
    child = opened("child")
    assert [layer.kind for layer in child.layers] == ["tensor", "json", "system"]
    assert (child.config.model_format, child.config.model_family, child.config.file_type) == (
        "safetensors",
        "qwen3",
        "BF16",
    )
    store.delete(ModelName.parse("mlx"))
    assert opened("child").system == "Say hi!"
