"""Digests: one lower-case form inside, two outside."""

from __future__ import annotations

import pytest

from pyollama.errors import InvalidDigest
from pyollama.store import Digest

HEX = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("text", [f"sha256:{HEX}", f"sha256-{HEX}", f"sha256:{HEX.upper()}"])
def test_every_spelling_is_the_same_digest(text: str) -> None:
    assert Digest.parse(text) == Digest.of(b"")


def test_a_digest_prints_for_json_and_for_file_names() -> None:
    digest = Digest.of(b"")
    assert (str(digest), digest.filename, digest.hex) == (f"sha256:{HEX}", f"sha256-{HEX}", HEX)


@pytest.mark.parametrize(
    "text",
    ["", HEX, f"sha256:{HEX[:-1]}", f"sha256:{HEX}0", f"sha512:{HEX}", f"SHA256:{HEX}", f"sha256:{'g' * 64}",
     f"sha256:{HEX}\n", f"sha256-{'../' * 21}a", f"sha256:{'٠' * 64}"],
)  # fmt: skip
def test_what_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(InvalidDigest, match=r"^invalid digest format$"):
        Digest.parse(text)


def test_a_digest_cannot_be_built_around_the_parser() -> None:
    with pytest.raises(InvalidDigest):
        Digest("../" * 21 + "a")
