#include "engine/build_info.hpp"

#include "engine/log.hpp"
#include "llama.h"

namespace po {

std::string system_info() {
    install_log();
    return llama_print_system_info();
}

std::string version() { return std::string(llama_version()) + " (ggml " + ggml_version() + ")"; }

}  // namespace po
