#include "engine/log.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string_view>

#include "llama.h"

namespace po {
namespace {

constexpr size_t kMostLines = 8;

struct OpenLine {
    std::string text;
    ggml_log_level level = GGML_LOG_LEVEL_NONE;
};

thread_local OpenLine open_line;
thread_local std::vector<std::string> * error_lines = nullptr;
thread_local std::vector<std::string> * held_lines = nullptr;

bool wants_everything() {
    for (const char * name : {"PYOLLAMA_DEBUG", "OLLAMA_DEBUG"}) {
        const char * value = std::getenv(name);
        if (value && *value) {
            return std::strcmp(value, "0") != 0 && std::strcmp(value, "false") != 0;
        }
    }
    return false;
}

// Warnings about what we do on purpose: a pool larger than one context, and windows that do not overwrite.
bool intended(const std::string & line) {
    return line.find("possible training context overflow") != std::string::npos ||
           line.find("using full-size SWA cache") != std::string::npos;
}

void write_line(const std::string & text) { std::fprintf(stderr, "engine: %s\n", text.c_str()); }

void end_line(OpenLine & line) {
    static const bool everything = wants_everything();
    const bool warning = line.level == GGML_LOG_LEVEL_WARN && !intended(line.text);
    if (everything || warning || line.level == GGML_LOG_LEVEL_ERROR) {
        if (held_lines) {
            held_lines->push_back(line.text);
        } else {
            write_line(line.text);
        }
    }
    if (error_lines && line.level == GGML_LOG_LEVEL_ERROR) {
        if (error_lines->size() == kMostLines) {
            error_lines->erase(error_lines->begin());
        }
        error_lines->push_back(line.text);
    }
    line.text.clear();
}

// Text arrives in fragments; level CONT goes on with the line before it.
void take(ggml_log_level level, const char * text, void *) noexcept {
    try {
        if (level != GGML_LOG_LEVEL_CONT) {
            open_line.level = level;
        }
        for (std::string_view rest(text); !rest.empty();) {
            const size_t end = rest.find('\n');
            open_line.text += rest.substr(0, end);
            if (end == std::string_view::npos) {
                return;
            }
            end_line(open_line);
            rest.remove_prefix(end + 1);
        }
    } catch (...) {  // out of memory: a lost log line is the least of it
    }
}

// "llama_model_load: error loading model: x" says x; the function's name is for us.
std::string_view without_prefix(std::string_view line) {
    constexpr std::string_view loading = "error loading model: ";
    if (const size_t at = line.find(loading); at != std::string_view::npos) {
        line.remove_prefix(at + loading.size());
    }
    const size_t at = line.find(": ");
    if (at != std::string_view::npos && line.substr(0, at).find(' ') == std::string_view::npos) {
        line.remove_prefix(at + 2);
    }
    return line;
}

}  // namespace

void install_log() noexcept {
    static std::once_flag once;
    std::call_once(once, [] { llama_log_set(take, nullptr); });
}

ErrorLines::ErrorLines() noexcept { error_lines = &lines_; }

ErrorLines::~ErrorLines() { error_lines = nullptr; }

HeldLog::HeldLog() noexcept { held_lines = &lines_; }

HeldLog::~HeldLog() {
    held_lines = nullptr;
    for (const std::string & line : lines_) {
        write_line(line);
    }
}

Status no_memory_or(Code otherwise, const std::string & reason) {
    for (const char * words : {"allocate", "bad_alloc", "out of memory", "insufficient memory"}) {
        if (reason.find(words) != std::string::npos) {
            return Status::error(Code::no_memory, reason);
        }
    }
    return Status::error(otherwise, reason);
}

// Callers up the stack repeat that they failed; the first line is the one that knows why.
std::string ErrorLines::reason(const std::string & fallback) const {
    return lines_.empty() ? fallback : std::string(without_prefix(lines_.front()));
}

}  // namespace po
