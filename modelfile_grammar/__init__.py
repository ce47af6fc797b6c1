"""The Modelfile language and its template language, by themselves.

``parse`` gives a lossless tree, ``build`` its plain values, ``print_modelfile`` the way back. Templates live in
``modelfile_grammar.template``, the table of known chat templates in ``modelfile_grammar.known``.
"""

from .build import Build, build
from .errors import (
    ModelfileSyntaxError,
    ParameterError,
    ParameterRangeError,
    ParameterTypeError,
    Position,
    Warning,
)
from .parameters import PARAMETERS, Parameter, Range, check_parameter_value, parse_parameter
from .parser import parse
from .printer import format_command, parameter_commands, parameter_text, print_modelfile
from .tree import Blank, Command, Comment, Instruction, Modelfile

__all__ = [
    "PARAMETERS",
    "Blank",
    "Build",
    "Command",
    "Comment",
    "Instruction",
    "Modelfile",
    "ModelfileSyntaxError",
    "Parameter",
    "ParameterError",
    "ParameterRangeError",
    "ParameterTypeError",
    "Position",
    "Range",
    "Warning",
    "build",
    "check_parameter_value",
    "format_command",
    "parameter_commands",
    "parameter_text",
    "parse",
    "parse_parameter",
    "print_modelfile",
]
