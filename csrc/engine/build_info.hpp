// What this binary was built with, for `pyollama doctor` and the log.
#pragma once
#include <string>

namespace po {

// CPU features and backends compiled in, in ggml's own words. Any thread.
std::string system_info();

}  // namespace po
