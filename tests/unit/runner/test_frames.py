import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyollama.runner import frames
from pyollama.runner.frames import FrameError, FrameReader, FrameWriter


def stream_of(contents: list[object]) -> bytes:
    writer = FrameWriter()
    return b"".join(bytes(writer.frame(content)) for content in contents)


@given(st.lists(st.lists(st.binary(max_size=40), max_size=5), max_size=8), st.lists(st.integers(1, 50)))
def test_frames_survive_any_tearing_of_the_stream(contents: list[list[bytes]], cuts: list[int]) -> None:
    stream = stream_of(list(contents))
    reader, seen = FrameReader(), []

    for size in [*cuts, len(stream) + 1]:
        part, stream = stream[:size], stream[size:]
        seen += [msgspec.msgpack.decode(frame) for frame in reader.feed(part)]

    assert seen == contents
    assert reader.is_between_frames


def test_a_frame_made_later_does_not_carry_over_bytes_of_a_longer_one() -> None:
    writer = FrameWriter()
    writer.frame(["a long first frame" * 10])

    assert msgspec.msgpack.decode(FrameReader().feed(bytes(writer.frame([1])))[0]) == [1]


def test_the_end_of_the_stream_inside_a_frame_is_noticed() -> None:
    reader = FrameReader()
    assert reader.feed(stream_of([["abc"]])[:-1]) == []
    assert not reader.is_between_frames


def test_bytes_that_are_no_frames_are_refused() -> None:
    with pytest.raises(FrameError):
        FrameReader().feed(b"Traceback (most recent call last):")


def test_a_large_frame_in_small_reads_is_joined_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, reader = stream_of([b"x" * 3_000_000]), FrameReader()
    joins: list[int] = []
    real = frames._cut
    monkeypatch.setattr(frames, "_cut", lambda data: joins.append(len(data)) or real(data))  # type: ignore[func-returns-value]

    whole = [frame for at in range(0, len(stream), 4096) for frame in reader.feed(stream[at : at + 4096])]

    assert len(whole) == 1
    assert joins == [4096, len(stream)]
