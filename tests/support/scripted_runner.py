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
spec = next(inbox)
loaded = wire.Loaded(
    n_ctx_train=32768, n_cells=spec.n_cells, n_vocab=os.getpid(), n_embd=64, adds_bos=True, size=1000, size_vram=0,
    n_threads=spec.n_threads or 2, n_gpu_layers=0, load_ns=5,
)
"""

SPEC = wire.LoadSpec(["/model.gguf"])


def command(script: str) -> tuple[str, ...]:
    return (sys.executable, "-c", PRELUDE + script)
