"""What listings need to know of a GGUF file, read once per blob and process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from pyollama.gguf import GGUFFacts
from pyollama.store.digests import Digest
from pyollama.store.files import system_errors

if TYPE_CHECKING:
    from pyollama.native._gguf import Header

_MAX_CACHED = 1024

_cache: OrderedDict[Digest, GGUFFacts] = OrderedDict()
_mutex = threading.Lock()


def read_header(path: Path) -> Header:
    """The checked header of a model file; the caller closes it. GGUFError, or StoreError if it cannot be read."""
    from pyollama.native import _gguf  # an extension module: only those who need it pay for it

    with system_errors(path):
        return _gguf.read_header(str(path))


def gguf_facts(digest: Digest, path: Path) -> GGUFFacts:
    """The facts of the blob ``digest`` at ``path``. GGUFError, or StoreError if it cannot be read."""
    with _mutex:
        if digest in _cache:
            _cache.move_to_end(digest)
            return _cache[digest]
    with read_header(path) as header:
        facts = GGUFFacts.of_header(header)
    with _mutex:
        _cache[digest] = facts
        if len(_cache) > _MAX_CACHED:
            _cache.popitem(last=False)
    return facts
