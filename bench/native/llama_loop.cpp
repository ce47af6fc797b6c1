// The plainest decode loop that libllama allows: one sequence, greedy, no server, no text.
// Usage: llama_loop MODEL THREADS PROMPT_TOKENS OUTPUT_TOKENS [REPEATS]
// Prints one JSON line: tokens per second of each repeat, for prompt and output.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "ggml-cpu.h"
#include "llama.h"

namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void say_nothing(ggml_log_level, const char *, void *) {}

struct Rates {
    double prompt;
    double output;
};

// Decodes prompt_tokens copies of a plain token at once, then output_tokens one by one.
Rates run(llama_context & ctx, llama_sampler & greedy, int prompt_tokens, int output_tokens) {
    llama_memory_clear(llama_get_memory(&ctx), true);
    std::vector<llama_token> prompt(static_cast<size_t>(prompt_tokens), 260);
    const auto begin = std::chrono::steady_clock::now();
    if (llama_decode(&ctx, llama_batch_get_one(prompt.data(), prompt_tokens)) != 0) std::exit(2);
    llama_token token = llama_sampler_sample(&greedy, &ctx, -1);
    const double prompt_seconds = seconds_since(begin);

    const auto middle = std::chrono::steady_clock::now();
    for (int i = 0; i < output_tokens; ++i) {
        if (llama_decode(&ctx, llama_batch_get_one(&token, 1)) != 0) std::exit(2);
        token = llama_sampler_sample(&greedy, &ctx, -1);
    }
    return {prompt_tokens / prompt_seconds, output_tokens / seconds_since(middle)};
}

}  // namespace

int main(int argc, char ** argv) {
    if (argc < 5) {
        std::fputs("usage: llama_loop MODEL THREADS PROMPT_TOKENS OUTPUT_TOKENS [REPEATS]\n", stderr);
        return 1;
    }
    const int threads = std::atoi(argv[2]);
    const int prompt_tokens = std::atoi(argv[3]);
    const int output_tokens = std::atoi(argv[4]);
    const int repeats = argc > 5 ? std::atoi(argv[5]) : 1;

    llama_log_set(say_nothing, nullptr);
    llama_backend_init();
    std::unique_ptr<llama_model, decltype(&llama_model_free)> model(
        llama_model_load_from_file(argv[1], llama_model_default_params()), llama_model_free);
    if (!model) return 2;

    llama_context_params params = llama_context_default_params();
    params.n_ctx = static_cast<uint32_t>(prompt_tokens + output_tokens + 8);
    params.n_threads = params.n_threads_batch = threads;
    std::unique_ptr<llama_context, decltype(&llama_free)> ctx(llama_init_from_model(model.get(), params), llama_free);
    if (!ctx) return 2;
    ggml_threadpool_params pool_params = ggml_threadpool_params_default(threads);
    std::unique_ptr<ggml_threadpool, decltype(&ggml_threadpool_free)> pool(
        ggml_threadpool_new(&pool_params), ggml_threadpool_free);
    llama_attach_threadpool(ctx.get(), pool.get(), pool.get());
    std::unique_ptr<llama_sampler, decltype(&llama_sampler_free)> greedy(llama_sampler_init_greedy(), llama_sampler_free);

    run(*ctx, *greedy, 16, 8);  // first touches of memory are not what is measured
    for (int i = 0; i < repeats; ++i) {
        const Rates rates = run(*ctx, *greedy, prompt_tokens, output_tokens);
        std::printf("{\"prompt_per_second\": %.2f, \"output_per_second\": %.2f}\n", rates.prompt, rates.output);
        std::fflush(stdout);
    }
    llama_detach_threadpool(ctx.get());
    return 0;
}
