"""The interactive session: ``loop`` talks, ``reader`` reads a message, ``slash`` runs the commands."""
