"""A process that speaks frames and does what its script says: for tests of the server's side alone."""

import sys

from pyollama.wire import runner as wire

PRELUDE = """
import os, sys, signal
import msgspec
from pyollama.runner.frames import FrameReader, FrameWriter
from pyollama.wire import runner as wire

reader, writer = FrameReader(), FrameWriter()
commands = msgspec.msgpack.Decoder(wire.Command)

def send(*events):
    frame = writer.frame(list(events))
    while frame:
        frame = frame[os.write(1, frame):]

def received():
    while True:
        data = os.read(0, 65536)
        if not data:
            os._exit(0)
        for frame in reader.feed(data):
            yield commands.decode(frame)

inbox = received()
assert isinstance(next(inbox), wire.LoadSpec)
loaded = wire.Loaded(2048, 8192, 100, 64, True, 1000, 0, 2, 0, 5)
"""

SPEC = wire.LoadSpec(["/model.gguf"])


def command(script: str) -> tuple[str, ...]:
    return (sys.executable, "-c", PRELUDE + script)
