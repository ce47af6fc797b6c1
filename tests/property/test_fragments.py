"""Prompts in fragments become the tokens they should, on every kind of vocabulary (api.md 5.5, D34, A424)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import vocabularies
from support.engine import TestedEngine

MAKERS: dict[str, Callable[[Path], Path]] = {
    "sentencepiece": vocabularies.sentencepiece,
    "without-prefix": partial(vocabularies.sentencepiece, space_prefix=False),
    "phi-3": partial(vocabularies.sentencepiece, name="phi-3"),
}
FIXTURES = [folder.name for folder in sorted(vocabularies.FIXTURES.glob("*")) if (folder / "tokenizer.json").exists()]
MAKERS |= {f"fixture-{name}": partial(vocabularies.of_fixture, name=name) for name in FIXTURES}
Section = str | int


class Vocabulary:
    """A vocabulary, and the plain rule that our tokens have to follow."""

    def __init__(self, engine: TestedEngine, path: Path, strips: bool) -> None:
        self.engine = engine
        self.strips = strips
        self.specials = sorted(vocabularies.specials(path), key=lambda special: -len(special[1].encode()))
        self.control = {number for number, _, is_control in self.specials if is_control}

    def tokens(self, *fragments: str) -> list[int]:
        return self.engine.raw.tokenize(fragments, add_special=False)

    def sections(self, *fragments: str) -> list[Section]:
        """What is spelled out and the text between, found as the library does it: token by token, the longest first."""
        sections: list[tuple[int, Section]] = [(0, "".join(fragments))]
        trusted = [index % 2 == 0 for index, fragment in enumerate(fragments) for _ in fragment]
        for number, text, is_control in self.specials:
            split: list[tuple[int, Section]] = []
            for begin, section in sections:
                split += self._split(begin, section, number, text, trusted if is_control else None)
            sections = split
        return [section for _, section in sections]

    def _split(
        self, begin: int, section: Section, number: int, text: str, trusted: list[bool] | None
    ) -> Iterator[tuple[int, Section]]:
        if isinstance(section, int):
            yield begin, section
            return
        start = at = 0
        while (at := section.find(text, at)) >= 0:
            if trusted is not None and not all(trusted[begin + at : begin + at + len(text)]):
                at += 1
                continue
            if at > start:
                yield begin + start, section[start:at]
            yield begin + at, number
            at += len(text)
            while (
                self.strips
                and text not in ("<unk>", "<s>", "<|endoftext|>")
                and at < len(section)
                and section[at] in " \n\t\r\v\f"
            ):
                at += 1
            start = at
        if start < len(section):
            yield begin + start, section[start:]


@pytest.fixture(scope="module", params=MAKERS)
def vocabulary(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vocabulary]:
    path = MAKERS[request.param](tmp_path_factory.mktemp("vocabulary") / "model.gguf")
    with TestedEngine(str(path)) as engine:
        yield Vocabulary(engine, path, strips="phi" in request.param)


CHECK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PLAIN = st.text(st.sampled_from("ab end|>< \n\u00e9\u4e16\U0001f600"), max_size=12)


def texts(vocabulary: Vocabulary) -> st.SearchStrategy[str]:
    """Words, special tokens, and pieces of such."""
    spelled = st.sampled_from([text for _, text, _ in vocabulary.specials])
    cut = st.builds(lambda text, a, b: text[a:b], spelled, st.integers(0, 9), st.integers(0, 9))
    return st.lists(PLAIN | spelled | cut, max_size=4).map("".join)


@CHECK
@given(data=st.data())
def test_only_template_text_spells_out_control_tokens(vocabulary: Vocabulary, data: st.DataObject) -> None:
    fragments = data.draw(st.lists(texts(vocabulary), min_size=1, max_size=6))
    expected: list[int] = []
    for section in vocabulary.sections(*fragments):
        if isinstance(section, int):
            expected.append(section)
        else:
            expected += vocabulary.tokens("", section)
    assert vocabulary.tokens(*fragments) == expected


@CHECK
@given(data=st.data())
def test_data_without_special_tokens_gives_the_tokens_of_the_whole(vocabulary: Vocabulary, data: st.DataObject) -> None:
    fragments = data.draw(st.lists(texts(vocabulary), min_size=1, max_size=6))
    fragments[1::2] = data.draw(st.lists(PLAIN, min_size=len(fragments[1::2]), max_size=len(fragments[1::2])))
    whole = "".join(fragments)
    if vocabulary.sections(*fragments) == vocabulary.sections(whole):  # nothing is spelled across a border
        assert vocabulary.tokens(*fragments) == vocabulary.tokens(whole)


@CHECK
@given(data=st.data())
def test_data_never_gives_a_control_token(vocabulary: Vocabulary, data: st.DataObject) -> None:
    text = data.draw(texts(vocabulary))
    unknown = {number for number, spelled, _ in vocabulary.specials if spelled in ("<unk>", "[UNK]")}
    assert not vocabulary.control & set(vocabulary.tokens("", text)) - unknown


@pytest.mark.parametrize("name", FIXTURES)
def test_the_tokens_are_those_of_another_implementation(name: str, tmp_path: Path) -> None:
    with TestedEngine(str(vocabularies.of_fixture(tmp_path / "model.gguf", name))) as engine:
        for text in vocabularies.golden_texts(name):
            assert engine.raw.tokenize(text["text"], add_special=False) == text["ids"], text["id"]
