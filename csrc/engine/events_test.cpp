#include "engine/events.hpp"

#include <gtest/gtest.h>
#include <poll.h>

namespace po {
namespace {

bool readable(const EventQueue & queue) {
    pollfd wait{queue.fd(), POLLIN, 0};
    return poll(&wait, 1, 0) == 1;
}

Piece piece(ReqId id, const std::string & text) {
    Piece piece;
    piece.id = id;
    piece.text = text;
    return piece;
}

TEST(EventQueue, IsReadableExactlyWhileEventsWait) {
    EventQueue queue;
    std::vector<Event> out;
    EXPECT_FALSE(readable(queue));
    queue.push(Loading{0.5});
    queue.push(Loading{0.6});
    EXPECT_TRUE(readable(queue));
    queue.drain(out, 1);
    EXPECT_TRUE(readable(queue));
    queue.drain(out, 10);
    EXPECT_FALSE(readable(queue));
    EXPECT_EQ(out.size(), 2U);
}

TEST(EventQueue, TextNobodyFetchedGrowsByRequest) {
    EventQueue queue;
    std::vector<Event> batch{piece(1, "a"), piece(2, "x")};
    queue.push(batch);
    EXPECT_TRUE(batch.empty());
    queue.push(piece(1, "b"));
    queue.push(piece(2, "y"));
    std::vector<Event> out;
    queue.drain(out, 10);
    ASSERT_EQ(out.size(), 2U);
    EXPECT_EQ(std::get<Piece>(out[0]).text, "ab");
    EXPECT_EQ(std::get<Piece>(out[1]).text, "xy");
}

TEST(EventQueue, LogProbabilitiesKeepTheirOwnPieces) {
    EventQueue queue;
    Piece first = piece(1, "a");
    first.has_logprobs = true;
    queue.push(Piece(first));
    queue.push(Piece(first));
    queue.push(piece(1, "rest"));
    std::vector<Event> out;
    queue.drain(out, 10);
    EXPECT_EQ(out.size(), 3U);
}

TEST(EventQueue, OrderIsKept) {
    EventQueue queue;
    queue.push(piece(1, "a"));
    queue.push(Finished{});
    std::vector<Event> out;
    queue.drain(out, 10);
    EXPECT_TRUE(std::holds_alternative<Piece>(out[0]));
    EXPECT_TRUE(std::holds_alternative<Finished>(out[1]));
}

}  // namespace
}  // namespace po
