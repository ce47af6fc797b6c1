// What this binary was built with, for `pyollama doctor` and the log.
#pragma once
#include <string>

namespace po {

// CPU features and backends compiled in, in ggml's own words. Any thread.
std::string system_info();

// Version of the vendored tree, e.g. "0.5.0-dev (ggml 0.25.3)".
std::string version();

}  // namespace po
