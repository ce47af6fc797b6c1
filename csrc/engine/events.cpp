#include "engine/events.hpp"

#include <fcntl.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/eventfd.h>
#endif

#include <iterator>

namespace po {
namespace {

constexpr size_t kLookBack = 64;           // events; about as many as sequences have a piece in one step
constexpr size_t kLongestPiece = 1 << 16;  // bytes

}  // namespace

EventQueue::EventQueue() {
#if defined(__linux__)
    read_fd_ = write_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
#else
    int ends[2];
    if (pipe(ends) == 0) {
        for (int end : ends) {
            fcntl(end, F_SETFL, O_NONBLOCK);
            fcntl(end, F_SETFD, FD_CLOEXEC);
        }
        read_fd_ = ends[0];
        write_fd_ = ends[1];
    }
#endif
}

EventQueue::~EventQueue() {
    if (write_fd_ != read_fd_) {
        close(write_fd_);
    }
    if (read_fd_ >= 0) {
        close(read_fd_);
    }
}

void EventQueue::push(std::vector<Event> & batch) noexcept {
    if (batch.empty()) {
        return;
    }
    const std::lock_guard lock(mutex_);
    const bool was_empty = waiting_.empty();
    for (Event & event : batch) {
        if (!joined(event)) {
            waiting_.push_back(std::move(event));
        }
    }
    batch.clear();
    if (was_empty) {
        signal();
    }
}

void EventQueue::push(Event && event) noexcept {
    std::vector<Event> one;
    one.push_back(std::move(event));
    push(one);
}

// Appends the text of a piece to the last waiting event of its request, if that is a piece too.
bool EventQueue::joined(Event & event) {
    const Piece * piece = std::get_if<Piece>(&event);
    if (!piece || piece->has_logprobs) {
        return false;
    }
    size_t looked = 0;
    for (auto it = waiting_.rbegin(); it != waiting_.rend() && looked < kLookBack; ++it, ++looked) {
        Piece * last = std::get_if<Piece>(&*it);
        if (last && last->id == piece->id) {
            if (last->has_logprobs || last->text.size() + piece->text.size() > kLongestPiece) {
                return false;
            }
            last->text += piece->text;
            return true;
        }
    }
    return false;
}

void EventQueue::drain(std::vector<Event> & out, size_t limit) noexcept {
    const std::lock_guard lock(mutex_);
    const size_t n = std::min(limit, waiting_.size());
    const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(n);
    out.insert(out.end(), std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
    waiting_.erase(waiting_.begin(), end);
    if (waiting_.empty()) {
        clear_signal();
    }
}

// An eventfd counts, a pipe holds bytes; eight bytes suit both. A full pipe is readable already.
void EventQueue::signal() noexcept {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = write(write_fd_, &one, sizeof one);
}

void EventQueue::clear_signal() noexcept {
    uint64_t count;
    while (read(read_fd_, &count, sizeof count) == sizeof count && read_fd_ != write_fd_) {
    }
}

}  // namespace po
