"""A bounds-checked reader of GGUF headers: nothing in an untrusted file is believed before it was checked.

Raises pyollama.errors.GGUFError (path, offset, reason) and OSError, nothing else.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

Scalar = int | float | bool | str

class ArrayValue(Sequence[Scalar]):
    """A metadata array, decoded only when it is read."""

    type_name: str  # "string", "int32", ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Scalar: ...  # type: ignore[override]
    def __iter__(self) -> Iterator[Scalar]: ...
    def tolist(self) -> list[Scalar]: ...

class Tensor(NamedTuple):
    """One row of the tensor table. ``shape`` is innermost first; ``offset`` counts from the file's start, in bytes."""

    name: str
    type: str  # "Q4_1", "F32", ...
    shape: tuple[int, ...]
    offset: int
    n_bytes: int

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
    def close(self) -> None:
        """Unmap the file. Arrays not read yet cannot be read afterwards."""
    def __enter__(self) -> Header: ...
    def __exit__(self, *exc: object) -> None: ...

def read_header(path: str, *, metadata_budget: int = 64 << 20, max_tokens: int = 1 << 22) -> Header:
    """Check and read the header of a GGUF file (version 2 or 3, little-endian). Budgets in bytes and entries."""
