import logging
import math
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
from support import scripted_runner as scripted

from pyollama import errors
from pyollama.runner.client import Runner
from pyollama.scheduler.options import DEFAULT_SAMPLING
from pyollama.wire import runner as wire

ECHO = """
send(wire.Loading(0.5))
send(loaded)
for command in inbox:
    match command:
        case wire.Generate():
            send(wire.Piece(command.id, "".join(command.prompt)), wire.Piece(command.id, "!"))
            send(wire.Finished(command.id, "stop", 1, 0, 5, 2, 5))
        case wire.Tokenize():
            send(wire.Tokens(command.id, [[len("".join(text))] for text in command.texts]))
        case wire.Detokenize():
            send(wire.Failed(command.id, "bad_request", "no such token"))
        case wire.Embed():
            send(wire.Failed(command.id, "too_long", "", 9, 8))
"""


def generate(prompt: str = "hi") -> wire.Generate:
    return wire.Generate(0, [prompt], 2048, DEFAULT_SAMPLING, num_predict=10, num_keep=4)


DEAF = "send(loaded)\nfor command in inbox: pass"


@asynccontextmanager
async def running(script: str, **how: Any) -> AsyncIterator[Runner]:
    """A loaded runner; a loss of its process is not an error of the block."""
    runner = Runner(scripted.SPEC, name="test", command=scripted.command(script), **how)

    async def run(*, task_status: trio.TaskStatus[wire.Loaded]) -> None:
        try:
            await runner.run(task_status=task_status)
        except errors.RunnerLost:
            assert runner.info, "lost while loading"

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            await nursery.start(run)
            yield runner
            nursery.cancel_scope.cancel()


async def run_to_end(script: str, stall_seconds: float = math.inf) -> None:
    runner = Runner(scripted.SPEC, name="test", stall_seconds=stall_seconds, command=scripted.command(script))
    with trio.fail_after(20):
        await runner.run()


async def test_a_completion_arrives_in_order_and_ends() -> None:
    async with running(ECHO) as runner, runner.generate(generate("hello")) as events:
        received = [event async for event in events]

    assert "".join(event.text for event in received[:-1] if isinstance(event, wire.Piece)) == "hello!"
    assert isinstance(received[-1], wire.Finished)


async def test_loading_reports_what_was_loaded() -> None:
    async with running(ECHO) as runner:
        assert runner.info is not None
        assert runner.info.n_cells == 8192
        assert runner.progress == 1.0


async def test_single_answers_go_to_the_task_that_asked() -> None:
    async with running(ECHO) as runner, trio.open_nursery() as nursery:
        answers: dict[str, list[list[int]]] = {}

        async def ask(text: str) -> None:
            answers[text] = await runner.tokenize([[text]])

        for text in ("a", "bb", "ccc"):
            nursery.start_soon(ask, text)
    assert answers == {"a": [[1]], "bb": [[2]], "ccc": [[3]]}


async def test_failures_become_errors_with_their_status() -> None:
    async with running(ECHO) as runner:
        with pytest.raises(errors.EngineRefused, match="no such token") as refused:
            await runner.detokenize([1])
        assert refused.value.status == 400
        with pytest.raises(errors.PromptTooLong) as too_long:
            await runner.embed(wire.Embed(0, ["a"], 8))
        assert (too_long.value.n_tokens, too_long.value.n_ctx) == (9, 8)


async def test_leaving_early_cancels_the_request() -> None:
    script = """
send(loaded)
asked = next(inbox)
send(wire.Piece(asked.id, "a"))
cancelled = next(inbox)
asked_again = next(inbox)
send(wire.Piece(asked_again.id, f"{type(cancelled).__name__} {cancelled.id == asked.id}"))
"""
    async with running(script) as runner:
        async with runner.generate(generate()) as events:
            await events.receive()
        async with runner.generate(generate()) as events:
            piece = await events.receive()
    assert piece.text == "Cancel True"


async def test_cancelling_the_reading_task_sends_a_cancel() -> None:
    script = """
send(loaded)
asked = next(inbox)
assert isinstance(next(inbox), wire.Cancel)
send(wire.Tokens(next(inbox).id, [[7]]))
"""
    async with running(script) as runner:
        async with trio.open_nursery() as nursery:

            async def ask(task_status: trio.TaskStatus[None]) -> None:
                async with runner.generate(generate()) as events:
                    task_status.started()
                    await events.receive()

            await nursery.start(ask)
            nursery.cancel_scope.cancel()
        assert await runner.tokenize([["x"]]) == [[7]]


async def test_a_finished_request_is_not_cancelled_afterwards() -> None:
    script = """
send(loaded)
send(wire.Finished(next(inbox).id, "stop", 1, 0, 5, 2, 5))
following = next(inbox)
send(wire.Tokens(following.id, [[1]]))
"""
    async with running(script) as runner:
        async with runner.generate(generate()) as events:
            assert [event async for event in events]
        assert await runner.tokenize([["x"]]) == [[1]]


async def test_a_slow_reader_gets_joined_text_and_holds_up_nobody() -> None:
    script = """
send(loaded)
slow = next(inbox)
for n in range(100):
    send(wire.Piece(slow.id, str(n % 10), [wire.TokenLogprob(str(n), -1.0, b"")]))
send(wire.Tokens(next(inbox).id, [[1]]))
for command in inbox: pass
"""
    async with running(script) as runner, runner.generate(generate()) as events:
        assert await runner.tokenize([["x"]]) == [[1]]
        piece = await events.receive()
    assert isinstance(piece, wire.Piece)
    assert piece.text == "0123456789" * 10
    assert piece.logprobs is not None
    assert [entry.token for entry in piece.logprobs] == [str(n) for n in range(100)]


async def test_a_request_that_nobody_reads_is_given_up() -> None:
    script = """
send(loaded)
slow = next(inbox)
for n in range(12):
    send(wire.Piece(slow.id, "x" * 100_000))
following = {type(command): command for command in (next(inbox), next(inbox))}
assert following[wire.Cancel].id == slow.id
send(wire.Tokens(following[wire.Tokenize].id, [[1]]))
for command in inbox: pass
"""
    async with running(script) as runner, runner.generate(generate()) as events:
        assert await runner.tokenize([["x"]]) == [[1]]
        with pytest.raises(errors.EngineRefused, match="not read fast enough"):
            async for _ in events:
                pass


@pytest.mark.parametrize(
    ("last_act", "cause"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "killed by SIGKILL"),
        ("os.abort()", "killed by SIGABRT"),
        ("os._exit(3)", "exit status 3"),
    ],
)
async def test_the_death_of_the_process_ends_every_request(
    last_act: str, cause: str, caplog: pytest.LogCaptureFixture
) -> None:
    script = f"""
send(loaded)
send(wire.Piece(next(inbox).id, "before"))
next(inbox)
print("last words", file=sys.stderr, flush=True)
{last_act}
"""
    async with running(script) as runner, runner.generate(generate()) as events:
        assert (await events.receive()).text == "before"
        with pytest.raises(errors.RunnerLost, check=lambda error: cause in error.cause):
            await runner.tokenize([["x"]])
        with pytest.raises(errors.RunnerLost, check=lambda error: cause in error.cause):
            await events.receive()
        with pytest.raises(errors.RunnerLost):
            await runner.tokenize([["x"]])
    lost = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(lost) == 1
    assert cause in lost[0]
    assert "last words" in lost[0]


async def test_an_answer_that_had_ended_is_whole_for_a_slow_reader_though_the_process_died() -> None:
    """B7"""
    script = """
send(loaded)
number = next(inbox).id
send(wire.Piece(number, "all of it"), wire.Finished(number, "stop", 1, 0, 5, 2, 5))
os.abort()
"""
    async with running(script) as runner, runner.generate(generate()) as events:
        while not runner.lost:  # noqa: ASYNC110 - the process dies before anything is read
            await trio.sleep(0.01)
        received = [event async for event in events]
    assert [type(event) for event in received] == [wire.Piece, wire.Finished]


STOPS = """
send(loaded)
send(wire.Piece(next(inbox).id, "before"))
os.kill(os.getpid(), signal.SIGSTOP)
"""
COMPUTES = """
send(loaded)
number = next(inbox).id
for _ in range(3):
    assert isinstance(next(inbox), wire.Ping)
    send(wire.Pong())
send(wire.Piece(number, "at last"), wire.Finished(number, "stop", 1, 0, 5, 2, 5))
"""


async def test_a_process_that_is_stopped_while_it_works_is_ended() -> None:
    """C15"""
    async with running(STOPS, heartbeat=(0.05, 0.2)) as runner, runner.generate(generate()) as events:
        assert isinstance(await events.receive(), wire.Piece)
        with pytest.raises(errors.RunnerLost, check=lambda error: "did not answer" in error.cause):
            await events.receive()
    assert runner.lost


async def test_a_long_computation_is_no_silence() -> None:
    """C15: a prompt may take minutes on a slow machine, and the process says so when it is asked."""
    async with running(COMPUTES, heartbeat=(0.02, 20.0)) as runner, runner.generate(generate()) as events:
        assert [type(event) async for event in events] == [wire.Piece, wire.Finished]


async def test_a_request_that_is_left_before_it_was_sent_takes_no_memory_any_more() -> None:
    """B10: the process reads nothing, as one that is busy, and its pipe holds far less than the prompt."""
    script = "send(loaded)\nimport time\ntime.sleep(3600)"
    async with running(script) as runner:
        async with runner.generate(generate("x" * 300_000)):
            await trio.testing.wait_all_tasks_blocked(0.05)
            for _ in range(20):
                async with runner.generate(generate("y" * 1_000_000)):
                    assert runner.queued_bytes > 1_000_000
        assert runner.queued_bytes < 10_000


async def test_unloading_ends_the_process_and_its_requests() -> None:
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            runner = Runner(scripted.SPEC, name="test", command=scripted.command(ECHO))
            await nursery.start(runner.run)
            nursery.cancel_scope.cancel()
    assert runner.pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(runner.pid, 0)


async def test_a_refused_file_gives_the_engines_reason() -> None:
    with pytest.raises(errors.LoadFailed, match="failed to load model: no tensors"):
        await run_to_end("send(wire.LoadFailed('no tensors'))\nfor command in inbox: pass")


async def test_a_load_without_progress_is_given_up() -> None:
    with pytest.raises(errors.LoadStalled, match=r"no progress for 0.3 s"):
        await run_to_end("send(wire.Loading(0.1))\nfor command in inbox: pass", stall_seconds=0.3)


async def test_an_engine_that_gives_up_fails_its_requests_and_ends() -> None:
    """As after a chat template that nothing can stop."""
    script = "send(loaded)\nfor command in inbox: send(wire.LoadFailed('it does not end'))"
    runner = Runner(scripted.SPEC, name="test", command=scripted.command(script))

    async def run(*, task_status: trio.TaskStatus[wire.Loaded]) -> None:
        with pytest.raises(errors.LoadFailed, match="it does not end"):
            await runner.run(task_status=task_status)

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            await nursery.start(run)
            with pytest.raises(errors.RunnerLost, check=lambda error: error.cause == "it does not end"):
                await runner.render(b"{}")


async def test_a_crash_while_loading_is_a_lost_runner() -> None:
    with pytest.raises(errors.RunnerLost, check=lambda error: "killed by SIGABRT" in error.cause):
        await run_to_end("os.abort()")


async def test_output_that_is_no_frame_ends_the_runner(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(errors.RunnerLost, check=lambda error: "stream of events broke" in error.cause):
        await run_to_end("print('hello, world', flush=True)\nfor command in inbox: pass")
    assert "cannot have" in caplog.text


async def test_a_program_that_cannot_be_started_is_a_lost_runner() -> None:
    runner = Runner(scripted.SPEC, name="test", command=("/nonexistent/program",))
    with pytest.raises(errors.RunnerLost, check=lambda error: "cannot start a process" in error.cause):
        await runner.run()


def test_the_server_side_loads_no_native_code() -> None:
    import subprocess

    code = "import sys, pyollama.scheduler; print([m for m in sys.modules if 'native._engine' in m or m == 'numpy'])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
