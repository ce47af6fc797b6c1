"""What commands print: formats, tables, progress and wrapped text, by what the two streams can do."""
