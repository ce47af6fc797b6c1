"""What ``quantize`` asks for. This version checks the request and does not quantize."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyollama.errors import CreateError, NotSupported
from pyollama.store.configs import file_type_name

if TYPE_CHECKING:
    from pyollama.native._gguf import Header

UNQUANTIZED = ("F32", "F16", "BF16")
TYPES = (
    *UNQUANTIZED,
    *("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K_S", "Q3_K_M", "Q3_K_L", "Q4_K_S", "Q4_K_M"),
    *("Q5_K_S", "Q5_K_M", "Q6_K", "IQ3_S", "IQ3_M", "IQ4_NL", "IQ4_XS"),
)
_ALIASES = {"Q3_K": "Q3_K_M", "Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M"}
_NEED_MATRIX = ("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M", "IQ3_XXS", "IQ3_XS", "Q2_K_S")


def target_type(asked: str) -> str:
    """The type meant by the text of a request. CreateError, status 500, if we have no such type."""
    name = asked.upper()
    if name in _NEED_MATRIX:
        text = f"quantization type {name} requires an importance matrix; use pyollama quantize --imatrix"
        raise CreateError(text, 500)
    target = _ALIASES.get(name, name)
    if target not in TYPES:
        text = f"unsupported quantization type {name} - supported types are {', '.join(TYPES)}"
        raise CreateError(text, 500)
    return target


def check(asked: str, models: Sequence[Header]) -> None:
    """Return if the models have the type that was asked for already.

    Raises:
        CreateError: status 500, no such type or the weights are quantized.
        NotSupported: there would be work to do.
    """
    target = target_type(asked)
    for header in models:
        source = _source_type(header)
        if source not in UNQUANTIZED:
            raise CreateError("quantization is only supported for F16, BF16 and F32 models", 500)
        if source != target:
            raise NotSupported(f"quantizing {source} to {target}")


def _source_type(header: Header) -> str:
    """By the file's own word, else by the type that most of its elements have."""
    declared = header.metadata.get("general.file_type")
    if declared is not None:
        return file_type_name(declared)
    sizes: Counter[str] = Counter()
    for tensor in header.tensors:
        sizes[tensor.type] += tensor.n_bytes
    return sizes.most_common(1)[0][0] if sizes else "unknown"
