"""What each environment variable means, for help texts and the reference page."""

from __future__ import annotations

from pyollama.config import PREFIXES, WITHOUT_EFFECT

SERVER = {
    "OLLAMA_HOST": "Address to listen on (default 127.0.0.1:11434)",
    "OLLAMA_MODELS": "Folder of the model store (default ~/.ollama/models)",
    "OLLAMA_KEEP_ALIVE": "How long a model stays loaded after its last request (default 5m; negative: for ever)",
    "OLLAMA_LOAD_TIMEOUT": "Give up loading a model after this long without progress (default 5m; 0: never)",
    "OLLAMA_CONTEXT_LENGTH": "Context length of requests that set none, in tokens (default 0: by memory)",
    "OLLAMA_NUM_PARALLEL": "Most requests one model answers at a time (default 0: as many as fit)",
    "OLLAMA_MAX_LOADED_MODELS": "Most models in memory at a time (default 0: 3 per GPU, or 3 on CPU)",
    "OLLAMA_MAX_QUEUE": "Most requests that wait for a model (default 512)",
    "OLLAMA_MAX_BODY": "Largest JSON request body in bytes (default 67108864)",
    "OLLAMA_MAX_BODY_TOTAL": "Most bytes of JSON bodies that all requests hold together (default 268435456)",
    "OLLAMA_ORIGINS": "Further allowed origins, separated by commas",
    "OLLAMA_FLASH_ATTENTION": "Force flash attention on or off (default: automatic)",
    "OLLAMA_KV_CACHE_TYPE": "Type of the key-value cache: f16, q8_0, q4_0 (default f16)",
    "OLLAMA_NOPRUNE": "Never delete unused blobs (default false)",
    "OLLAMA_GO_TEMPLATE": "Force the Go template (true) or the model's own chat template (false)",
    "OLLAMA_TRUST_CONTROL_TOKENS": "Read control tokens in messages and prompts too (default false)",
    "OLLAMA_DEBUG": "More logging: 1 debug, 2 trace; tracebacks in the command line (default 0)",
    "OLLAMA_DEBUG_LOG_REQUESTS": "Keep the bodies of generate and chat in a temporary folder (default false)",
}
CLIENT = {
    "OLLAMA_HOST": "Address of the server (default 127.0.0.1:11434)",
    "OLLAMA_EDITOR": "Editor for Ctrl+G (default: VISUAL, EDITOR, then vi)",
    "OLLAMA_NOHISTORY": "Do not write the history of the interactive session (default false)",
}
OTHER = {
    "HTTP_PROXY, HTTPS_PROXY, NO_PROXY": "Proxies towards servers elsewhere; never used towards this machine",
    "NO_COLOR": "No colour in any output",
    "CUDA_VISIBLE_DEVICES and its relatives": "Which GPUs may be used",
}
IGNORED = {PREFIXES[1] + name: f"Known from Ollama; {why}" for name, why in WITHOUT_EFFECT.items()}
