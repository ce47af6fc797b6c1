#include "engine/sampler.hpp"

#include <cmath>
#include <exception>
#include <new>
#include <optional>
#include <string>

#include "engine/sampling/candidates.hpp"
#include "engine/sampling/filters.hpp"
#include "engine/sampling/mirostat.hpp"
#include "engine/sampling/penalties.hpp"
#include "engine/sampling/random.hpp"

namespace po {
namespace {

Status refused(const char * option, const char * rule) {
    return Status::error(Code::bad_request, std::string(option) + " must be " + rule);
}

bool is_positive(float x) { return std::isfinite(x) && x > 0; }
bool is_natural(float x) { return std::isfinite(x) && x >= 0; }

Status check(const SampleSpec & s) {
    if (!std::isfinite(s.temperature)) return refused("temperature", "a finite number");
    if (std::isnan(s.top_p)) return refused("top_p", "a number");
    if (std::isnan(s.min_p)) return refused("min_p", "a number");
    if (std::isnan(s.typical_p)) return refused("typical_p", "a number");
    if (!is_positive(s.repeat_penalty)) return refused("repeat_penalty", "greater than 0");
    if (!std::isfinite(s.presence_penalty)) return refused("presence_penalty", "a finite number");
    if (!std::isfinite(s.frequency_penalty)) return refused("frequency_penalty", "a finite number");
    if (s.mirostat < 0 || s.mirostat > 2) return refused("mirostat", "0, 1 or 2");
    if (!is_natural(s.mirostat_tau)) return refused("mirostat_tau", "0 or greater");
    if (!is_natural(s.mirostat_eta)) return refused("mirostat_eta", "0 or greater");
    return {};
}

// Shares of probability outside 0 to 1 switch their filter off, as in Ollama.
SampleSpec settled(SampleSpec s) {
    const auto or_off = [](float share, float off) { return share >= 0 && share <= 1 ? share : off; };
    s.top_p = or_off(s.top_p, 1);
    s.min_p = or_off(s.min_p, 0);
    s.typical_p = or_off(s.typical_p, 1);
    return s;
}

// One per thread and not per request: with top_k off it holds the whole vocabulary.
Candidates & pool() {
    thread_local Candidates candidates;
    return candidates;
}

class ChainSampler final : public Sampler {
  public:
    ChainSampler(const SampleSpec & spec, int n_vocab)
        : spec_(spec),
          n_vocab_(n_vocab),
          random_(spec.seed),
          penalties_(spec.repeat_penalty, spec.presence_penalty, spec.frequency_penalty,
                     spec.mirostat == 0 ? spec.repeat_last_n : 0) {
        if (spec.mirostat != 0) mirostat_.emplace(spec.mirostat, spec.mirostat_tau, spec.mirostat_eta);
    }

    Token pick(const float * raw) noexcept override {
        try {
            const Logits logits{raw, n_vocab_, penalties_.active() ? &penalties_.apply(raw) : nullptr};
            return spec_.temperature > 0 ? drawn(logits) : best_token(logits);
        } catch (const std::exception &) {
            return kNoToken;
        }
    }

    void accept(Token token) noexcept override {
        if (token < 0 || token >= n_vocab_) return;
        try {
            penalties_.accept(token);
        } catch (const std::exception &) {  // no memory: this token goes unpunished
        }
    }

  private:
    Token drawn(const Logits & logits) {
        Candidates & c = pool();
        take(logits, mirostat_ ? 0 : spec_.top_k, c);
        if (c.items.empty()) return kNoToken;
        if (!mirostat_) filter(c);
        heat(c, spec_.temperature);
        return c.items[mirostat_ ? mirostat_->draw(c, n_vocab_, random_) : draw(c, random_)].token;
    }

    void filter(Candidates & c) const noexcept {
        keep_typical(c, spec_.typical_p);
        keep_top_p(c, spec_.top_p);
        keep_min_p(c, spec_.min_p);
    }

    const SampleSpec spec_;
    const int n_vocab_;
    Random random_;
    Penalties penalties_;
    std::optional<Mirostat> mirostat_;
};

}  // namespace

Status Sampler::make(const SampleSpec & spec, int n_vocab, std::unique_ptr<Sampler> & out) noexcept {
    try {
        Status status = check(spec);
        if (status) out = std::make_unique<ChainSampler>(settled(spec), n_vocab);
        return status;
    } catch (const std::bad_alloc &) {
        return {Code::no_memory, "out of memory"};  // short enough to need none
    } catch (const std::exception &) {
        return {Code::internal, "no random seed"};
    }
}

}  // namespace po
