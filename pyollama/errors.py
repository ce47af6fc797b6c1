"""Every error we raise on purpose: its HTTP status and the sentence a user reads.

Classes take facts, not sentences; the wording lives here. A bug is not a PyollamaError.
"""

from __future__ import annotations

import json


class PyollamaError(Exception):
    """Anything we raise on purpose. ``str(error)`` is fit to show to a user."""

    status = 500


# --- requests ---------------------------------------------------------------------------------------------------------


class BadRequest(PyollamaError):
    """A request that cannot be understood; the text is the whole message."""

    status = 400


class MissingBody(BadRequest):
    def __init__(self) -> None:
        super().__init__("missing request body")


class TruncatedJson(BadRequest):
    def __init__(self) -> None:
        super().__init__("unexpected EOF")


class BodyTooLarge(PyollamaError):
    status = 413

    def __init__(self, limit: int) -> None:
        super().__init__(f"request body is larger than {limit} bytes")


class TooManyBodies(PyollamaError):
    """The bodies of all requests under way take more memory than they may."""

    status = 503

    def __init__(self) -> None:
        super().__init__("server busy, please try again.  request bodies take all the memory they may")


class OptionTypeError(PyollamaError):
    """A model option of the wrong JSON type. The text is the option table's."""


class OptionRangeError(BadRequest):
    """A number that no engine could work with. The text is the option table's."""


class NotSupported(PyollamaError):
    """Something of the API that this version does not do yet, refused instead of done wrongly."""

    status = 501

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is not supported by this version of pyollama")


class InternalError(PyollamaError):
    """A bug of ours, which the log describes."""

    def __init__(self) -> None:
        super().__init__("internal server error, see the server's log")


# --- names and the store ----------------------------------------------------------------------------------------------


class InvalidName(BadRequest):
    def __init__(self, text: str = "invalid model name") -> None:
        super().__init__(text)


class ModelNotFound(PyollamaError):
    status = 404

    def __init__(self, name: str) -> None:
        super().__init__(f"model '{name}' not found")


class CopySourceNotFound(ModelNotFound):
    def __init__(self, name: str) -> None:
        Exception.__init__(self, f'model "{name}" not found')


class NotPulled(PyollamaError):
    """An unknown model, in the words of the embedding endpoints."""

    status = 404

    def __init__(self, name: str) -> None:
        super().__init__(f'model "{name}" not found, try pulling it first')


class CloudDisabled(PyollamaError):
    """A model of an online service, which this server does not use."""

    status = 403

    def __init__(self, what: str = "remote model is") -> None:
        super().__init__(f"ollama cloud is disabled: {what} unavailable")


class InvalidDigest(BadRequest):
    def __init__(self) -> None:
        super().__init__("invalid digest format")


class DigestMismatch(BadRequest):
    def __init__(self, expected: str, actual: str) -> None:
        super().__init__(f'digest mismatch, expected "{expected}", got "{actual}"')


class BlobNotFound(PyollamaError):
    status = 404

    def __init__(self, digest: str) -> None:
        super().__init__(f'blob "{digest}" not found')


class BrokenManifest(PyollamaError):
    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"manifest {path} is unreadable: {reason}")


class StoreError(PyollamaError):
    """The file system refused something: full disk, permissions. The text is the system's, with the path."""


class NotRegular(StoreError):
    """A pipe, a socket or a device where a file must be."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: not a regular file")


# --- model files ------------------------------------------------------------------------------------------------------


class GGUFError(BadRequest):
    """A model file that is not a sound GGUF. Says the file, the byte offset and the reason."""

    def __init__(self, path: str, offset: int, reason: str) -> None:
        super().__init__(f"{path}: {reason} (at byte {offset})")
        self.path, self.offset, self.reason = path, offset, reason


class NotGGUF(GGUFError):
    """The file is something else altogether: wrong magic, too short to have one, or no regular file."""


# --- creating models --------------------------------------------------------------------------------------------------


class ModelfileError(BadRequest):
    """A Modelfile that does not parse; the text carries line and column."""


class ServerPath(BadRequest):
    """A path of this machine from a client of another one."""

    def __init__(self, value: str) -> None:
        super().__init__(f"paths on the server are accepted from the same machine only: {value}")


class CreateError(PyollamaError):
    """A create that cannot go on for a reason of the request. The text is the whole message."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


class FormatWithoutTemplate(PyollamaError):
    """A model that needs a renderer or parser, and whose file has no template for it. 400 in a create, else 500."""

    def __init__(self, name: str, status: int = 500) -> None:
        super().__init__(f'renderer "{name}" needs a chat template inside the model file')
        self.status = status


# --- running models ---------------------------------------------------------------------------------------------------


class MissingCapability(BadRequest):
    """``name`` comes quoted or full, as Ollama words this for each endpoint."""

    def __init__(self, name: str, *missing: str) -> None:
        super().__init__(f"{name} does not support " + "\n".join(missing))


class ServerBusy(PyollamaError):
    status = 503

    def __init__(self) -> None:
        super().__init__("server busy, please try again.  maximum pending requests exceeded")


class ServerStopping(PyollamaError):
    status = 503

    def __init__(self) -> None:
        super().__init__("the server is stopping")


class LoadFailed(PyollamaError):
    """The engine refused the file. ``reason`` is its last error line."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"failed to load model: {reason}; the file may be damaged, pull or create the model again")


class LoadRefused(PyollamaError):
    """The engine cannot load a model in the way that was asked for; its file is sound."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"failed to load model: {reason}")


class LoadOutOfMemory(PyollamaError):
    """The engine ran out of memory while it loaded a model. ``reason`` is its own."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"model requires more system memory than is available: {reason}")
        self.reason = reason


class UnknownArchitecture(PyollamaError):
    """The file is sound, but the vendored library has no graph for its architecture."""

    def __init__(self, architecture: str) -> None:
        super().__init__(
            f'failed to load model: this version does not know the architecture "{architecture}"; update pyollama, '
            "or pull another model"
        )


class LoadStalled(PyollamaError):
    def __init__(self, seconds: float) -> None:
        super().__init__(f"timed out waiting for the model to load: no progress for {seconds:g} s")


class NotEnoughMemory(PyollamaError):
    def __init__(self, needed: str, available: str) -> None:
        super().__init__(f"model requires more system memory ({needed}) than is available ({available})")


class RunnerLost(PyollamaError):
    """The model's process ended while it had work; ``cause`` says how. The next request loads the model anew."""

    def __init__(self, cause: str = "") -> None:
        self.cause = cause
        super().__init__(
            "model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, "
            "check ollama server logs for details"
        )


class StreamBroken(PyollamaError):
    """The model's process ended while an answer was streamed."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"an error was encountered while running the model: {cause}")


class EngineRefused(PyollamaError):
    """The engine could not serve one request; the text is its reason."""

    def __init__(self, text: str, status: int = 500) -> None:
        super().__init__(text)
        self.status = status


class PromptTooLong(BadRequest):
    """The prompt does not fit and truncation is off. n_tokens and n_ctx are in tokens."""

    def __init__(self, n_tokens: int, n_ctx: int) -> None:
        super().__init__(
            f"request ({n_tokens} tokens) exceeds the available context size ({n_ctx} tokens), try increasing it"
        )
        self.n_tokens, self.n_ctx = n_tokens, n_ctx


class InvalidFormat(PyollamaError):
    """A ``format`` that is neither "json" nor a schema; ``value`` is its JSON text."""

    def __init__(self, value: str) -> None:
        quoted = json.dumps(value, ensure_ascii=False)
        super().__init__(f'invalid format: {quoted}; expected "json" or a valid JSON Schema object')


class PromptBeyondContext(BadRequest):
    """The prompt does not fit and shifting is off, so it cannot be cut."""

    def __init__(self) -> None:
        super().__init__(
            "the prompt is longer than the context length currently available to the model; shorten the prompt, "
            "adjust the context length in settings, or use a model with a longer context length"
        )


class InputTooLong(BadRequest):
    def __init__(self) -> None:
        super().__init__("the input length exceeds the context length")


class InputNotCut(BadRequest):
    """There is no room for a text at all."""

    def __init__(self) -> None:
        super().__init__("input exceeds maximum context length and cannot be truncated further")


class BadVector(BadRequest):
    """``input``: which text of a request has it; named if the request has several."""

    def __init__(self, input: int = 0, *, of_many: bool = False) -> None:
        super().__init__("embedding contains NaN or Inf values" + (f" (input {input})" if of_many else ""))
        self.input = input


class TemplateError(PyollamaError):
    """A prompt template that does not parse or fails while rendering."""

    def __init__(self, text: str, status: int = 500) -> None:
        super().__init__(text)
        self.status = status


# --- the command line -------------------------------------------------------------------------------------------------


class CommandFailed(PyollamaError):
    """A command that cannot go on; the text is the whole message."""

    def __init__(self, text: str, exit_code: int = 1) -> None:
        super().__init__(text)
        self.exit_code = exit_code


class ServerUnreachable(PyollamaError):
    def __init__(self) -> None:
        super().__init__("could not connect to pyollama server, run 'pyollama serve' to start it")


class ApiError(PyollamaError):
    """An error answer of the server, as a client reports it."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text or "something went wrong, please see the pyollama server logs for details")
        self.status = status


# --- the server -------------------------------------------------------------------------------------------------------


class CannotListen(PyollamaError):
    """The server's socket. ``reason`` is the system's, e.g. "address already in use"."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"listen tcp {address}: bind: {reason}")


class BadOrigin(PyollamaError):
    """An item of OLLAMA_ORIGINS that cannot be an origin."""

    def __init__(self, item: str) -> None:
        super().__init__(
            f'OLLAMA_ORIGINS: bad origin "{item}": an origin starts with http://, https:// or the scheme of a browser '
            "extension, or contains one *"
        )
