#include "engine/cancel_board.hpp"

#include <algorithm>

namespace po {

bool CancelBoard::add(ReqId id) {
    const std::lock_guard lock(mutex_);
    return alive_.emplace(id, false).second;
}

void CancelBoard::remove(ReqId id) noexcept {
    const std::lock_guard lock(mutex_);
    alive_.erase(id);
}

bool CancelBoard::cancel(ReqId id) noexcept {
    const std::lock_guard lock(mutex_);
    const auto found = alive_.find(id);
    if (found == alive_.end() || found->second) {
        return false;
    }
    found->second = true;
    news_ = true;
    if (std::find(running_.begin(), running_.end(), id) != running_.end() && --running_wanted_ == 0) {
        stop_ = true;
    }
    return true;
}

bool CancelBoard::cancelled(ReqId id) const noexcept {
    const std::lock_guard lock(mutex_);
    const auto found = alive_.find(id);
    return found != alive_.end() && found->second;
}

void CancelBoard::close() noexcept {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    stop_ = true;
}

void CancelBoard::begin_step(const std::vector<ReqId> & ids) {
    const std::lock_guard lock(mutex_);
    running_ = ids;
    running_wanted_ = static_cast<size_t>(std::count_if(ids.begin(), ids.end(), [this](ReqId id) {
        const auto found = alive_.find(id);
        return found == alive_.end() || !found->second;
    }));
    stop_ = closed_ || running_wanted_ == 0;
}

void CancelBoard::end_step() noexcept {
    const std::lock_guard lock(mutex_);
    running_.clear();
    stop_ = closed_.load();
}

}  // namespace po
