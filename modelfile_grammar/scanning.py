"""How Lark is given the tokens of a scanner of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lark import Token
from lark.common import LexerConf
from lark.lexer import Lexer


def lexer_of(tokens_of: Callable[[str], Iterator[Token]]) -> type[Lexer]:
    """The class of a lexer that Lark drives; it has no state between texts."""

    class ScannerLexer(Lexer):
        def __init__(self, lexer_conf: LexerConf) -> None:
            del lexer_conf

        def lex(self, text: str) -> Iterator[Token]:  # type: ignore[override]  # Lark's simple interface takes the text
            return tokens_of(text)

    return ScannerLexer
