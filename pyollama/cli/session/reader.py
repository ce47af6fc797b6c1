"""Reading one message: keys, several lines, history, placeholder."""

from __future__ import annotations

import os
import sys

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app, run_in_terminal
from prompt_toolkit.completion import CompleteEvent, Completer
from prompt_toolkit.data_structures import Size
from prompt_toolkit.document import Document
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import History
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput
from prompt_toolkit.output import ColorDepth, Output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.shortcuts import CompleteStyle

from pyollama.cli.output import terminal
from pyollama.cli.session import blocks
from pyollama.cli.session.editor import choose, edit
from pyollama.errors import CommandFailed

PROMPT, CONTINUATION = ">>> ", "... "
PLACEHOLDER, MORE_PLACEHOLDER = "Send a message (/? for help)", "Press Enter to send"
_TAB = " " * 8
_GREY = "fg:#8a8a8a"  # colour 245 of the 256


class Reader:
    """Reads messages from the terminal. Nothing of the terminal's state is kept between two messages."""

    def __init__(self, history: History, completer: Completer, *, colour: bool, editor: str = "") -> None:
        self._editor = choose(editor)
        self._session: PromptSession[str] = PromptSession(
            PROMPT,
            multiline=True,
            prompt_continuation=lambda width, line, wrapped: " " * width if wrapped else CONTINUATION,
            history=history,
            completer=completer,
            complete_while_typing=False,
            complete_style=CompleteStyle.READLINE_LIKE,
            key_bindings=self._keys(completer),
            input_processors=[_Placeholder(_GREY if colour else "")],
            color_depth=ColorDepth.DEPTH_8_BIT if colour else ColorDepth.DEPTH_1_BIT,
            editing_mode=EditingMode.EMACS,
            enable_suspend=True,
            output=_output(),
        )

    def read(self) -> str:
        """One message as it was typed, triple quotes included.

        Raises:
            EOFError: Ctrl+D on an empty line.
            KeyboardInterrupt: Ctrl+C; what was typed is gone.
        """
        return self._session.prompt()

    def _keys(self, completer: Completer) -> KeyBindings:
        keys = KeyBindings()

        @keys.add("enter")
        def _send(event: KeyPressEvent) -> None:
            buffer = event.current_buffer
            if blocks.is_open(buffer.text):
                buffer.insert_text("\n")
            else:
                buffer.validate_and_handle()

        @keys.add("c-j")
        def _newline(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text("\n")

        @keys.add("tab")
        def _complete(event: KeyPressEvent) -> None:
            buffer = event.current_buffer
            if not any(completer.get_completions(buffer.document, CompleteEvent(completion_requested=True))):
                buffer.insert_text(_TAB)
                return
            from prompt_toolkit.key_binding.bindings.completion import display_completions_like_readline

            display_completions_like_readline(event)

        @keys.add("c-g")
        def _edit(event: KeyPressEvent) -> None:
            event.app.create_background_task(self._in_editor(event))

        return keys

    async def _in_editor(self, event: KeyPressEvent) -> None:
        buffer = event.current_buffer

        def edit_or_explain() -> str:
            try:
                return edit(buffer.text, self._editor)
            except CommandFailed as error:
                print(f"error: {error}", file=sys.stderr)
                return buffer.text

        text = await run_in_terminal(edit_or_explain)
        buffer.document = Document(text, len(text))


class _Placeholder(Processor):
    """Grey words on the last line while it is empty and being edited."""

    def __init__(self, style: str) -> None:
        self._style = style

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        document = transformation_input.document
        fragments: StyleAndTextTuples = transformation_input.fragments
        at_end = transformation_input.lineno == document.line_count - 1
        if at_end and not document.lines[-1] and not get_app().is_done:
            text = PLACEHOLDER if document.line_count == 1 else MORE_PLACEHOLDER
            fragments = [*fragments, (self._style, text)]
        return Transformation(fragments)


def _output() -> Output | None:
    """Without cursor position requests: their answers would mix with what is typed while a model answers."""
    if sys.platform == "win32":
        return None  # prompt-toolkit finds the console
    return Vt100_Output(sys.stdout, _size, term=os.environ.get("TERM"), enable_cpr=False)


def _size() -> Size:
    columns, rows = terminal.size(sys.stdout)
    return Size(rows=rows, columns=columns)
