"""The template language of TEMPLATE: Go's text/template, over data that cannot reach into the host program.

``Template.parse`` compiles once; ``render_prompt`` makes the prompt of a chat or a completion from it.
"""

from .errors import TemplateCancelled, TemplateError, TemplateRunError, TemplateSyntaxError
from .functions import FUNCTIONS
from .machine import Limits
from .prompt import collate, render_prompt
from .template import Template, thinking_tags, tool_call_tag

__all__ = [
    "FUNCTIONS",
    "Limits",
    "Template",
    "TemplateCancelled",
    "TemplateError",
    "TemplateRunError",
    "TemplateSyntaxError",
    "collate",
    "render_prompt",
    "thinking_tags",
    "tool_call_tag",
]
