// What to load and how; the fields of LoadSpec in pyollama/wire/runner.py.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace po {

struct LoadSpec {
    std::vector<std::string> files;     // one GGUF, or the parts of a split one in order
    std::vector<std::string> adapters;  // LoRA files, each at scale 1
    int n_ctx = 4096;
    int n_cells = 8192;       // most the KV pool may hold
    int n_cells_start = 0;    // held from the start, the pool grows when they run short; 0: all
    int n_seq_max = 64;  // requests that may run at once
    int n_batch = 512;
    int n_threads = 0;        // for steps of one row; 0: one per processor
    int n_threads_batch = 0;  // for all others
    int n_gpu_layers = -1;
    std::optional<int> main_gpu;
    std::optional<bool> use_mmap;
    bool use_mlock = false;
    std::optional<bool> flash_attention;
    std::string kv_cache_type = "f16";
    float rope_frequency_base = 0;
    float rope_frequency_scale = 0;
    float embed_idle_seconds = 60;  // a generating model's context for embeddings is freed after so long without use
    double render_seconds = 30;  // for one run of the chat template
    bool trust_control_tokens = false;  // read them in data too
    bool vocab_only = false;  // no weights: for tokens and templates; not on the wire
};

}  // namespace po
