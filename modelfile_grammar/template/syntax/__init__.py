"""From the text of a template to its checked syntax tree."""
