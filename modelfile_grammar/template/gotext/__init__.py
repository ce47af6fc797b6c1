"""How Go writes and reads values: numbers, quoted strings, JSON, and the verbs of printf."""
