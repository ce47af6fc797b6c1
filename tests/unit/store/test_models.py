"""A model: typed access to its layers, and what can be told of it."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from support import library
from support.gguf_writer import TensorSpec

from pyollama.errors import BlobNotFound, BrokenManifest, GGUFError, StoreError
from pyollama.store import Config, Digest, Model, ModelName, Store, facts

CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"


@pytest.fixture
def put(store: Store, root: Path):
    """Write a model of some layers and open it."""

    def write(*layers: tuple[str, bytes], **config: object) -> Model:
        library.put_model(root, "m", layers, config={"model_format": "gguf", **config})
        return store.open_model(ModelName.parse("m"))

    return write


def test_layers_are_read_by_kind(put) -> None:
    model = put(
        ("model", b"GGUF"),
        ("template", b"{{ .Prompt }}"),
        ("system", "Arr, né".encode()),
        ("license", b"MIT"),
        ("license", b"GPL"),
        ("params", b'{"stop":["a"],"temperature":0.5}\n'),
        ("messages", b'[{"role":"user","content":"hi"}]\n'),
        ("adapter", b"one"),
        ("adapter", b"two"),
        ("projector", b"eye"),
        ("unknown", b"?"),
    )
    assert (model.template, model.system, model.licenses) == ("{{ .Prompt }}", "Arr, né", ["MIT", "GPL"])
    assert model.parameters == {"stop": ["a"], "temperature": 0.5}
    assert model.messages == [{"role": "user", "content": "hi"}]
    assert [path.read_bytes() for path in model.model_paths] == [b"GGUF"]
    assert [path.read_bytes() for path in model.adapter_paths] == [b"one", b"two"]
    assert [path.read_bytes() for path in model.projector_paths] == [b"eye"]


def test_a_model_without_layers_has_nothing(put) -> None:
    model = put()
    assert (model.template, model.system, model.licenses, model.parameters, model.messages) == (None, None, [], {}, [])
    assert (model.model_paths, model.parent_model, model.facts(), model.capabilities()) == ([], "", None, set())
    with pytest.raises(StoreError, match="no GGUF weights"):
        model.header()


def test_of_several_single_layers_the_last_counts(put) -> None:
    model = put(("system", b"1"), ("system", b"2"), ("params", b'{"seed":1}'), ("params", b'{"top_k":2}'))
    assert (model.system, model.parameters) == ("2", {"top_k": 2})


def test_a_prompt_layer_of_2023_is_a_template(put) -> None:
    assert put(("prompt", b"old")).template == "old"


@pytest.mark.parametrize("raw", [b"[1]", b"{", b"", b'"x"'])
def test_parameters_that_are_no_object_are_ignored_with_a_warning(
    put, raw: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert put(("params", raw)).parameters == {}
    assert "params" in caplog.text


def test_a_text_layer_that_is_too_large_is_refused(put) -> None:
    with pytest.raises(StoreError, match="more than the 1048576 bytes allowed"):
        _ = put(("params", b" " * (1 << 20) + b"{}")).parameters


def test_a_missing_layer_is_named(put, root: Path) -> None:
    model = put(("system", b"gone"))
    (root / "blobs" / Digest.of(b"gone").filename).unlink()
    with pytest.raises(BlobNotFound, match=Digest.of(b"gone").hex):
        _ = model.system


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"model_format":1}'])
def test_a_broken_config_still_lets_the_model_be_listed(
    store: Store, root: Path, raw: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    tree = f'{{"config":{{"digest":"{library.put_blob(root, raw)}","size":{len(raw)}}},"layers":[]}}'
    library.put_manifest(root, tree.encode(), "m")
    with caplog.at_level(logging.WARNING):
        (model,) = store.list_models()
        assert model.details["family"] == ""
    assert "not a model configuration" in caplog.text


@pytest.mark.parametrize(
    ("origin", "parent"),
    [
        ("b:latest", "b:latest"),
        ("hub.example/n/b:7b", "hub.example/n/b:7b"),
        ("smollm2.gguf", ""),
        ("model", ""),
        ("C:\\models\\b.gguf", ""),
        ("", ""),
    ],
)
def test_the_parent_is_a_model_and_never_a_file(store: Store, root: Path, origin: str, parent: str) -> None:
    layer = {"mediaType": library.LAYER + "model", "digest": library.put_blob(root, b"w"), "size": 1, "from": origin}
    library.put_manifest(root, json.dumps({"layers": [layer]}).encode(), "m")
    assert store.open_model(ModelName.parse("m")).parent_model == parent


def test_details_come_from_the_config(store: Store, root: Path) -> None:
    layer = {"mediaType": library.LAYER + "model", "digest": library.put_blob(root, b"w"), "size": 1}
    config = b'{"model_format":"gguf","model_family":"llama","model_families":["llama","clip"],"model_type":"7B"}'
    tree = {"config": {"digest": library.put_blob(root, config), "size": 9}, "layers": [{**layer, "from": "b:latest"}]}
    library.put_manifest(root, str(tree).replace("'", '"').encode(), "m")
    assert store.open_model(ModelName.parse("m")).details == {
        "parent_model": "b:latest",
        "format": "gguf",
        "family": "llama",
        "families": ["llama", "clip"],
        "parameter_size": "7B",
        "quantization_level": "",
    }


def test_lengths_come_from_the_weights_unless_the_config_says_otherwise(put) -> None:
    weights = ("model", library.tiny_gguf())
    assert put(weights).lengths == {"context_length": 2048, "embedding_length": 8}
    assert put(weights, context_length=512).lengths == {"context_length": 512, "embedding_length": 8}
    assert put(("model", b"old format")).lengths == {}


def test_the_header_is_open_until_closed(put) -> None:
    with put(("model", library.tiny_gguf())).header() as header:
        assert header.metadata["general.architecture"] == "llama"
        assert header.tensors[0].name == "token_embd.weight"


def test_damaged_weights_are_an_error_of_the_header_and_a_warning_elsewhere(
    put, caplog: pytest.LogCaptureFixture
) -> None:
    model = put(("model", library.tiny_gguf()[:100]))
    with pytest.raises(GGUFError):
        model.header()
    with caplog.at_level(logging.WARNING):
        assert model.facts() is None
        assert model.capabilities() == set()
    assert "m:latest" in caplog.text


def test_a_blob_is_looked_into_once(put, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = library.tiny_gguf({"general.version": "read once"})
    model = put(("model", weights))
    first = model.facts()
    monkeypatch.setattr(facts, "read_header", None)
    assert model.facts() is first


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, {"completion"}),
        ({"llama.pooling_type": 1}, {"embedding"}),
        ({"llama.vision.block_count": 3}, {"completion", "vision"}),
        ({"llama.audio.block_count": 3}, {"completion", "audio"}),
        ({"tokenizer.chat_template": CHATML}, {"completion"}),
        ({"tokenizer.chat_template": CHATML + "{{ tools }}"}, {"completion", "tools"}),
        ({"tokenizer.chat_template": CHATML + "<think></think>"}, {"completion", "thinking"}),
    ],
)
def test_capabilities_follow_from_the_weights(put, keys: dict[str, object], expected: set[str]) -> None:
    assert put(("model", library.tiny_gguf(keys))).capabilities() == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (b"{{ .Prompt }}", {"completion"}),
        (b"{{ range .Messages }}{{ .Content }}{{ end }}{{ .Tools }}", {"completion", "tools"}),
        (b"{{ .Prompt }}{{ .Suffix }}", {"completion", "insert"}),
        (
            b"{{ range .Messages }}{{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}{{ end }}",
            {"completion", "thinking"},
        ),
        (b"{{ broken", {"completion"}),
    ],
)
def test_capabilities_follow_from_the_go_template(put, template: bytes, expected: set[str]) -> None:
    assert put(("model", library.tiny_gguf()), ("template", template)).capabilities() == expected


def test_capabilities_follow_from_projector_and_config(put) -> None:
    eye = library.tiny_gguf({"general.architecture": "clip", "clip.has_audio_encoder": True})
    weights = ("model", library.tiny_gguf())
    assert put(weights, ("projector", eye)).capabilities() == {"completion", "vision", "audio"}
    assert put(weights, capabilities=["image"]).capabilities() == {"completion", "image"}


def test_the_template_of_the_model_goes_before_that_of_the_weights(put) -> None:
    go, jinja = ("template", b"{{ .Prompt }}"), library.tiny_gguf({"tokenizer.chat_template": CHATML})
    plain = ("model", library.tiny_gguf())
    assert put(plain).active_template() == ("go", "{{ .Prompt }}")
    assert put(plain, ("template", b"x")).active_template() == ("go", "x")
    assert put(("model", jinja)).active_template() == ("jinja", CHATML)
    assert put(("model", jinja), go).active_template() == ("go", "{{ .Prompt }}")
    assert put(("model", jinja), go).active_template(False) == ("jinja", CHATML)
    assert put(("model", jinja), go).active_template(True) == ("go", "{{ .Prompt }}")


def test_a_more_capable_jinja_template_is_preferred_unless_forbidden(put) -> None:
    jinja = CHATML + "{% if tools %}{{ tools }}{% endif %}"
    layers = (("model", library.tiny_gguf({"tokenizer.chat_template": jinja})), ("template", b"{{ .Prompt }}"))
    assert put(*layers).active_template() == ("jinja", jinja)
    assert put(*layers).capabilities() == {"completion", "tools"}
    assert put(*layers).active_template(True).language == "go"


HARMONY_GO = ("template", b"<|start|>{{ .Prompt }}{{ range .Tools }}{{ . }}{{ end }}<|end|>")
HARMONY = "<|channel|>analysis<|message|>{{ messages }}{{ tools }}"
NAMED: tuple[tuple[dict[str, str], str], ...] = (
    ({"renderer": "qwen3-coder", "parser": "qwen3"}, "qwen3-coder"),
    ({"parser": "qwen3"}, "qwen3"),
    ({"model_family": "gptoss"}, "harmony"),
)


@pytest.mark.parametrize(("config", "name"), NAMED)
def test_a443_a_name_alone_adds_no_capability(put, config: dict[str, str], name: str) -> None:
    """D35: nothing runs for such a model, whatever its Go template shows."""
    model = put(("model", library.tiny_gguf()), HARMONY_GO, **config)
    assert (model.capabilities(), model.format_without_template) == ({"completion"}, name)


@pytest.mark.parametrize(("config", "name"), NAMED)
@pytest.mark.parametrize("setting", [None, True, False])
def test_b3_a_named_format_runs_with_the_template_of_the_weights(
    put, config: dict[str, str], name: str, setting: bool | None
) -> None:
    """D35: its capabilities are those of what runs."""
    model = put(("model", library.tiny_gguf({"tokenizer.chat_template": HARMONY})), HARMONY_GO, **config)
    assert model.format_without_template == ""
    assert model.active_template(setting) == ("jinja", HARMONY)
    assert model.capabilities(setting) == {"completion", "tools", "thinking"}


def test_a_family_alone_names_no_format(put) -> None:
    model = put(("model", library.tiny_gguf()), ("template", b"{{ .Prompt }}"), model_family="gptoss")
    assert (model.format_without_template, model.active_template().language) == ("", "go")


def test_a_hundred_models_are_listed_with_their_capabilities_in_no_time(store: Store, root: Path) -> None:
    tensors = [TensorSpec(f"blk.{n}.w", "F16", (8, 8)) for n in range(50)]
    for number in range(100):
        library.put_model(root, f"m{number}", [("model", library.tiny_gguf({"general.version": number}, tensors))])
    names = {model.name.model for model in store.list_models() if model.capabilities() == {"completion"}}
    assert len(names) == 100


@pytest.mark.parametrize("levels", [129, 900, 100_000])
def test_c11_layers_that_nest_too_deeply_count_as_empty(put, caplog: pytest.LogCaptureFixture, levels: int) -> None:
    deep = b"[" * levels + b"]" * levels
    model = put(("params", b'{"stop":' + deep + b"}"), ("messages", deep))
    assert (model.parameters, model.messages) == ({}, [])
    assert "the params layer is not a JSON dict: ignored" in caplog.text


def test_c11_a_config_or_manifest_that_nests_too_deeply_is_broken(store: Store, root: Path) -> None:
    deep = b'{"config":{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}}"
    library.put_manifest(root, deep, "m")
    with pytest.raises(BrokenManifest, match="is unreadable"):
        store.open_model(ModelName.parse("m"))
    with pytest.raises(StoreError, match="not a model configuration"):
        Config.parse(deep, "config")


@pytest.mark.parametrize("year", [-(10**6), 10**6])
def test_b1_a_time_that_no_calendar_has_can_be_told(put, year: int) -> None:
    model = put(("model", library.tiny_gguf()))
    model.modified_ns = year * 31_556_952 * 10**9
    assert model.modified_at.year in {1970, 9999}


def test_b1_lengths_of_a_config_that_nobody_can_count_are_left_out(put) -> None:
    model = put(("model", b"old format"), context_length=10**30, embedding_length=-5)
    assert model.lengths == {}
