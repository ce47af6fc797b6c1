"""The session in a real terminal, with the real model."""

from __future__ import annotations

import signal
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Start = Callable[..., Any]
PROMPT = r">>> Send a message \(/\? for help\)"
CTRL_A, CTRL_C, CTRL_D, CTRL_G, CTRL_J, UP = "\x01", "\x03", "\x04", "\x07", "\n", "\x1b[A"


@pytest.fixture
def session(terminal: Start) -> Any:
    session = terminal("run", "smollm2")
    session.expect(PROMPT)
    return session


def test_a_question_is_answered_and_the_prompt_returns(session: Any) -> None:
    session.type("Why is the sky blue?\r")
    answer = session.expect(PROMPT)
    assert len(answer.split()) > 10


def test_bye_ends_with_status_0_and_a_usable_terminal(session: Any) -> None:
    session.type("/bye\r")
    assert session.wait() == 0
    assert session.echoes() and session.raw.rstrip().endswith("\x1b[?2004l")


def test_ctrl_d_on_an_empty_line_ends_the_session(session: Any) -> None:
    session.type(CTRL_D)
    assert session.wait() == 0
    assert session.echoes()


def test_ctrl_d_in_a_line_deletes_under_the_cursor(session: Any) -> None:
    session.type("x/clear" + CTRL_A + CTRL_D + "\r")
    session.expect("Cleared session context")


def test_ctrl_c_at_the_prompt_says_how_to_leave(session: Any) -> None:
    session.type("half a li" + CTRL_C)
    session.expect(r"\n\nUse Ctrl \+ d or /bye to exit\.\n")
    session.expect(PROMPT)


def test_ctrl_c_while_answering_returns_a_prompt(session: Any) -> None:
    session.type("/set parameter num_predict -1\r")
    session.expect("Set parameter 'num_predict' to '-1'")
    session.type("Write a very long story about a lighthouse.\r")
    session.expect(r"lighthouse\.\n.*\w+ \w+")
    session.type(CTRL_C)
    session.expect(r"\n" + PROMPT)
    session.type("/set parameter num_predict 5\rgo on\r")
    session.expect(r">>> go on\n.*\w+.*" + PROMPT)


def test_what_is_typed_during_an_answer_waits_for_the_prompt(session: Any) -> None:
    session.type("Why is the sky blue?\r")
    session.expect(r"blue\?\n")
    session.type("/set nowordwrap\r")
    session.expect(r">>> /set nowordwrap\nSet 'nowordwrap' mode\.\n")


def test_triple_quotes_make_a_message_of_several_lines(session: Any) -> None:
    session.type('"""first\r')
    session.expect(r"\.\.\. Press Enter to send")
    session.type('/bye"""\r')
    session.expect(PROMPT)  # sent as a message, not run as a command
    assert session.process.poll() is None


def test_ctrl_j_starts_a_line_without_sending(session: Any) -> None:
    session.type("/set system a" + CTRL_J)
    session.expect(r"\.\.\. Press Enter to send")
    session.type("b\r")
    session.expect("Set system message")
    session.type("/show system\r")
    session.expect(r"a\nb\n")


def test_pasted_lines_are_sent_once(session: Any) -> None:
    session.type("\x1b[200~/set system a\rb\rc\x1b[201~")
    session.expect(r"\.\.\. c")
    session.type("\r")
    session.expect("Set system message")


def test_settings_are_confirmed(session: Any) -> None:
    for line, feedback in (
        ("/set parameter num_ctx 2048", "Set parameter 'num_ctx' to '2048'"),
        ("/set format json", "Set format to 'json' mode."),
        ("/set nohistory", PROMPT),
        ("/set wrong", "Unknown command '/set wrong'"),
        ("/wrong", "Unknown command '/wrong'"),
        ("/?", "Available Commands:"),
        ("/show license", "No license was specified for this model."),
    ):
        session.type(line + "\r")
        session.expect(feedback)


def test_tab_completes_a_command(session: Any) -> None:
    session.type("/cle\t\r")
    session.expect("Cleared session context")


def test_an_unknown_model_is_not_loaded(session: Any) -> None:
    session.type("/load no-such-model\r")
    session.expect("Couldn't find model 'no-such-model'")
    session.type("/load smollm2\r")
    session.expect("Loading model 'smollm2'")
    session.expect(PROMPT)


def test_a_saved_session_is_replayed(session: Any, terminal: Start, place: Any) -> None:
    session.type("/set parameter num_predict 5\rRemember the tide.\r")
    session.expect("Remember the tide.*" + PROMPT)
    session.type("/save remembered\r")
    session.expect("Created new model 'remembered'")
    session.type("/bye\r")
    session.wait()
    again = terminal("run", "remembered")
    again.expect(r">>> Remember the tide\.\n")
    again.expect(PROMPT)
    again.type("/bye\r")
    again.wait()
    place.run("rm", "remembered")


def test_history_outlives_the_session(session: Any, terminal: Start, tmp_path: Path) -> None:
    session.type('"""/one\r/two"""\r')
    session.expect(PROMPT)
    session.type("/bye\r")
    session.wait()
    file = tmp_path / ".ollama" / "pyollama_history"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = terminal("run", "smollm2")
    again.expect(PROMPT)
    again.type(UP)
    again.expect("/bye")
    again.type(UP)
    again.expect(r'"""/one\n\.\.\. /two"""')


def test_nohistory_writes_nothing(terminal: Start, tmp_path: Path) -> None:
    session = terminal("run", "smollm2", OLLAMA_NOHISTORY="1")
    session.expect(PROMPT)
    session.type("/clear\r")
    session.expect("Cleared")
    session.type("/bye\r")
    session.wait()
    assert not (tmp_path / ".ollama").exists()


def test_ctrl_g_opens_the_editor(terminal: Start, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf "r\\n" >> "$1"\n')
    editor.chmod(0o755)
    session = terminal("run", "smollm2", OLLAMA_EDITOR=str(editor))
    session.expect(PROMPT)
    session.type("/clea" + CTRL_G)
    session.expect(">>> /clear")
    session.type("\r")
    session.expect("Cleared session context")


def test_a_missing_editor_is_named(terminal: Start) -> None:
    session = terminal("run", "smollm2", OLLAMA_EDITOR="no-such-editor")
    session.expect(PROMPT)
    session.type("kept" + CTRL_G)
    session.expect('error: editor "no-such-editor" not found')
    session.expect(">>> kept")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_the_terminal_as_it_was(session: Any, number: int) -> None:
    session.process.send_signal(number)
    if number == signal.SIGINT:
        session.expect(r"Use Ctrl \+ d or /bye to exit\.")
        session.type(CTRL_D)
    assert session.wait() == (0 if number == signal.SIGINT else 128 + number)
    assert session.echoes()


def test_long_lines_are_wrapped_at_words(terminal: Start) -> None:
    session = terminal("run", "smollm2", columns=38)
    session.expect(PROMPT)
    session.type("Why is the sky blue?\r")
    session.expect(PROMPT)
    assert "\x1b[K\r\n" in session.raw


def test_a_prompt_on_a_terminal_is_answered_once(terminal: Start) -> None:
    once = terminal("run", "smollm2", "Say hi.")
    assert once.wait() == 0
    assert ">>>" not in once.text and once.text.strip()


def test_a_bare_command_shows_a_screen(terminal: Start, place: Any) -> None:
    screen = terminal()
    assert screen.wait() == 0
    assert f"at http://{place.host}" in screen.text and "smollm2:latest" in screen.text


def test_progress_is_redrawn_in_place(terminal: Start, tmp_path: Path) -> None:
    (tmp_path / "Modelfile").write_text("FROM smollm2\n")
    created = terminal("create", "drawn", "-f", str(tmp_path / "Modelfile"))
    assert created.wait() == 0
    assert "\x1b[?2026h\x1b[?25l" in created.raw and created.raw.rstrip().endswith("\x1b[?2026l")
    assert created.text.rstrip().endswith("success")
