"""One process per loaded model: the process's own main (child) and the server's side of it (client).

Imports nothing here: the child imports this package too, and must stay small.
"""
