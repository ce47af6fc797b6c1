#include "engine/schedule/transcript.hpp"

#include <gtest/gtest.h>

namespace po {
namespace {

Tokens bytes_as_tokens(std::string_view text) { return Tokens(text.begin(), text.end()); }

Tokens shown(size_t n_bytes) {
    Transcript said({1, 2});
    said.add(10, "The");
    said.add(11, "");  // a control token
    said.add(12, " colour");
    return std::move(said).shown(n_bytes, bytes_as_tokens);
}

TEST(Transcript, HoldsWhatWasShown) { EXPECT_EQ(shown(10), (Tokens{1, 2, 10, 12})); }

TEST(Transcript, LeavesTheStopStringOut) { EXPECT_EQ(shown(3), (Tokens{1, 2, 10})); }

TEST(Transcript, CutsATokenThatAStopCut) { EXPECT_EQ(shown(5), (Tokens{1, 2, 10, ' ', 'c'})); }

TEST(Transcript, IsThePromptWhenNothingWasShown) { EXPECT_EQ(shown(0), (Tokens{1, 2})); }

}  // namespace
}  // namespace po
