"""Vocabularies of every kind as models that can tokenise: small ones of our own, and those of tokenizer.json files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support import tiny_models
from support.gguf_writer import Typed

FIXTURES = Path(__file__).parents[2].parent / "shared" / "fixtures" / "hf"  # absent outside our workshop
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6
Tokens = list[tuple[str, int]]  # text and type

# Tokens that overlap, contain each other, and hold white space.
AWKWARD: Tokens = [
    ("<|im_start|>", CONTROL),
    ("<|im_end|>", CONTROL),
    ("<|im", CONTROL),
    ("<|endoftext|>", CONTROL),
    ("d|><", USER_DEFINED),
    ("xab", USER_DEFINED),
    ("abcd", CONTROL),
    ("\n\n", USER_DEFINED),
    ("\n", USER_DEFINED),
    ("\n\n\n", USER_DEFINED),
    ("  ", USER_DEFINED),
    ("<|tool|>", USER_DEFINED),  # looks like a control token, and counts as one
    ("<end_of_turn>", USER_DEFINED),
]


def sentencepiece(path: Path, name: str = "model", *, space_prefix: bool = True) -> Path:
    """Bytes, some pieces, and AWKWARD. Called "phi-3", its special tokens swallow the white space behind them."""
    pieces = ["\u2581", "a", "b", "ab", "\u2581a", "e", "n", "d", "en", "end", "|", ">", "|>"]
    tokens = [("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL)]
    tokens += [(f"<0x{byte:02X}>", BYTE) for byte in range(256)] + [(piece, NORMAL) for piece in pieces] + AWKWARD
    keys = {"tokenizer.ggml.model": "llama", "tokenizer.ggml.add_space_prefix": space_prefix}
    return tiny_models.with_vocabulary(path, _listed(tokens) | keys | _ends(1, 2), name=name)


def bytelevel(path: Path, pre: str) -> Path:
    """Bytes and the piece ``ab``, split into words as ``pre`` says."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    letters = [chr(byte if byte in printable else next(others)) for byte in range(256)]
    tokens = [(letter, NORMAL) for letter in letters] + [("ab", NORMAL), ("<|endoftext|>", CONTROL)]
    keys = {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": pre, "tokenizer.ggml.merges": ["a b"]}
    return tiny_models.with_vocabulary(path, _listed(tokens) | keys | _ends(None, 257))


def of_fixture(path: Path, name: str) -> Path:
    """The vocabulary of a fixture's tokenizer.json."""
    folder = FIXTURES / name
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    facts = json.loads((folder / "golden.json").read_text())["tokenizer"]
    keys = _listed(_tokens(tokenizer)) | {
        "tokenizer.ggml.model": facts["gguf_model"],
        "tokenizer.ggml.pre": facts["gguf_pre"],
        "tokenizer.ggml.add_space_prefix": "Prepend" in json.dumps(tokenizer["normalizer"]),
        **_ends(facts["bos"], facts["eos"]),
    }
    if facts["gguf_model"] == "gpt2":
        merges = tokenizer["model"]["merges"]
        keys["tokenizer.ggml.merges"] = [pair if isinstance(pair, str) else " ".join(pair) for pair in merges]
    if facts["gguf_model"] == "bert":
        keys |= {"tokenizer.ggml.cls_token_id": 2, "tokenizer.ggml.seperator_token_id": 3}
        keys["tokenizer.ggml.unknown_token_id"] = facts["unk"]
    return tiny_models.with_vocabulary(path, keys, name=name)


def golden_texts(name: str) -> list[dict[str, Any]]:
    """Texts and their ids, as another implementation has them."""
    texts = json.loads((FIXTURES / name / "golden.json").read_text())["texts"]
    return [text for text in texts if not text.get("engine_differs")]


def chat_templates() -> dict[str, str]:
    """The Jinja templates of the fixtures that have one."""
    found = {}
    for file in FIXTURES.glob("*/tokenizer_config.json"):
        template = json.loads(file.read_text()).get("chat_template")
        beside = file.with_name("chat_template.jinja")
        if template or beside.exists():
            found[file.parent.name] = template or beside.read_text()
    return found


def specials(path: Path) -> list[tuple[int, str, bool]]:
    """Id, text and whether it is a control token, of all that a text can spell out; in the order of the vocabulary."""
    from pyollama.native._gguf import read_header

    keys: Mapping[str, Any] = read_header(path).metadata
    found = zip(keys["tokenizer.ggml.tokens"], keys["tokenizer.ggml.token_type"], strict=True)
    return [
        (number, text, kind != USER_DEFINED or text.startswith("<|") or text in ("<end_of_turn>", "</s>"))
        for number, (text, kind) in enumerate(found)
        if kind in (CONTROL, USER_DEFINED, UNKNOWN)
    ]


def _tokens(tokenizer: Mapping[str, Any]) -> Tokens:
    texts = {number: text for text, number in tokenizer["model"]["vocab"].items()}
    types = {number: BYTE if text.startswith("<0x") else NORMAL for number, text in texts.items()}
    if tokenizer["model"]["type"] == "WordPiece":
        texts = {n: t.removeprefix("##") if t.startswith("##") else f"\u2581{t}" for n, t in texts.items()}
    for added in tokenizer["added_tokens"]:
        number, text = added["id"], added["content"]
        control = added["special"] or text.startswith(("<|", "<unused")) or text in ("<2mass>", "[@BOS@]")
        texts[number] = text if control else text.replace("\u2581", " ")
        types[number] = UNKNOWN if text == "<unk>" else CONTROL if control else USER_DEFINED
    return [(texts[number], types[number]) for number in sorted(texts)]


def _listed(tokens: Tokens) -> dict[str, object]:
    return {
        "tokenizer.ggml.tokens": [text for text, _ in tokens],
        "tokenizer.ggml.token_type": Typed("int32", [kind for _, kind in tokens]),
        "tokenizer.ggml.scores": Typed("float32", [-float(number) for number in range(len(tokens))]),
    }


def _ends(bos: int | None, eos: int | None) -> dict[str, object]:
    named = {"tokenizer.ggml.bos_token_id": bos, "tokenizer.ggml.eos_token_id": eos}
    known = {key: number for key, number in named.items() if number is not None}
    return known | {"tokenizer.ggml.add_bos_token": bos is not None}
