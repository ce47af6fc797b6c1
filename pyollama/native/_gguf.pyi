"""A bounds-checked reader of GGUF headers: nothing in an untrusted file is believed before it was checked.

Raises pyollama.errors.GGUFError (path, offset, reason; NotGGUF for a file of another kind) and OSError, nothing else.
The file is open only while it is read. Loads nothing of ggml.
"""

import os
from collections.abc import Iterator, Mapping, Sequence

from pyollama.native.gguf_types import Tensor as Tensor

Scalar = int | float | bool | str

class ArrayValue(Sequence[Scalar]):
    """A metadata array, decoded only when it is read."""

    type_name: str  # "string", "int32", ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Scalar: ...  # type: ignore[override]
    def __iter__(self) -> Iterator[Scalar]: ...
    def tolist(self) -> list[Scalar]: ...

class Header:
    """Header, metadata and tensor table of one GGUF file."""

    path: str
    version: int
    alignment: int
    data_offset: int
    file_size: int
    metadata: Mapping[str, Scalar | ArrayValue]
    tensors: Sequence[Tensor]
    @property
    def parameter_count(self) -> int:
        """Sum of the tensors' elements."""
    def position(self, key: str) -> int:
        """Where a key begins in the file, in bytes; where the keys begin if it is not there."""
    def raw(self, key: str) -> bytes:
        """The bytes of a value as they stand in the file, its type's number included. ValueError if closed."""
    def close(self) -> None:
        """Free the metadata bytes. Arrays (and very long texts) raise ValueError if read afterwards. Idempotent."""
    def __enter__(self) -> Header: ...
    def __exit__(self, *exc: object) -> None: ...

def read_header(path: str | os.PathLike[str], *, metadata_budget: int = 64 << 20, max_tokens: int = 1 << 22) -> Header:
    """Check and read the header of a GGUF file (version 2 or 3, little-endian). Budgets in bytes and entries."""
