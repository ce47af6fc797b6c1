"""What a Jinja chat template can do, told from its text, and whether it is the better choice beside a Go template."""

from __future__ import annotations

import re

from ..template import Template, TemplateError

_TOOL_ROLE = re.compile(r"""role['"]\]\s*==\s*['"]tool['"]|message\.role\s*==\s*['"]tool['"]""")
_SPLIT_AT_THINK = re.compile(r"""content\.split\(['"]</think>['"]\)""")


def jinja_capabilities(text: str) -> frozenset[str]:
    """``tools`` and ``thinking``, as far as the text shows them."""
    found = set()
    if "tools" in text or "tool_call" in text:
        found.add("tools")
    splits = _SPLIT_AT_THINK.search(text) and "reasoning_content" not in text and "<SPECIAL_12>" not in text
    if splits or ("<think>" in text and "</think>" in text):
        found.add("thinking")
    return frozenset(found)


def prefer_jinja(go_text: str | None, jinja: str | None, setting: bool | None = None) -> bool:
    """Whether to build prompts with the Jinja template of the file rather than with the Go template of the model.

    Args:
        setting: True insists on the Go template, False on the Jinja one, as far as they exist; None decides by
            what they can do.
    """
    if not jinja:
        return False
    if not go_text:
        return True
    if setting is not None:
        return not setting
    try:
        template = Template.parse(go_text)
    except TemplateError:
        return False
    ours, theirs = template.capabilities, jinja_capabilities(jinja)
    ours_round, theirs_round = _go_round_trip(template), _jinja_round_trip(jinja)
    if len(theirs) > len(ours):
        return theirs_round or not ours_round
    return theirs == ours and "tools" in ours and theirs_round and not ours_round


def _jinja_round_trip(text: str) -> bool:
    """Whether the template shows both calls and their results."""
    if "tools" not in jinja_capabilities(text):
        return False
    shows_calls = "tool_calls" in text or "assistant_tool_call" in text
    words = ("tool_response", "tool_results", "ipython")
    return shows_calls and (any(word in text for word in words) or _TOOL_ROLE.search(text) is not None)


def _go_round_trip(template: Template) -> bool:
    marks = ('eq .Role "tool"', "tool_response", "TOOL_RESULTS")
    return {"tools", "toolcalls"} <= template.variables and any(mark in template.text for mark in marks)
