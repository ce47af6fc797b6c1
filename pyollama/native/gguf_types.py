"""The types of the GGUF format: of metadata values and of tensors. Facts only."""

from typing import NamedTuple


class ValueType(NamedTuple):
    """A type of metadata values. ``code`` is struct's; ``n_bytes`` the least that one value takes in a file."""

    name: str
    code: str
    n_bytes: int


class TensorType(NamedTuple):
    """How a tensor type packs its rows: ``block_bytes`` bytes for every ``block_size`` elements."""

    name: str
    block_size: int
    block_bytes: int


class Tensor(NamedTuple):
    """One row of the tensor table. ``shape`` is innermost first; ``offset`` counts from the file's start, in bytes."""

    name: str
    type: str
    shape: tuple[int, ...]
    offset: int
    n_bytes: int


# By number, 0 to 12.
VALUE_TYPES = (
    ValueType("uint8", "B", 1),
    ValueType("int8", "b", 1),
    ValueType("uint16", "H", 2),
    ValueType("int16", "h", 2),
    ValueType("uint32", "I", 4),
    ValueType("int32", "i", 4),
    ValueType("float32", "f", 4),
    ValueType("bool", "?", 1),
    ValueType("string", "", 8),
    ValueType("array", "", 12),
    ValueType("uint64", "Q", 8),
    ValueType("int64", "q", 8),
    ValueType("float64", "d", 8),
)

# Numbers missing here (4, 5, 31 to 33, 36 to 38) were withdrawn from the format.
TENSOR_TYPES = {
    0: TensorType("F32", 1, 4),
    1: TensorType("F16", 1, 2),
    2: TensorType("Q4_0", 32, 18),
    3: TensorType("Q4_1", 32, 20),
    6: TensorType("Q5_0", 32, 22),
    7: TensorType("Q5_1", 32, 24),
    8: TensorType("Q8_0", 32, 34),
    9: TensorType("Q8_1", 32, 36),
    10: TensorType("Q2_K", 256, 84),
    11: TensorType("Q3_K", 256, 110),
    12: TensorType("Q4_K", 256, 144),
    13: TensorType("Q5_K", 256, 176),
    14: TensorType("Q6_K", 256, 210),
    15: TensorType("Q8_K", 256, 292),
    16: TensorType("IQ2_XXS", 256, 66),
    17: TensorType("IQ2_XS", 256, 74),
    18: TensorType("IQ3_XXS", 256, 98),
    19: TensorType("IQ1_S", 256, 50),
    20: TensorType("IQ4_NL", 32, 18),
    21: TensorType("IQ3_S", 256, 110),
    22: TensorType("IQ2_S", 256, 82),
    23: TensorType("IQ4_XS", 256, 136),
    24: TensorType("I8", 1, 1),
    25: TensorType("I16", 1, 2),
    26: TensorType("I32", 1, 4),
    27: TensorType("I64", 1, 8),
    28: TensorType("F64", 1, 8),
    29: TensorType("IQ1_M", 256, 56),
    30: TensorType("BF16", 1, 2),
    34: TensorType("TQ1_0", 256, 54),
    35: TensorType("TQ2_0", 256, 66),
    39: TensorType("MXFP4", 32, 17),
    40: TensorType("NVFP4", 64, 36),
    41: TensorType("Q1_0", 128, 18),
    42: TensorType("Q2_0", 64, 18),
}
