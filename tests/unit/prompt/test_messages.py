"""The conversation that a request means."""

from pyollama.prompt.messages import for_chat, for_generate, forgets_thoughts, without_old_thoughts
from pyollama.wire.chat import Message

STORED = [Message("user", "stored")]


def roles(messages: list[Message]) -> list[tuple[str, str | None]]:
    return [(message.role, message.content) for message in messages]


def test_the_system_text_is_in_front_of_stored_messages() -> None:
    found = for_chat(STORED, [Message("user", "hi")], "sys")
    assert roles(found) == [("system", "sys"), ("user", "stored"), ("user", "hi")]


def test_a_system_message_of_the_request_replaces_the_system_text() -> None:
    found = for_chat(STORED, [Message("SYSTEM", "own"), Message("user", "hi")], "sys")
    assert roles(found) == [("user", "stored"), ("system", "own"), ("user", "hi")]


def test_generate_puts_the_prompt_last() -> None:
    assert roles(for_generate(STORED, "hi", "sys")) == [("system", "sys"), ("user", "stored"), ("user", "hi")]


def test_old_thoughts_go_but_not_those_after_the_last_question() -> None:
    """A109"""
    said = "<think>\nhm\n</think>\n\nyes"
    messages = [Message("assistant", said), Message("user", "<think>x</think>q"), Message("assistant", said)]
    assert roles(without_old_thoughts(messages)) == [
        ("assistant", "yes"),
        ("user", "<think>x</think>q"),
        ("assistant", said),
    ]


def test_only_some_models_forget() -> None:
    assert forgets_thoughts("qwen3", "x") and forgets_thoughts("", "deepseek-r1")
    assert not forgets_thoughts("llama", "smollm")
