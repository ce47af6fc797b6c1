"""Small Jinja templates with the marks of real ones."""

HERMES = """{%- if tools -%}<|im_start|>system
# Tools
<tools>{%- for tool in tools -%}{{ tool | tojson }}
{%- endfor -%}</tools>
For each call: <tool_call>{"name": <function-name>, "arguments": <args-json-object>}</tool_call><|im_end|>
{%- endif -%}
{%- for message in messages -%}
{%- if message.role == 'assistant' and message.tool_calls -%}<|im_start|>assistant
{%- if message.content -%}{{ '\\n' + message.content }}{%- endif -%}
{%- for tool_call in message.tool_calls -%}
{%- if tool_call.function is defined -%}{%- set tool_call = tool_call.function -%}{%- endif -%}
{{ '\\n<tool_call>\\n{"name": "' }}{{ tool_call.name }}{{ '", "arguments": ' -}}
{{ tool_call.arguments | tojson }}{{ '}\\n</tool_call>' }}
{%- endfor -%}{{ '<|im_end|>\\n' }}
{%- elif message.role == 'tool' -%}
{{ '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' }}
THOUGHTS
{%- else -%}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}"""

THINKING_HERMES = HERMES.replace(
    "THOUGHTS",
    """{%- elif message.role == 'assistant' -%}{{ '<|im_start|>assistant\\n' }}
{%- if message.reasoning_content -%}{{ '<think>\\n' + message.reasoning_content + '\\n</think>\\n\\n' }}{%- endif -%}
{{ message.content + '<|im_end|>\\n' }}""",
)
HERMES = HERMES.replace("THOUGHTS\n", "")

HARMONY = """{%- if tools -%}<|start|>developer<|message|>
{%- for tool in tools -%}{{ tool | tojson }}{%- endfor -%}<|end|>{%- endif -%}
{%- for message in messages -%}
{%- if message.role == 'assistant' and message.tool_calls -%}{%- set call = message.tool_calls[0].function -%}
<|start|>assistant to=functions.{{ call.name }}<|channel|>commentary json<|message|>
{{- call.arguments | tojson }}<|call|>
{%- elif message.role == 'assistant' -%}<|start|>assistant<|channel|>final<|message|>{{ message.content }}<|end|>
{%- else -%}<|start|>{{ message.role }}<|message|>{{ message.content }}<|end|>{%- endif -%}
{%- endfor -%}
{%- if reasoning_effort -%}<|start|>system<|message|>Reasoning: {{ reasoning_effort }}<|end|>{%- endif -%}
{%- if add_generation_prompt -%}<|start|>assistant{%- endif -%}"""

PLAIN = """{%- for message in messages -%}
{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}"""
