// Makes the Q4_0 copy of a model that the benchmarks also run. Usage: requantize IN OUT
#include <cstdio>

#include "llama.h"

int main(int argc, char ** argv) {
    if (argc != 3) {
        std::fputs("usage: requantize IN OUT\n", stderr);
        return 1;
    }
    llama_backend_init();
    llama_model_quantize_params params = llama_model_quantize_default_params();
    params.ftype = LLAMA_FTYPE_MOSTLY_Q4_0;
    params.allow_requantize = true;  // speed is measured with the result, not quality
    return static_cast<int>(llama_model_quantize(argv[1], argv[2], &params));
}
