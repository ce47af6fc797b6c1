#include "engine/text_out.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace po {
namespace {

const std::string kBad = "\xEF\xBF\xBD";  // U+FFFD

struct Shown {
    std::vector<std::string> pieces;
    std::string text;
    bool stopped = false;
};

// Feeds the pieces as the scheduler does: until a stop, then flush.
Shown show(const std::vector<std::string> & stops, const std::vector<std::string> & pieces) {
    TextOut out(stops);
    Shown shown;
    const auto note = [&shown](const std::string & emit) {
        shown.pieces.push_back(emit);
        shown.text += emit;
    };
    for (const std::string & piece : pieces) {
        std::string emit;
        shown.stopped = out.add(piece, emit);
        note(emit);
        if (shown.stopped) break;
    }
    std::string emit;
    out.flush(emit);
    note(emit);
    return shown;
}

std::vector<std::string> bytes_of(const std::string & text) {
    std::vector<std::string> pieces;
    for (const char c : text) pieces.emplace_back(1, c);
    return pieces;
}

// The text before the stop that ends first, by trying every prefix of the text.
std::pair<std::string, bool> reference(const std::vector<std::string> & stops, const std::string & text) {
    const bool at_once = std::find(stops.begin(), stops.end(), std::string()) != stops.end();
    if (at_once && !text.empty()) return {"", true};
    for (size_t end = 1; end <= text.size(); ++end) {
        size_t longest = 0;
        for (const std::string & stop : stops) {
            if (stop.size() <= end && text.compare(end - stop.size(), stop.size(), stop) == 0) {
                longest = std::max(longest, stop.size());
            }
        }
        if (longest > 0) return {text.substr(0, end - longest), true};
    }
    return {text, false};
}

TEST(TextOut, PassesTextOnAtOnceWithoutStops) {
    const Shown shown = show({}, {"Hello", ", ", "world"});
    EXPECT_EQ(shown.pieces, (std::vector<std::string>{"Hello", ", ", "world", ""}));
    EXPECT_FALSE(shown.stopped);
}

TEST(TextOut, HoldsBackOnlyWhatMayBecomeAStop) {
    const Shown shown = show({"\nUser:"}, {"Hi\nU", "s", "ual\n"});
    EXPECT_EQ(shown.pieces, (std::vector<std::string>{"Hi", "", "\nUsual", "\n"}));
    EXPECT_FALSE(shown.stopped);
}

TEST(TextOut, FindsAStopAcrossPieces) {
    const Shown shown = show({"</s>"}, {"done <", "/", "s> never shown"});
    EXPECT_EQ(shown.text, "done ");
    EXPECT_TRUE(shown.stopped);
}

TEST(TextOut, FindsAStopThatIsTheWholeOutput) {
    EXPECT_EQ(show({"stop"}, {"stop"}).text, "");
    EXPECT_TRUE(show({"stop"}, {"stop"}).stopped);
}

TEST(TextOut, FallsBackToAShorterPrefixAfterAFalseStart) {
    const Shown shown = show({"aab"}, {"aaaa", "ab", "x"});
    EXPECT_EQ(shown.text, "aaa");
    EXPECT_TRUE(shown.stopped);
}

TEST(TextOut, LetsTheStopThatEndsFirstWin) {
    const Shown shown = show({"abcd", "bc"}, bytes_of("xabcd"));
    EXPECT_EQ(shown.text, "xa");
    EXPECT_TRUE(shown.stopped);
}

TEST(TextOut, LetsTheLongestOfStopsThatEndTogetherWin) {
    EXPECT_EQ(show({"c", "abc", "bc"}, {"xabc"}).text, "x");
}

TEST(TextOut, FindsAnEmptyStopBeforeTheFirstByte) {
    const Shown shown = show({"never", ""}, {"text"});
    EXPECT_EQ(shown.text, "");
    EXPECT_TRUE(shown.stopped);
}

TEST(TextOut, ChangesNothingAfterAStop) {
    TextOut out({"x"});
    std::string emit;
    EXPECT_TRUE(out.add("axb", emit));
    EXPECT_TRUE(out.add("more", emit));
    out.flush(emit);
    EXPECT_EQ(emit, "a");
}

TEST(TextOut, NeverEmitsHalfACodePoint) {
    const Shown shown = show({}, bytes_of("é€😀"));
    EXPECT_EQ(shown.pieces, (std::vector<std::string>{"", "é", "", "", "€", "", "", "", "😀", ""}));
}

TEST(TextOut, NeverEmitsHalfACodePointBeforeAPossibleStop) {
    const Shown shown = show({"é!"}, {"\xC3", "\xA9", "?"});
    EXPECT_EQ(shown.pieces, (std::vector<std::string>{"", "", "é?", ""}));
}

TEST(TextOut, LeavesOutACodePointThatTheEndCut) {
    EXPECT_EQ(show({}, {"a\xE2\x82"}).text, "a");
    EXPECT_EQ(show({"\xE2\x82\xAC"}, {"a\xE2\x82"}).text, "a");
    EXPECT_EQ(show({}, {"a\xE2\x82", "b\xF0\x9F"}).text, "a" + kBad + "b");
}

TEST(TextOut, ReplacesACodePointThatAStopCut) {
    EXPECT_EQ(show({"stop"}, {"a\xE2\x82", "stop"}).text, "a" + kBad);
}

TEST(TextOut, CountsTheBytesThatWereShown) {
    TextOut out({"stop"});
    std::string emit;
    out.add("a\xE2\x82\xAC s", emit);
    EXPECT_EQ(out.shown(), 5u);
    out.add("t\xE2\x82", emit);
    EXPECT_EQ(out.shown(), 7u);
    out.flush(emit);
    EXPECT_EQ(out.shown(), 7u);
    EXPECT_EQ(emit, "a\xE2\x82\xAC st");
}

struct Invalid {
    const char * name;
    std::string bytes, text;
};

class Utf8Repairs : public testing::TestWithParam<Invalid> {};

TEST_P(Utf8Repairs, GiveOneReplacementPerMaximalSubpart) {
    const Invalid & given = GetParam();
    EXPECT_EQ(show({}, {given.bytes}).text, given.text);
    EXPECT_EQ(show({}, bytes_of(given.bytes)).text, given.text);
}

INSTANTIATE_TEST_SUITE_P(
    Table, Utf8Repairs,
    testing::Values(
        Invalid{"lone_continuation", "a\x80z", "a" + kBad + "z"},
        Invalid{"overlong_slash", "\xC0\xAF", kBad + kBad},
        Invalid{"overlong_three", "\xE0\x80\xBF", kBad + kBad + kBad},
        Invalid{"surrogate", "\xED\xA0\x80", kBad + kBad + kBad},
        Invalid{"past_the_end", "\xF4\x91\x92\x93", kBad + kBad + kBad + kBad},
        Invalid{"never_a_byte", "\xFF" "A", kBad + "A"},
        Invalid{"cut_then_ascii", "\xE2\x82" "A", kBad + "A"},
        Invalid{"cut_then_lead", "\xF0\x9F\x98\xE2\x82\xAC", kBad + "€"},
        // The example of the Unicode standard, table 3-11.
        Invalid{"standard", "\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64",
                "a" + kBad + kBad + kBad + "b" + kBad + "c" + kBad + kBad + "d"}),
    [](const auto & test) { return test.param.name; });

TEST(TextOutProperty, CutsOfTheStreamDoNotMatter) {
    std::mt19937 random(7);
    const auto below = [&random](size_t n) { return random() % n; };
    for (int round = 0; round < 20000; ++round) {
        std::vector<std::string> stops(1 + below(4));
        for (std::string & stop : stops) {
            for (size_t n = below(5); n > 0; --n) stop += static_cast<char>('a' + below(2));
        }
        std::string text;
        for (size_t n = below(24); n > 0; --n) text += static_cast<char>('a' + below(3));
        std::vector<std::string> pieces;
        for (size_t at = 0; at < text.size(); at += pieces.back().size()) pieces.push_back(text.substr(at, 1 + below(6)));

        const auto [expected, stopped] = reference(stops, text);
        const Shown shown = show(stops, pieces);
        ASSERT_EQ(shown.text, expected) << text;
        ASSERT_EQ(shown.stopped, stopped) << text;
    }
}

TEST(TextOutProperty, WhatIsEmittedIsValidUtf8AfterEveryCall) {
    std::mt19937 random(11);
    for (int round = 0; round < 5000; ++round) {
        std::string bytes;
        for (size_t n = random() % 12; n > 0; --n) {
            bytes += static_cast<char>(random() % 3 ? 0x80 + random() % 0x80 : random());
        }
        const std::string whole = show({"\xC3\xA9", "ab"}, {bytes}).text;
        EXPECT_EQ(show({"\xC3\xA9", "ab"}, bytes_of(bytes)).text, whole);
        for (const std::string & piece : show({}, bytes_of(bytes)).pieces) {
            EXPECT_EQ(show({}, {piece}).text, piece);  // valid text passes unchanged
        }
    }
}

TEST(TextOutProperty, CostIsLinearForOverlappingStops) {
    TextOut out({std::string(4000, 'a') + "b"});
    std::string emit;
    for (int i = 0; i < 500; ++i) out.add(std::string(1000, 'a'), emit);  // minutes, if each byte cost a prefix
    out.flush(emit);
    EXPECT_EQ(emit.size(), 500000u);
}

}  // namespace
}  // namespace po
