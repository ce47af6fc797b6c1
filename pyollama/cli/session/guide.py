"""The help texts of a session."""

from __future__ import annotations

COMMANDS = '''Available Commands:
  /set            Change settings of this session
  /show           Show what the model is made of
  /load <model>   Talk to another model
  /save <model>   Save this session as a model
  /clear          Forget the conversation
  /list           List models
  /bye            Leave
  /?, /help       This list; /? set, /? show and /? shortcuts say more

Use """ to begin and end a message of several lines.
'''
SET = """Available Commands:
  /set parameter <name> <value>   Set a parameter
  /set system <text>              Set the system message
  /set history                    Write the history file
  /set nohistory                  Do not write the history file
  /set wordwrap                   Wrap words
  /set nowordwrap                 Do not wrap words
  /set format json                Answer in JSON
  /set noformat                   Answer in any form
  /set verbose                    Print statistics after each answer
  /set quiet                      Print no statistics
  /set think [level]              Let the model think: low, medium, high or max
  /set nothink                    Do not let the model think
"""
SHOW = """Available Commands:
  /show info         Overview of the model
  /show license      Its license
  /show modelfile    Its Modelfile
  /show parameters   Its parameters, and those set here
  /show system       The system message
  /show template     The prompt template
"""
SHORTCUTS = """Available keyboard shortcuts:
  Ctrl + a           Start of the line (Home)
  Ctrl + e           End of the line (End)
  Alt + b, Alt + f   A word back, a word forward
  Ctrl + k           Delete to the end of the line
  Ctrl + u           Delete to the start of the line
  Ctrl + w           Delete the word before the cursor
  Ctrl + j           New line without sending
  Ctrl + g           Edit the message in an editor
  Ctrl + r           Search the history
  Ctrl + l           Clear the screen
  Ctrl + c           Stop the answer, or discard the line
  Ctrl + d           Leave
  Tab                Complete commands, models and files
"""
PARAMETERS = """Available Parameters:
  /set parameter seed <int>               Seed of the random numbers
  /set parameter num_predict <int>        Most tokens of an answer
  /set parameter top_k <int>              Choose among this many tokens
  /set parameter top_p <float>            Choose among tokens of this total probability
  /set parameter min_p <float>            Drop tokens below this share of the best one's probability
  /set parameter num_ctx <int>            Context length in tokens
  /set parameter temperature <float>      How freely to choose
  /set parameter repeat_penalty <float>   How strongly to avoid repetition
  /set parameter repeat_last_n <int>      How far back to look for repetition
  /set parameter num_gpu <int>            Layers on the GPU
  /set parameter stop <text> <text> ...   Texts that end an answer
"""
TOPICS = {"": COMMANDS, "set": SET, "show": SHOW, "shortcut": SHORTCUTS, "shortcuts": SHORTCUTS}
