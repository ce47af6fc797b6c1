"""The templates that were used last, parsed."""

from __future__ import annotations

import threading
from collections import OrderedDict

from modelfile_grammar.template import Template

CHARACTERS = 1 << 18
"""Of all kept templates. Parsed, one takes up to 450 bytes a character, and requests may bring their own."""

NEWEST = 4
"""Templates that are kept whatever their size: who rendered a prompt soon wants to know how its answer looks."""


class Kept:
    """Parses each template once, as long as it is used. Any thread may ask."""

    def __init__(self) -> None:
        self._templates: OrderedDict[str, Template] = OrderedDict()
        self._characters = 0
        self._lock = threading.Lock()

    def get(self, text: str) -> Template:
        """TemplateSyntaxError: it does not parse; nothing is kept then."""
        with self._lock:
            if (known := self._templates.get(text)) is not None:
                self._templates.move_to_end(text)
                return known
        parsed = Template.parse(text)  # others may parse meanwhile, even the same
        with self._lock:
            if text not in self._templates:
                self._templates[text] = parsed
                self._characters += len(text)
            while self._characters > CHARACTERS and len(self._templates) > NEWEST:
                oldest, _ = self._templates.popitem(last=False)
                self._characters -= len(oldest)
        return parsed

    def __len__(self) -> int:
        return len(self._templates)
