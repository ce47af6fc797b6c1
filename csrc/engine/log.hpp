// What the vendored libraries say: errors are kept for the thread that caused them, warnings go to stderr.
// Ownership: process-wide; the libraries hold a plain function pointer. Threads: any; lines of threads never mix.
#pragma once
#include <string>
#include <vector>

#include "engine/status.hpp"

namespace po {

// Routes the logs of llama and ggml here. Once per process, before anything is loaded; later calls do nothing.
// stderr gets one line each, "engine: " in front: warnings and errors, everything if PYOLLAMA_DEBUG or OLLAMA_DEBUG
// is set to something else than 0 or false.
void install_log() noexcept;

// The error lines that the constructing thread logs while this lives. Not nested.
class ErrorLines {
  public:
    ErrorLines() noexcept;
    ~ErrorLines();
    ErrorLines(const ErrorLines &) = delete;
    ErrorLines & operator=(const ErrorLines &) = delete;

    // The most telling of them for a user, or fallback if there were none.
    std::string reason(const std::string & fallback) const;

  private:
    std::vector<std::string> lines_;
};

// Why something was refused, from the library's words, which are all it gives: no_memory where they speak of that.
Status no_memory_or(Code otherwise, const std::string & reason);

// Holds back what the constructing thread logs while this lives: a computation that we stop ourselves is reported as
// failed in four lines. Not nested.
class HeldLog {
  public:
    HeldLog() noexcept;
    ~HeldLog();  // writes what was held, unless dropped
    HeldLog(const HeldLog &) = delete;
    HeldLog & operator=(const HeldLog &) = delete;

    void drop() noexcept { lines_.clear(); }

  private:
    std::vector<std::string> lines_;
};

}  // namespace po
