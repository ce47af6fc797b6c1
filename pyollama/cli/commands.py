"""The table of commands: where each is, and what help says about it in one line. Nothing is imported for it."""

from __future__ import annotations

COMMANDS = {
    "serve": ("pyollama.cli.serve:serve", "Start the server"),
    "create": ("pyollama.cli.create:create", "Create a model from a Modelfile"),
    "show": ("pyollama.cli.show:show", "Show information about a model"),
    "run": ("pyollama.cli.run:run", "Run a model"),
    "stop": ("pyollama.cli.models:stop", "Unload a running model"),
    "pull": ("pyollama.cli.transfer:pull", "Download a model from a registry"),
    "push": ("pyollama.cli.transfer:push", "Upload a model to a registry"),
    "signin": ("pyollama.cli.guides:signin", "Not offered: pyollama has no accounts"),
    "signout": ("pyollama.cli.guides:signout", "Not offered: pyollama has no accounts"),
    "list": ("pyollama.cli.models:list_models", "List models"),
    "ps": ("pyollama.cli.models:ps", "List running models"),
    "cp": ("pyollama.cli.models:cp", "Copy a model"),
    "rm": ("pyollama.cli.models:rm", "Remove models"),
    "launch": ("pyollama.cli.guides:launch", "Print the addresses other programs need"),
    "lint": ("pyollama.cli.lint:lint", "Check Modelfiles"),
    "fmt": ("pyollama.cli.fmt:fmt", "Format Modelfiles"),
    "render": ("pyollama.cli.render:render", "Render a prompt template"),
    "doctor": ("pyollama.cli.doctor:doctor", "Check this installation"),
    "completion": ("pyollama.cli.guides:completion", "Print a shell completion script"),
    "help": ("pyollama.cli.guides:help_command", "Help about any command"),
}
ALIASES = {"start": "serve", "ls": "list", "login": "signin", "logout": "signout"}
COMPLETE_VARIABLE = "_PYOLLAMA_COMPLETE"
