"""GGUF files as sources: what is taken, recognised and refused."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from support import library
from support.gguf_writer import TensorSpec, Typed

from modelfile_grammar import known
from pyollama.create import CreateSpec, create
from pyollama.errors import CreateError, GGUFError, NotSupported, PyollamaError
from pyollama.store import Digest, Model, Store

Make = Callable[..., list[str]]
Opened = Callable[[str], Model]

CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + "
    "'\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def lora(root: Path, architecture: str = "llama") -> str:
    keys = {"general.type": "adapter", "adapter.type": "lora", "general.architecture": architecture}
    return library.put_blob(root, library.tiny_gguf(keys))


def test_a_blob_is_taken_as_it_is(make: Make, opened: Opened, weights: str) -> None:
    lines = make("m", files={"t.gguf": weights})
    assert lines == [
        "parsing GGUF",
        "verifying conversion",
        f"using existing layer {weights}",
        "writing manifest",
        "success",
    ]
    assert str(opened("m").layers[0].digest) == weights


def test_the_config_describes_the_files(make: Make, opened: Opened, root: Path) -> None:
    big = library.tiny_gguf({"general.file_type": 15}, [TensorSpec("w", "F16", (1000, 2500))])
    eye = library.tiny_gguf({"general.architecture": "clip", "general.type": "mmproj"})
    make("m", files={"b.gguf": library.put_blob(root, eye), "a.gguf": library.put_blob(root, big)})
    model = opened("m")
    assert [layer.kind for layer in model.layers] == ["model", "projector"]
    assert model.details == {
        "parent_model": "",
        "format": "gguf",
        "family": "llama",
        "families": ["llama", "clip"],
        "parameter_size": "2.50M",
        "quantization_level": "Q4_K_M",
    }


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        ({}, "model"),
        ({"general.type": "model"}, "model"),
        ({"general.type": "projector"}, "projector"),
        ({"general.type": "mmproj"}, "projector"),
        ({"llama.block_count": 0, "llama.vision.block_count": 2}, "projector"),
        ({"llama.vision.block_count": 2}, "model"),
        ({"general.architecture": "clip", "clip.has_vision_encoder": True}, "projector"),
        ({"general.architecture": "clip", "clip.has_audio_encoder": True}, "projector"),
        ({"general.architecture": "clip", "clip.has_audio_encoder": False}, "model"),
    ],
)
def test_files_are_told_apart_by_their_keys(
    make: Make, opened: Opened, root: Path, keys: dict[str, object], kind: str
) -> None:
    make("m", files={"t.gguf": library.put_blob(root, library.tiny_gguf(keys))})
    assert opened("m").layers[0].kind == kind


def test_a_known_chat_template_becomes_a_template_layer(make: Make, opened: Opened, root: Path) -> None:
    found = known.detect(CHATML)
    assert found is not None
    blob = library.put_blob(root, library.tiny_gguf({"tokenizer.chat_template": CHATML}))
    lines = make("m", files={"t.gguf": blob})
    model = opened("m")
    assert model.template == found.template
    assert model.parameters == {"stop": list(found.stop)}
    assert lines[2:] == [
        f"using existing layer {blob}",
        f"using autodetected template {found.name}",
        f"creating new layer {model.layers[-1].digest}",
        "writing manifest",
        "success",
    ]


def test_a_template_of_the_request_replaces_the_recognised_one(make: Make, opened: Opened, root: Path) -> None:
    blob = library.put_blob(root, library.tiny_gguf({"tokenizer.chat_template": CHATML}))
    lines = make("m", files={"t.gguf": blob}, template="{{ .Prompt }}", parameters={"stop": ["x"]})
    assert (opened("m").template, opened("m").parameters) == ("{{ .Prompt }}", {"stop": ["x"]})
    assert not [line for line in lines if "autodetected" in line]


def test_an_unknown_chat_template_is_left_to_the_weights(make: Make, opened: Opened, root: Path) -> None:
    jinja = "{{ an unheard of template }}" * 50
    make("m", files={"t.gguf": library.put_blob(root, library.tiny_gguf({"tokenizer.chat_template": jinja}))})
    assert opened("m").template is None
    assert opened("m").active_template() == ("jinja", jinja)


def test_an_adapter_is_added_to_files_and_to_models(make: Make, opened: Opened, weights: str, root: Path) -> None:
    adapter = lora(root)
    lines = make("m", files={"t.gguf": weights}, adapters={"a.gguf": adapter})
    assert lines.count("parsing GGUF") == 2
    make("base", files={"t.gguf": weights})
    make("n", from_="base", adapters={"adapter": adapter}, system="s")
    assert [layer.kind for layer in opened("m").layers] == ["model", "adapter"]
    assert [layer.kind for layer in opened("n").layers] == ["model", "adapter", "system"]


def test_files_of_one_request_are_taken_in_the_order_of_their_names(make: Make, opened: Opened, root: Path) -> None:
    eyes = {
        name: library.put_blob(root, library.tiny_gguf({"general.type": "mmproj", "general.version": name}))
        for name in ("c.gguf", "a.gguf")
    }
    make("m", files={**eyes, "b.gguf": library.put_blob(root, library.tiny_gguf())})
    assert [layer.kind for layer in opened("m").layers] == ["projector", "model", "projector"]
    assert [str(layer.digest) for layer in opened("m").layers[::2]] == [eyes["a.gguf"], eyes["c.gguf"]]


def refused(make: Make, **fields: object) -> tuple[int, str]:
    with pytest.raises(PyollamaError) as caught:
        make("m", **fields)
    return caught.value.status, str(caught.value)


def test_a_text_file_is_no_model(make: Make, root: Path) -> None:
    text = library.put_blob(root, b"This is a text file.")
    assert refused(make, files={"m.gguf": text}) == (400, "supplied file was not in GGUF format")
    assert refused(make, files={"notes.txt": text}) == (400, "unknown type")
    assert refused(make, files={}) == (400, "unknown type")
    assert refused(make, files={"a.gguf": library.put_blob(root, b"")})[0] == 400


def test_a_file_without_suffix_is_known_by_its_first_bytes(make: Make, weights: str) -> None:
    assert make("m", files={"model": weights})[-1] == "success"


@pytest.mark.parametrize("length", [5, 23, 60, 200, -1])
def test_a_truncated_model_is_refused_with_its_name_and_the_place(make: Make, root: Path, length: int) -> None:
    blob = library.put_blob(root, library.tiny_gguf()[:length])
    with pytest.raises(GGUFError, match=r"^t\.gguf: .* \(at byte \d+\)$") as caught:
        make("m", files={"t.gguf": blob})
    assert caught.value.status == 400


def test_blobs_that_are_not_there_are_named(make: Make, weights: str, root: Path) -> None:
    missing = Digest.of(b"missing")
    text = f"open {root / 'blobs' / missing.filename}: no such file or directory"
    assert refused(make, files={"t.gguf": str(missing)}) == (500, text)
    assert refused(make, files={"t.gguf": weights}, adapters={"a.gguf": str(missing)}) == (400, text)


def test_malformed_digests_are_refused(make: Make, weights: str) -> None:
    assert refused(make, files={"t.gguf": "sha256:x"}) == (500, "invalid digest format")
    assert refused(make, files={"t.gguf": ""}) == (400, "invalid digest format")
    assert refused(make, files={"t.gguf": weights}, adapters={"a": "x"}) == (400, "invalid digest format")


def test_upper_case_digests_lead_to_the_blob(make: Make, weights: str) -> None:
    upper = "sha256:" + weights.removeprefix("sha256:").upper()
    assert f"using existing layer {weights}" in make("m", files={"t.gguf": upper})


def test_adapters_that_do_not_fit_are_refused(make: Make, weights: str, root: Path) -> None:
    files = {"t.gguf": weights}
    two = {"a.gguf": lora(root), "b.gguf": lora(root)}
    assert refused(make, files=files, adapters=two) == (400, "only one adapter is currently supported")
    assert refused(make, files=files, adapters={"a.gguf": weights}) == (400, "a.gguf is not an adapter")
    assert refused(make, files=files, adapters={"a.gguf": lora(root, "qwen2")}) == (
        400,
        "a.gguf is made for qwen2, the model is llama",
    )
    assert refused(make, files={"a.gguf": lora(root)}) == (
        400,
        "a.gguf is an adapter: the model it belongs to is missing",
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"files": {"model.safetensors": "sha256:" + "0" * 64}},
        {"files": {}, "draft_files": {"d.gguf": "sha256:" + "0" * 64}},
    ],
)
def test_what_this_version_cannot_do_is_refused_clearly(make: Make, fields: dict[str, object]) -> None:
    with pytest.raises(NotSupported, match="is not supported by this version of pyollama") as caught:
        make("m", **fields)
    assert caught.value.status == 501


# --- quantize ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ["F16", "f16"])
def test_asking_for_the_type_the_weights_have_changes_nothing(make: Make, weights: str, asked: str) -> None:
    lines = make("m", files={"t.gguf": weights}, quantize=asked)
    assert f"using existing layer {weights}" in lines
    assert make("n", from_="m", quantize=asked)[-1] == "success"


@pytest.mark.parametrize(
    ("asked", "file_type", "status", "text"),
    [
        ("Q4_K_M", 1, 501, "quantizing F16 to Q4_K_M is not supported by this version of pyollama"),
        ("q4_k", 0, 501, "quantizing F32 to Q4_K_M is not supported by this version of pyollama"),
        ("Q4_0", 2, 500, "quantization is only supported for F16, BF16 and F32 models"),
        ("Q8_0", 7, 500, "quantization is only supported for F16, BF16 and F32 models"),
        ("IQ2_XS", 1, 500, "quantization type IQ2_XS requires an importance matrix; use pyollama quantize --imatrix"),
    ],
)
def test_quantizing_is_refused(make: Make, root: Path, asked: str, file_type: int, status: int, text: str) -> None:
    blob = library.put_blob(root, library.tiny_gguf({"general.file_type": file_type}))
    assert refused(make, files={"t.gguf": blob}, quantize=asked) == (status, text)


def test_an_unknown_quantization_type_is_refused_with_the_known_ones(make: Make, weights: str) -> None:
    status, text = refused(make, files={"t.gguf": weights}, quantize="q9_z")
    assert status == 500
    assert text.startswith("unsupported quantization type Q9_Z - supported types are F32, F16, BF16, Q4_0,")


# --- split files ------------------------------------------------------------------------------------------------------

TENSORS = [TensorSpec(f"blk.{n}.w", "F32", (n + 1, 3), bytes([n] * 12 * (n + 1))) for n in range(5)]
KEYS: dict[str, object] = {
    "general.alignment": 64,
    "tokenizer.ggml.scores": [0.5, 1.5, 2.5],
    "llama.more": Typed("int8", -1),
}


def shards(root: Path, count: int = 3) -> dict[str, str]:
    """A model in three files, as llama.cpp splits one: all keys in the first."""
    parts = {}
    for index in range(count):
        split = {
            "split.no": Typed("uint16", index),
            "split.count": Typed("uint16", count),
            "split.tensors.count": Typed("int32", len(TENSORS)),
        }
        tensors = TENSORS[index * 2 : index * 2 + 2]
        data = library.tiny_gguf(KEYS | split, tensors) if index == 0 else bare_gguf(split, tensors)
        parts[f"dir/m-{index + 1:05}-of-{count:05}.gguf"] = library.put_blob(root, data)
    return parts


def bare_gguf(keys: dict[str, object], tensors: list[TensorSpec]) -> bytes:
    from support.gguf_writer import write_gguf

    return write_gguf(keys, tensors)


def test_split_files_become_one(make: Make, opened: Opened, root: Path) -> None:
    lines = make("m", files=shards(root))
    model = opened("m")
    (path,) = model.model_paths
    whole = library.tiny_gguf(KEYS, TENSORS)
    assert path.read_bytes() == whole + bytes(-len(whole) % 64)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == model.layers[0].digest.hex
    assert lines == [
        *["parsing GGUF"] * 3,
        *["merging GGUF shards"] * 2,
        "verifying conversion",
        f"creating new layer {model.layers[0].digest}",
        "writing manifest",
        "success",
    ]


def test_a_name_in_two_shards_is_refused(make: Make, root: Path) -> None:
    parts = {}
    for index in range(2):
        split = {"split.no": index, "split.count": 2}
        data = library.tiny_gguf(split, TENSORS[:1])
        parts[f"m-{index + 1:05}-of-00002.gguf"] = library.put_blob(root, data)
    text = 'split GGUF "m-00001-of-00002.gguf" does not fit its shards: two tensors have the same name'
    assert refused(make, files=parts) == (500, text)


# --- what a header may claim ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("general.architecture", 5, "is 5, but must be a name"),
        ("general.architecture", "", "is '', but must be a name"),
        ("general.architecture", ["llama"], "is <ArrayValue of 1 string>, but must be a name"),
        ("general.architecture", "x" * 1000, f"is '{'x' * 99}..., but must be a name"),
        ("llama.block_count", 2**32 - 1, "is 4294967295, but must be a whole number up to 4096"),
        ("llama.context_length", Typed("uint64", 2**63), "must be a whole number up to 2147483647"),
        ("llama.context_length", Typed("int32", -1), "is -1, but must be a whole number up to 2147483647"),
        ("llama.embedding_length", math.nan, "is nan, but must be a whole number"),
        ("llama.feed_forward_length", math.inf, "is inf, but must be a whole number"),
        ("llama.vocab_size", "many", "is 'many', but must be a whole number"),
        ("llama.attention.head_count", True, "is True, but must be a whole number"),
        ("llama.attention.head_count_kv", [1, 2**31], "is 2147483648, but must be a whole number"),
        ("llama.attention.key_length", Typed("uint8", [1] * 5000), "has 5000 entries, more than 4096 layers"),
    ],
)
def test_c10_a_key_that_cannot_be_used_is_refused_with_its_place(
    make: Make, root: Path, key: str, value: object, reason: str
) -> None:
    content = library.tiny_gguf({key: value})
    status, text = refused(make, files={"t.gguf": library.put_blob(root, content)})
    assert status == 400 and text.startswith(f"t.gguf: {key} ") and reason in text
    place = int(text.rpartition("(at byte ")[2].rstrip(")"))
    assert content[place + 8 :].startswith(key.encode())


def test_c10_a_file_without_architecture_is_refused(make: Make, root: Path) -> None:
    blob = library.put_blob(root, bare_gguf({"general.type": "model"}, TENSORS))
    assert refused(make, files={"t.gguf": blob}) == (400, "t.gguf: general.architecture is missing (at byte 24)")


def test_c10_a_tensor_without_dimensions_is_refused(make: Make, root: Path) -> None:
    blob = library.put_blob(root, library.tiny_gguf({}, [TensorSpec("t", "F32", (), bytes(4))]))
    status, text = refused(make, files={"t.gguf": blob})
    assert status == 400 and text.startswith("t.gguf: tensor 't' has 0 dimensions, but must have 1 to 4 (at byte ")


def test_c10_an_architecture_that_nobody_knows_is_stored(make: Make, opened: Opened, root: Path) -> None:
    blob = library.put_blob(root, library.tiny_gguf({"general.architecture": "unheard-of"}))
    assert make("m", files={"t.gguf": blob})[-1] == "success"
    assert opened("m").config.model_family == "unheard-of"


def rename(files: dict[str, str], old: str, new: str) -> dict[str, str]:
    return {name.replace(old, new): digest for name, digest in files.items()}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda files: {"a.gguf": files["dir/m-00001-of-00003.gguf"]}, '"a.gguf" must use llama.cpp split filename'),
        (lambda files: rename(files, "of-00003", "of-00004"), "filename count 4 does not match metadata count 3"),
        (lambda files: rename(files, "00002-of", "00007-of"), "filename index 7 does not match metadata index 1"),
        (lambda files: dict(list(files.items())[:2]), "has 2 shards, expected 3"),
        (lambda files: dict(list(files.items())[1:]), "has 2 shards, expected 3"),
    ],
)
def test_wrong_sets_of_split_files_are_refused(
    make: Make, root: Path, change: Callable[[dict[str, str]], dict[str, str]], text: str
) -> None:
    status, told = refused(make, files=change(shards(root)))
    assert status == 500
    assert told.startswith('split GGUF "')
    assert text in told


def test_a_split_file_without_its_number_is_refused(make: Make, root: Path) -> None:
    blob = library.put_blob(root, library.tiny_gguf({"split.count": 2}))
    assert refused(make, files={"m-00001-of-00002.gguf": blob}) == (
        500,
        'split GGUF "m-00001-of-00002.gguf" is missing split.no metadata',
    )


def test_an_error_of_the_disk_is_told(small_disk: Path) -> None:
    store = Store(small_disk / "models")
    blob = library.put_blob(store.root, library.tiny_gguf())
    before = library.blobs(store.root)
    with pytest.raises(PyollamaError, match="no space left on device") as caught:
        list(create(store, CreateSpec("m", files={"t.gguf": blob}, licenses=["a", "x" * 300_000])))
    assert not isinstance(caught.value, CreateError)
    assert library.blobs(store.root) == before
    assert store.list_models() == []
