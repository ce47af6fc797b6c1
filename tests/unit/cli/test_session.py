"""The session without a keyboard: what is said to the server, the slash commands, the history file."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from pyollama.cli.asking import Asking
from pyollama.cli.client import Client
from pyollama.cli.session import blocks
from pyollama.cli.session.chat import Chat
from pyollama.cli.session.completion import SessionCompleter
from pyollama.cli.session.editor import choose, edit
from pyollama.cli.session.history import KEPT, SessionHistory
from pyollama.cli.session.loop import handle, replay
from pyollama.cli.session.slash import Leave, Slash
from pyollama.config import Address
from pyollama.errors import CommandFailed, ServerUnreachable

Captured = pytest.CaptureFixture[str]
ANSWER = [{"message": {"role": "assistant", "content": "hello"}, "done": False}, {"done": True, "eval_count": 1}]


class Session:
    """A chat with the scripted server, and its slash commands."""

    def __init__(self, api: Any, client: Client, folder: Path, **info: Any) -> None:
        self.api = api
        self.chat = Chat(client, Asking("m"), info)
        self.history = SessionHistory(folder / "history", writing=True)
        self.slash = Slash(self.chat, self.history)

    def enter(self, *lines: str) -> None:
        for line in lines:
            handle(line, self.chat, self.slash)

    @property
    def sent(self) -> list[Any]:
        return self.api.bodies("/api/chat")


@pytest.fixture
def client(api: Any) -> Client:
    api.stream("/api/chat", *ANSWER)
    api.answer("POST", "/api/show", {"capabilities": ["completion"]})
    api.stream("/api/generate", {"done": True})
    return Client(Address.parse(api.url))


@pytest.fixture
def session(api: Any, client: Client, tmp_path: Path) -> Session:
    return Session(api, client, tmp_path)


# --- talking ----------------------------------------------------------------------------------------------------------


def test_an_answer_ends_with_two_newlines(session: Session, capsys: Captured) -> None:
    session.enter("hi")
    assert capsys.readouterr().out == "hello\n\n"


def test_the_whole_conversation_is_sent(session: Session) -> None:
    session.enter("hi", '"""two\nlines"""')
    assert session.sent[1] == {
        "model": "m",
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "hello"},
            {"role": "user", "content": "two\nlines"},
        ],
    }


def test_blank_lines_are_not_sent(session: Session) -> None:
    session.enter("", "  ", "\n")
    assert session.sent == []


def test_statistics_follow_the_answer_in_verbose_mode(session: Session, capsys: Captured) -> None:
    session.enter("/set verbose", "hi")
    assert capsys.readouterr().err == "eval count:           1 token(s)\n"


def test_an_error_keeps_the_session_and_drops_the_message(session: Session, capsys: Captured) -> None:
    session.api.answer("POST", "/api/chat", {"error": "server busy"}, 503)
    session.enter("hi")
    assert capsys.readouterr().err == "error: 503 Service Unavailable: server busy\n"
    assert session.chat.messages == []


def test_an_error_about_thinking_is_its_text(session: Session, capsys: Captured) -> None:
    session.api.answer("POST", "/api/chat", {"error": '"m" does not support thinking'}, 400)
    session.enter("hi")
    assert capsys.readouterr().err == 'error: "m" does not support thinking\n'


def test_a_lost_server_ends_the_session(session: Session, client: Client) -> None:
    session.chat.client = Client(Address.parse("127.0.0.1:1"))
    with pytest.raises(ServerUnreachable):
        session.enter("hi")


def test_an_interrupted_answer_is_kept_and_marked(
    session: Session, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(**_: Any) -> Iterator[dict[str, Any]]:
        yield {"message": {"content": "hel"}}
        raise KeyboardInterrupt

    monkeypatch.setattr(session.chat.client, "chat", interrupted)
    session.enter("hi")
    assert capsys.readouterr().out == "hel\n"
    assert session.chat.messages[-1] == {"role": "assistant", "content": "hel", "interrupted": True}


def test_the_models_own_conversation_is_shown(capsys: Captured) -> None:
    replay(
        [
            {"role": "system", "content": "secret"},
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "yo"},
        ]
    )
    assert capsys.readouterr().out == ">>> hi\nyo\n\n"


# --- slash commands ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "feedback"),
    [
        ("/set parameter num_ctx 8192", "Set parameter 'num_ctx' to '8192'\n"),
        ("/set parameter stop a b", "Set parameter 'stop' to 'a, b'\n"),
        ("/set parameter x 1", "Couldn't set parameter: \"unknown parameter 'x'\"\n"),
        ("/set system Be brief.", "Set system message.\n"),
        ('/set system """Be\nbrief."""', "Set system message.\n"),
        ("/set history", ""),
        ("/set nohistory", ""),
        ("/set wordwrap", "Set 'wordwrap' mode.\n"),
        ("/set nowordwrap", "Set 'nowordwrap' mode.\n"),
        ("/set format json", "Set format to 'json' mode.\n"),
        ("/set format", "Invalid or missing format. For 'json' mode use '/set format json'\n"),
        ("/set format xml", "Invalid or missing format. For 'json' mode use '/set format json'\n"),
        ("/set noformat", "Disabled format.\n"),
        ("/set verbose", "Set 'verbose' mode.\n"),
        ("/set quiet", "Set 'quiet' mode.\n"),
        ("/set think", "Set 'think' mode.\n"),
        ("/set think high", "Set 'think' mode to 'high'.\n"),
        ("/set nothink", "Set 'nothink' mode.\n"),
        ("/set nonsense", "Unknown command '/set nonsense'. Type /? for help\n"),
        ("/nonsense x", "Unknown command '/nonsense'. Type /? for help\n"),
        ("/show nonsense", "Unknown command '/show nonsense'. Type /? for help\n"),
        ("/show license", "No license was specified for this model.\n"),
        ("/show system", "No system message was specified for this model.\n"),
        ("/show template", "No prompt template was specified for this model.\n"),
        ("/clear", "Cleared session context\n"),
        ("/load", "Usage:\n  /load <modelname>\n"),
        ("/load a b", "Usage:\n  /load <modelname>\n"),
    ],
)
def test_commands_give_their_feedback(session: Session, capsys: Captured, line: str, feedback: str) -> None:
    session.enter(line)
    assert capsys.readouterr().out == feedback


@pytest.mark.parametrize(
    "line", ["/?", "/help", "/? set", "/? /show", "/? shortcuts", "/set", "/show", "/set parameter x"]
)
def test_help_goes_to_stderr(session: Session, capsys: Captured, line: str) -> None:
    session.enter(line)
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("Available ")


@pytest.mark.parametrize("line", ["/bye", "/exit"])
def test_bye_leaves(session: Session, line: str) -> None:
    with pytest.raises(Leave):
        session.enter(line)


def test_settings_reach_the_next_request(session: Session) -> None:
    session.enter("/set parameter stop a b", "/set parameter top_k 3", "/set format json", "/set think low", "hi")
    body = session.sent[0]
    assert body["options"] == {"stop": ["a", "b"], "top_k": 3}
    assert (body["format"], body["think"]) == ("json", "low")


def test_a_system_message_replaces_only_one_directly_before_it(session: Session) -> None:
    session.enter("/set system one", "/set system two", "hi", "/set system three")
    assert [(m["role"], m["content"]) for m in session.chat.messages] == [
        ("system", "two"),
        ("user", "hi"),
        ("assistant", "hello"),
        ("system", "three"),
    ]


def test_clear_keeps_the_system_message(session: Session) -> None:
    session.enter("/set system Be brief.", "hi", "/clear", "again")
    assert session.sent[1]["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "again"},
    ]


def test_thinking_is_warned_of_where_the_model_cannot(session: Session, capsys: Captured) -> None:
    session.enter("/set think")
    assert capsys.readouterr().err == 'warning: model "m" does not support thinking output\n'


def test_thinking_needs_no_warning_where_the_model_can(
    api: Any, client: Client, tmp_path: Path, capsys: Captured
) -> None:
    Session(api, client, tmp_path, capabilities=["thinking"]).enter("/set think")
    assert capsys.readouterr().err == ""


def test_loading_another_model_forgets_the_conversation(session: Session, capsys: Captured) -> None:
    session.enter("hi", "/load other", "again")
    assert "Loading model 'other'\n" in capsys.readouterr().out
    assert session.sent[1] == {"model": "other", "messages": [{"role": "user", "content": "again"}]}


def test_an_unknown_model_leaves_the_old_one(session: Session, capsys: Captured) -> None:
    session.enter("hi")
    session.api.answer("POST", "/api/show", {"error": "model 'x' not found"}, 404)
    session.enter("/load x")
    assert capsys.readouterr().out.endswith("Loading model 'x'\nCouldn't find model 'x'\n")
    assert session.chat.asking.model == "m" and len(session.chat.messages) == 2


def test_saving_creates_a_model_of_everything_said(api: Any, client: Client, tmp_path: Path, capsys: Captured) -> None:
    loaded = [{"role": "user", "content": "before"}, {"role": "assistant", "content": "yes"}]
    session = Session(api, client, tmp_path, messages=loaded)
    api.stream("/api/create", {"status": "success"})
    session.enter("/set system Be brief.", "/set parameter top_k 3", "hi", "/save mine")
    assert capsys.readouterr().out.endswith("Created new model 'mine'\n")
    assert api.bodies("/api/create") == [
        {
            "model": "mine",
            "from": "m",
            "system": "Be brief.",
            "parameters": {"top_k": 3},
            "messages": [*loaded, {"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}],
        }
    ]


def test_saving_under_a_wrong_name_is_refused(session: Session, capsys: Captured) -> None:
    session.api.answer("POST", "/api/create", {"error": "invalid model name"}, 400)
    session.enter("/save a:b:c")
    assert capsys.readouterr().out == "error: The model name 'a:b:c' is invalid\n"


def test_show_prefers_the_sessions_system_message(session: Session, capsys: Captured) -> None:
    session.api.answer("POST", "/api/show", {"system": "the model's"})
    session.enter("/show system", "/set system mine", "/show system")
    assert capsys.readouterr().out == "the model's\nSet system message.\nmine\n"


def test_show_info_goes_to_stderr(session: Session, capsys: Captured) -> None:
    session.api.answer("POST", "/api/show", {"capabilities": ["completion"]})
    session.enter("/show info")
    assert capsys.readouterr() == ("", "  Capabilities\n    completion    \n\n")


def test_show_parameters_tells_whose_they_are(session: Session, capsys: Captured) -> None:
    session.api.answer("POST", "/api/show", {"parameters": "top_k                          3"})
    session.enter("/set parameter use_mmap true", "/show parameters")
    assert capsys.readouterr().out.splitlines()[1:] == [
        "Model defined parameters:",
        "  top_k                          3",
        "",
        "User defined parameters:",
        "  use_mmap                       true",
        "",
    ]


# --- triple quotes, completion, editor --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "is_open"),
    [
        ("hi", False),
        ('"""', True),
        ('"""hi', True),
        ('"""hi"""', False),
        ('""""""', False),
        ('"""a\nb"""', False),
        ('"""a"""\nb', True),
        ('say """', False),
        ('/set system """a', True),
        ('/set system """a\nb"""', False),
        ('/set  system """', True),
    ],
)
def test_triple_quotes_are_open_until_a_line_ends_with_them(text: str, is_open: bool) -> None:
    assert blocks.is_open(text) is is_open


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("/se", ["/set"]),
        ("/s", ["/set", "/show", "/save"]),
        ("/set no", ["nohistory", "nowordwrap", "noformat", "nothink"]),
        ("/set parameter num_c", ["num_ctx"]),
        ("/show t", ["template"]),
        ("/load t", ["tiny:latest"]),
        ("hello", []),
        ("/load tiny:latest x", []),
    ],
)
def test_tab_offers_what_fits(typed: str, offered: list[str]) -> None:
    completer = SessionCompleter(lambda: ["tiny:latest"])
    found = completer.get_completions(Document(typed), CompleteEvent(completion_requested=True))
    assert [completion.text for completion in found] == offered


def test_tab_completes_files(tmp_path: Path) -> None:
    (tmp_path / "picture.png").touch()
    completer = SessionCompleter(list)
    document = Document(f"look at {tmp_path}/pic")
    assert [c.text for c in completer.get_completions(document, CompleteEvent())] == ["ture.png"]


def test_the_editor_of_the_setting_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", "visual")
    monkeypatch.setenv("EDITOR", "editor")
    assert (choose("mine"), choose("")) == ("mine", "visual")
    monkeypatch.delenv("VISUAL")
    assert choose("") == "editor"


def test_an_editor_changes_the_text(tmp_path: Path) -> None:
    script = tmp_path / "editor"
    script.write_text('#!/bin/sh\ncase "$1" in */ollama-prompt-*.txt) printf "more\\n\\n" >> "$1";; esac\n')
    script.chmod(0o755)
    assert edit("some ", str(script)) == "some more"


@pytest.mark.parametrize(
    ("editor", "message"),
    [("no-such-editor", 'editor "no-such-editor" not found, '), ("false", "editor exited with error: exit status 1")],
)
def test_an_editor_that_fails_is_named(editor: str, message: str) -> None:
    with pytest.raises(CommandFailed) as caught:
        edit("text", editor)
    assert str(caught.value).startswith(message)


# --- history ----------------------------------------------------------------------------------------------------------


def history(path: Path, *, writing: bool = True) -> SessionHistory:
    found = SessionHistory(path / ".ollama" / "history", writing=writing)
    found._loaded_strings = list(found.load_history_strings())
    found._loaded = True
    return found


def test_entries_survive_with_their_lines(tmp_path: Path) -> None:
    history(tmp_path).append_string("one\ntwo")
    history(tmp_path).append_string("three")
    assert history(tmp_path).get_strings() == ["one\ntwo", "three"]


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    found = history(tmp_path)
    found.append_string("secret")
    assert stat.S_IMODE(found.path.stat().st_mode) == 0o600


@pytest.mark.parametrize("entry", ["", "  ", " with a blank", "\tx"])
def test_blank_entries_and_those_behind_a_blank_are_not_kept(tmp_path: Path, entry: str) -> None:
    found = history(tmp_path)
    found.append_string(entry)
    assert found.get_strings() == [] and not found.path.exists()


def test_a_repeated_entry_is_kept_once(tmp_path: Path) -> None:
    found = history(tmp_path)
    for entry in ("a", "a", "b", "a"):
        found.append_string(entry)
    assert found.get_strings() == ["a", "b", "a"]


def test_only_the_newest_entries_are_kept(tmp_path: Path) -> None:
    found = history(tmp_path)
    found.path.parent.mkdir()
    found.path.write_text("".join(json.dumps(f"old {i}") + "\n" for i in range(KEPT)))
    found.append_string("new")
    lines = found.path.read_text().splitlines()
    assert (len(lines), lines[0], lines[-1]) == (KEPT, '"old 1"', '"new"')


def test_without_writing_entries_stay_in_the_session(tmp_path: Path) -> None:
    found = history(tmp_path, writing=False)
    found.append_string("a")
    assert found.get_strings() == ["a"] and not found.path.exists()


def test_a_damaged_file_is_no_reason_to_fail(tmp_path: Path) -> None:
    found = history(tmp_path)
    found.path.parent.mkdir()
    found.path.write_text('"good"\n{broken\n17\n')
    assert history(tmp_path).get_strings() == ["good"]
