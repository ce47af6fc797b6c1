#include "engine/build_info.hpp"

#include "llama.h"

namespace po {

std::string system_info() { return llama_print_system_info(); }

}  // namespace po
