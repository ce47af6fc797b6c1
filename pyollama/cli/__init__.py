"""The command line: an HTTP client of the server, and the tools that need no server.

One module per command or small group; ``main`` holds the list. Nothing here is imported before its command runs.
"""
