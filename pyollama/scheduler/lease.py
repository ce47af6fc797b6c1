"""What a request may do with a loaded model while it holds it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec
import trio

from pyollama.errors import InputTooLong, PromptBeyondContext, PromptTooLong, PyollamaError
from pyollama.runner.inbox import Inbox, to_error
from pyollama.scheduler.loaded import LoadedModel
from pyollama.scheduler.options import Options
from pyollama.scheduler.plan import context_length
from pyollama.wire import runner as wire

LONG_RESULT = 1 << 16  # bytes of JSON from which on a thread decodes it


class Lease:
    """A loaded model that stays loaded while ``Scheduler.use`` is open.

    Every call raises RunnerLost if the process ends, and EngineRefused with the engine's reason if it cannot serve one
    request. Cancelling a call drops the request in the engine at its next step.
    """

    def __init__(self, loaded: LoadedModel, info: wire.Loaded, on_no_memory: Callable[[], None]) -> None:
        self.info = info
        self._loaded = loaded
        self._runner = loaded.runner
        self._on_no_memory = on_no_memory

    def n_ctx(self, options: Options) -> int:
        """Tokens that a request with these options may hold."""
        return min(context_length(options, self._loaded.plan.n_ctx_train), self.info.n_cells)

    @asynccontextmanager
    async def generate(
        self,
        prompt: Sequence[str],
        options: Options,
        *,
        truncate: bool,
        shift: bool,
        logprobs: int = -1,
        want_context: bool = False,
        shown: Sequence[str] = (),
        parser: bytes = b"",
    ) -> AsyncIterator[Inbox]:
        """Pieces of the completion, then its Finished, then the end. Leaving early cancels it.

        Args:
            prompt: fragments in turn of a template and of data (``prompt.prompts``).
            truncate: cut a too long prompt from its middle. Needs shift.
            logprobs: -1 none; n: those of the chosen tokens and of n alternatives.
            want_context: put the token ids of prompt and answer into Finished.
            shown: special tokens in these texts, and in stop texts, are part of the answer's text.
            parser: what a rendering said about reading its answers; pieces then come read.

        The stream raises:
            PromptTooLong: the prompt does not fit and truncate is off.
            PromptBeyondContext: it does not fit and shift is off.
        """
        n_ctx = self.n_ctx(options)
        command = wire.Generate(
            id=0,
            prompt=list(prompt),
            n_ctx=n_ctx,
            sampling=options.sampling,
            num_predict=options.num_predict,
            num_keep=options.num_keep,
            shift=shift,
            truncate=truncate and shift,
            stop=list(options.stop),
            logprobs=logprobs,
            want_context=want_context,
            shown=list(shown),
            parser=parser,
        )

        def explain(failed: wire.Failed) -> PyollamaError:
            if failed.code == "too_long" and truncate and not shift:
                return PromptBeyondContext()
            return self._explain(failed)

        async with self._runner.generate(command, explain) as events:
            yield events

    async def render(self, request: bytes) -> dict[str, Any]:
        """A chat rendered with the GGUF's own Jinja template: prompt, stops, format, parser, thinking tags."""
        result = await self._runner.render(request)
        decode = partial(msgspec.json.decode, result, type=dict[str, Any])
        return await trio.to_thread.run_sync(decode) if len(result) > LONG_RESULT else decode()

    async def tokenize(self, prompts: Sequence[Sequence[str]]) -> list[list[int]]:
        """Token ids of each prompt (its fragments), with BOS where the model adds it."""
        return await self._runner.tokenize(prompts)

    async def count(self, prompts: Sequence[Sequence[str]]) -> list[int]:
        """How many tokens each prompt (its fragments) has, with BOS where the model adds it."""
        return await self._runner.count(prompts)

    async def detokenize(self, tokens: list[int]) -> str:
        """Text of token ids, special tokens spelled out. EngineRefused for an id outside the vocabulary."""
        return await self._runner.detokenize(tokens)

    async def embed(
        self, texts: list[str], *, options: Options, truncate: bool, normalize: bool = True
    ) -> tuple[list[bytes], int]:
        """One little-endian float32 vector per text, and the number of tokens in all.

        A positive ``num_ctx`` counts as it is, however small.

        Raises:
            InputTooLong: a text does not fit and truncate is off.
            BadVector: a vector has a number that is not finite.
        """
        asked = max(options.num_ctx or 0, 0) or None
        n_ctx = min(self.n_ctx(replace(options, num_ctx=asked)), asked or self.info.n_cells)
        command = wire.Embed(0, texts, n_ctx, truncate, normalize)
        try:
            answer = await self._runner.embed(command, self._explain)
        except PromptTooLong as error:
            raise InputTooLong from error
        return answer.vectors, answer.prompt_tokens

    def _explain(self, failed: wire.Failed) -> PyollamaError:
        if failed.code == "no_memory":
            self._on_no_memory()
        return to_error(failed)
