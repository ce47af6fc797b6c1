"""From a request to the prompt text, and from the generated text to content, thinking and tool calls."""
