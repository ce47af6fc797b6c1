"""Prompts that know where their text came from.

A prompt is a tuple of fragments that alternate: text of the template, text of the data, text of the template, and so
on; any of them may be empty. The engine reads special tokens in text of the template only, so that a user who types
``<|im_end|>`` gets these characters. A prompt of one fragment is all template: a raw prompt.
"""

from __future__ import annotations

Prompt = tuple[str, ...]


def text_of(prompt: Prompt) -> str:
    return "".join(prompt)


def preceded(before: str, prompt: Prompt) -> Prompt:
    """The prompt with text in front that counts as the template's."""
    return (before + prompt[0], *prompt[1:]) if before and prompt else prompt


def cut_at(prompt: Prompt, mark: str) -> Prompt | None:
    """What stands before the last ``mark``, which lies within one fragment; None if it is not there."""
    for index in range(len(prompt) - 1, -1, -1):
        place = prompt[index].rfind(mark)
        if place >= 0:
            return (*prompt[:index], prompt[index][:place])
    return None
