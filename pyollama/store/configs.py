"""The config blob of a model, and the texts for sizes and types that it carries."""

from __future__ import annotations

import msgspec

from pyollama.errors import StoreError
from pyollama.store import gojson

_OLD_TYPES = "F32 F16 Q4_0 Q4_1"
_TYPES = (
    "Q8_0 Q5_0 Q5_1 Q2_K Q3_K_S Q3_K_M Q3_K_L Q4_K_S Q4_K_M Q5_K_S Q5_K_M Q6_K IQ2_XXS IQ2_XS Q2_K_S IQ3_XS IQ3_XXS "
    "IQ1_S IQ4_NL IQ3_S IQ3_M IQ2_S IQ2_M IQ4_XS IQ1_M BF16"
)
_NEW_TYPES = "TQ1_0 TQ2_0 MXFP4_MOE NVFP4 Q1_0"

# By the value of the GGUF key general.file_type; formats that no longer exist left the gaps.
FILE_TYPES = {
    first + offset: name
    for first, names in ((0, _OLD_TYPES), (7, _TYPES), (36, _NEW_TYPES))
    for offset, name in enumerate(names.split())
}


class DraftConfig(msgspec.Struct, omit_defaults=True):
    """What a model's config says about its speculative model."""

    model_format: str = ""
    architecture: str = ""
    tensor_prefix: str = ""
    config: dict[str, object] | None = None


class Config(msgspec.Struct, kw_only=True):
    """The config of a model. The order of the fields is the order of the keys."""

    model_format: str = ""
    model_family: str = ""
    model_families: list[str] | None = None
    model_type: str = ""  # parameter count text
    file_type: str = ""  # quantization text
    renderer: str = ""
    parser: str = ""
    requires: str = ""
    remote_host: str = ""
    remote_model: str = ""
    capabilities: list[str] | None = None
    context_length: int = 0
    embedding_length: int = 0
    base_name: str = ""
    draft: DraftConfig | None = None
    architecture: str = "amd64"
    os: str = "linux"

    @classmethod
    def parse(cls, raw: bytes, path: str) -> Config:
        """Unknown keys are ignored. StoreError, naming ``path``, when the bytes are no config."""
        try:
            return _decoder.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise StoreError(f"{path}: not a model configuration: {error}") from error

    def to_bytes(self) -> bytes:
        tree = {key: value for key, value in msgspec.to_builtins(self).items() if value or key in _ALWAYS}
        return gojson.dump_line(tree)


_ALWAYS = {"model_format", "model_family", "model_families", "model_type", "file_type", "architecture", "os"}
_decoder = msgspec.json.Decoder(Config)


def parameter_size(count: int) -> str:
    """A number of parameters as people say it: 2850000000 is ``2.9B``, 500500000 ``500.50M``, 1001 ``1K``."""
    for unit, letter, decimals in ((10**9, "B", 1), (10**6, "M", 2)):
        if count >= unit:
            return f"{count / unit:.{0 if count % unit == 0 else decimals}f}{letter}"
    return f"{count / 1000:.0f}K" if count >= 1000 else str(count)


def file_type_name(number: object) -> str:
    """The name of a ``general.file_type`` value; ``unknown`` for others and for none."""
    return FILE_TYPES.get(number, "unknown") if type(number) is int else "unknown"
