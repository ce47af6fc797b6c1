#include "chat/answer_parser.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "chat/chat.hpp"
#include "json.h"
#include "testing/vocab_gguf.hpp"

namespace po {
namespace {

// Small templates that have the marks of real ones.

const char * const kHermes = R"({%- if tools -%}<|im_start|>system
# Tools
<tools>{%- for tool in tools -%}{{ tool | tojson }}
{%- endfor -%}</tools>
For each call: <tool_call>{"name": <function-name>, "arguments": <args-json-object>}</tool_call><|im_end|>
{%- endif -%}
{%- for message in messages -%}
{%- if message.role == 'assistant' and message.tool_calls -%}<|im_start|>assistant
{%- if message.content -%}{{ '\n' + message.content }}{%- endif -%}
{%- for tool_call in message.tool_calls -%}
{%- if tool_call.function is defined -%}{%- set tool_call = tool_call.function -%}{%- endif -%}
{{ '\n<tool_call>\n{"name": "' }}{{ tool_call.name }}{{ '", "arguments": ' }}{{ tool_call.arguments | tojson }}{{ '}\n</tool_call>' }}
{%- endfor -%}{{ '<|im_end|>\n' }}
{%- elif message.role == 'tool' -%}{{ '<|im_start|>user\n<tool_response>\n' + message.content + '\n</tool_response><|im_end|>\n' }}
{%- else -%}{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%})";

std::string thinking_hermes() {
    std::string source = kHermes;
    const std::string plain = "{%- else -%}{{ '<|im_start|>' + message.role + '\\n' + message.content";
    const std::string thoughtful = R"({%- elif message.role == 'assistant' -%}{{ '<|im_start|>assistant\n' }}
{%- if message.reasoning_content -%}{{ '<think>\n' + message.reasoning_content + '\n</think>\n\n' }}{%- endif -%}
{{ message.content + '<|im_end|>\n' }})";
    source.insert(source.find(plain), thoughtful);
    source +=
        "{%- if add_generation_prompt and enable_thinking is defined and enable_thinking is false -%}"
        "{{ '<think>\\n\\n</think>\\n\\n' }}{%- endif -%}";
    return source;
}

const char * const kLlama3 = R"({{- '<|start_header_id|>system<|end_header_id|>\n\n' -}}
{%- if tools is not none and tools -%}Given the functions, respond in the format {"name": function name, "parameters": dictionary}.
{%- for t in tools -%}{{ t | tojson }}{%- endfor -%}{%- endif -%}<|eot_id|>
{%- for message in messages -%}
{%- if 'tool_calls' in message and message.tool_calls -%}
{%- set tool_call = message.tool_calls[0].function -%}
{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' -}}{{- '{"name": "' + tool_call.name + '", "parameters": ' -}}{{- tool_call.arguments | tojson -}}{{- '}<|eot_id|>' -}}
{%- elif message.role == 'tool' -%}{{- '<|start_header_id|>ipython<|end_header_id|>\n\n' + message.content + '<|eot_id|>' -}}
{%- else -%}{{- '<|start_header_id|>' + message.role + '<|end_header_id|>\n\n' + message.content + '<|eot_id|>' -}}{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' -}}{%- endif -%})";

const char * const kMistral = R"({%- if tools -%}[AVAILABLE_TOOLS]{{ tools | tojson }}[/AVAILABLE_TOOLS]{%- endif -%}
{%- for message in messages -%}
{%- if message.role == 'user' -%}[INST] {{ message.content }}[/INST]
{%- elif message.role == 'tool' -%}[TOOL_RESULTS]{{ message.content }}[/TOOL_RESULTS]
{%- elif message.tool_calls -%}[TOOL_CALLS][
{%- for call in message.tool_calls -%}{{ '{"name": "' + call.function.name + '", "arguments": ' }}{{ call.function.arguments | tojson }}{{ ', "id": "' + call.id + '"}' }}{%- if not loop.last -%}{{ ', ' }}{%- endif -%}{%- endfor -%}]</s>
{%- else -%}{{ message.content }}</s>{%- endif -%}
{%- endfor -%})";

const char * const kHarmony =
    R"({%- if tools -%}<|start|>developer<|message|>{%- for tool in tools -%}{{ tool | tojson }}{%- endfor -%}<|end|>{%- endif -%}
{%- for message in messages -%}
{%- if message.role == 'assistant' and message.tool_calls -%}{%- set call = message.tool_calls[0].function -%}
<|start|>assistant to=functions.{{ call.name }}<|channel|>commentary json<|message|>{{ call.arguments | tojson }}<|call|>
{%- elif message.role == 'assistant' -%}<|start|>assistant<|channel|>final<|message|>{{ message.content }}<|end|>
{%- else -%}<|start|>{{ message.role }}<|message|>{{ message.content }}<|end|>{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}<|start|>assistant{%- endif -%})";

const char * const kQwenCoder = R"({%- if tools -%}<|im_start|>system
{%- for tool in tools -%}{{ tool | tojson }}{%- endfor -%}
<tool_call>
<function=example_function_name>
<parameter=example_parameter_1>
value_1
</parameter>
</function>
</tool_call><|im_end|>{%- endif -%}
{%- for message in messages -%}
<|im_start|>{{ message.role }}
{{ message.content }}
{%- if message.tool_calls -%}{%- for tool_call in message.tool_calls -%}{%- set tool_call = tool_call.function -%}
{{- '\n<tool_call>\n<function=' + tool_call.name + '>\n' -}}
{%- for args_name, args_value in tool_call.arguments | items -%}{{- '<parameter=' + args_name + '>\n' -}}{{- args_value | string -}}{{- '\n</parameter>\n' -}}{%- endfor -%}
{{- '</function>\n</tool_call>' -}}{%- endfor -%}{%- endif -%}<|im_end|>
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%})";

const char * const kTools = R"([{"type": "function", "function": {"name": "get_tide", "parameters": {"type": "object",
 "properties": {"harbour": {"type": "string"}, "days": {"type": "integer"}}}}},
 {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}])";

using Pieces = std::vector<std::string>;

struct Answer {
    std::string content;
    std::string thinking;
    std::vector<std::string> calls;  // name(arguments)
    bool open_thought = false;
};

bool operator==(const Answer & a, const Answer & b) {
    return a.content == b.content && a.thinking == b.thinking && a.calls == b.calls && a.open_thought == b.open_thought;
}

std::ostream & operator<<(std::ostream & out, const Answer & answer) {
    out << "content '" << answer.content << "' thinking '" << answer.thinking << "' calls";
    for (const std::string & call : answer.calls) out << " " << call;
    return out << (answer.open_thought ? " open thought" : "");
}

// A rendered chat, for answers to be read.
class Chat {
  public:
    explicit Chat(const std::string & source, bool tools = true, const std::string & more = "")
        : model_(load_vocab(VocabGguf{source, false})) {
        EXPECT_TRUE(ChatTemplates::open(model_.get(), templates_));
        const std::string request = R"({"messages": [{"role": "user", "content": "Hi"}])" +
                                    (tools ? std::string(R"(, "tools": )") + kTools : "") + more + "}";
        const Status status = templates_->render(request, rendered);
        EXPECT_TRUE(status) << status.text;
    }

    std::unique_ptr<AnswerParser> parser() const {
        std::unique_ptr<AnswerParser> parser;
        const Status status = AnswerParser::open(rendered, parser);
        EXPECT_TRUE(status) << status.text;
        return parser;
    }

    Answer read(const Pieces & pieces) const {
        const std::unique_ptr<AnswerParser> reader = parser();
        AnswerDelta delta;
        for (const std::string & piece : pieces) reader->add(piece, delta);
        reader->finish(delta);
        Answer answer{delta.content, delta.thinking, {}, delta.open_thought};
        for (const ParsedCall & call : delta.calls) answer.calls.push_back(call.name + "(" + call.arguments + ")");
        return answer;
    }

    std::string rendered;

  private:
    ModelPtr model_;
    std::unique_ptr<ChatTemplates> templates_;
};

Pieces letters(const std::string & text) {
    Pieces pieces;
    for (const char letter : text) pieces.emplace_back(1, letter);
    return pieces;
}

// The same whole, letter by letter and cut at any place.
void expect(const Chat & chat, const std::string & text, const Answer & expected) {
    EXPECT_EQ(chat.read({text}), expected) << text;
    EXPECT_EQ(chat.read(letters(text)), expected) << "by letters: " << text;
    for (size_t at = 1; at < text.size(); ++at) {
        ASSERT_EQ(chat.read({text.substr(0, at), text.substr(at)}), expected)
            << text.substr(0, at) << "|" << text.substr(at);
    }
}

const std::string kOslo = R"(<tool_call>
{"name": "get_tide", "arguments": {"harbour": "Oslo"}}
</tool_call>)";

TEST(AnswerParser, ReadsHermes) {
    const Chat chat(kHermes);
    expect(chat, "Hello, you < there", {"Hello, you < there", "", {}, false});
    expect(chat, "Let me see.\n" + kOslo, {"Let me see.\n", "", {R"(get_tide({"harbour": "Oslo"}))"}, false});
    expect(chat, kOslo + "\n" + kOslo,
           {"", "", {R"(get_tide({"harbour": "Oslo"}))", R"(get_tide({"harbour": "Oslo"}))"}, false});
}

TEST(AnswerParser, ReadsThoughts) {
    const Chat chat(thinking_hermes());
    expect(chat, "<think>\nhm < x\n</think>\n\nYes.", {"Yes.", "hm < x\n", {}, false});
    expect(chat, "<think>\nhm\n</think>\n\n" + kOslo, {"", "hm\n", {R"(get_tide({"harbour": "Oslo"}))"}, false});
    expect(chat, "Yes.", {"Yes.", "", {}, false});
}

TEST(AnswerParser, ReadsLlama3) {
    const Chat chat(kLlama3);
    expect(chat, R"({"name": "get_tide", "parameters": {"harbour": "Oslo"}})",
           {"", "", {R"(get_tide({"harbour": "Oslo"}))"}, false});
    expect(chat, "Use {x} and {\"y\": 1}.", {"Use {x} and {\"y\": 1}.", "", {}, false});
}

TEST(AnswerParser, ReadsMistral) {
    const Chat chat(kMistral);
    expect(chat, R"([TOOL_CALLS][{"name": "get_tide", "arguments": {"harbour": "Oslo"}, "id": "abcdefghi"}])",
           {"", "", {R"(get_tide({"harbour": "Oslo"}))"}, false});
}

TEST(AnswerParser, ReadsHarmony) {
    const Chat chat(kHarmony);
    expect(chat, "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Yes.",
           {"Yes.", "hm", {}, false});
    expect(
        chat,
        R"(<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>commentary to=functions.get_tide <|constrain|>json<|message|>{"harbour": "Oslo"})",
        {"", "hm", {R"(get_tide({"harbour": "Oslo"}))"}, false});
}

TEST(AnswerParser, ReadsQwenCoder) {
    const Chat chat(kQwenCoder);
    expect(chat,
           "See:\n<tool_call>\n<function=get_tide>\n<parameter=harbour>\nOslo\n</parameter>\n<parameter=days>\n3\n</"
           "parameter>\n</function>\n</tool_call>",
           {"See:\n", "", {R"(get_tide({"harbour":"Oslo","days":3}))"}, false});
}

// --- nothing is lost ---

TEST(AnswerParser, GivesBackWhatBecameNoCall) {
    const Chat chat(kHermes);
    for (const char * text : {"Well <tool_c", "Well <tool_call>\n{\"name\": \"get_tide\", \"argu",
                              "a <tool_call>{\"name\": \"nope\", \"arguments\": {}}</tool_call> b",
                              "<tool_call>{'name': x}</tool_call>", "<tool_call>[[[[[[", "</tool_call> {}"}) {
        expect(chat, text, {text, "", {}, false});
    }
    expect(chat, kOslo + " bye", {"bye", "", {R"(get_tide({"harbour": "Oslo"}))"}, false});
    expect(chat, kOslo + "<tool_call>{\"na", {"<tool_call>{\"na", "", {R"(get_tide({"harbour": "Oslo"}))"}, false});
}

TEST(AnswerParser, GivesBackWhatFollowsAThoughtAndIsNoCall) {
    const Chat chat(thinking_hermes());
    expect(chat, "<think>\nhm</think>\n\n<tool_call>{\"na", {"<tool_call>{\"na", "hm", {}, false});
    expect(chat, "<think>\nhm</think>\n\n<tool_call>{\"name\": \"nope\"}</tool_call>",
           {"<tool_call>{\"name\": \"nope\"}</tool_call>", "hm", {}, false});
}

TEST(AnswerParser, ATextTooDeepForTheParserIsContent) {
    const Chat chat(kHermes);
    const std::string text = "<tool_call>{\"name\": \"add\", \"arguments\": {\"a\": " + std::string(100'000, '[');
    EXPECT_EQ(chat.read({text}).content, text);
    EXPECT_EQ(chat.read(letters(text)).content, text);
}

TEST(AnswerParser, IntegersOf64BitsKeepTheirDigits) {
    const Chat chat(kHermes);
    const Answer answer = chat.read(
        {"<tool_call>\n{\"name\": \"get_tide\", \"arguments\": {\"days\": 1234567890123456789}}\n</tool_call>"});
    EXPECT_EQ(answer.calls, Pieces{R"(get_tide({"days": 1234567890123456789}))"});
}

// --- thoughts ---

TEST(AnswerParser, SaysThatAThoughtNeverClosed) {
    const Chat chat(thinking_hermes());
    expect(chat, "<think>\nhm " + kOslo, {"", "hm " + kOslo, {}, true});
    expect(chat, "<think>\nhm </thi", {"", "hm </thi", {}, true});
    expect(chat, "<think>\nhm</think>", {"", "hm", {}, false});
    expect(chat, "<think>\nhm</think>\n", {"", "hm", {}, false});
}

TEST(AnswerParser, TakesOutAThoughtThatWasNotWanted) {
    const Chat chat(thinking_hermes(), true, R"(, "enable_thinking": false)");
    expect(chat, "Yes.", {"Yes.", "", {}, false});
}

TEST(AnswerParser, TakesOutThoughtsWithoutTools) {
    const Chat chat(thinking_hermes(), false);
    expect(chat, "<think>\nhm <tool_call> </think>\n\nYes <b>.", {"Yes <b>.", "hm <tool_call> ", {}, false});
}

TEST(AnswerParser, AHarmonyAnswerThatEndsInAHeaderHasNoMarksInIt) {
    const Chat chat(kHarmony, false);
    expect(chat, "<|channel|>analysis<|message|>hm<|end|><|start|>assis", {"", "hm", {}, false});
}

// --- answers that go on ---

std::string continued(const char * content) {
    return std::string(R"(, "add_generation_prompt": false, "continue_final_message": true, "messages": [)") +
           R"({"role": "user", "content": "Hi"}, {"role": "assistant", "content": ")" + content + "\"}]";
}

TEST(AnswerParser, WhatAnAnswerGoesOnFromIsNoPartOfIt) {
    for (const std::string & source : {std::string(kHermes), thinking_hermes(), std::string(kLlama3)}) {
        const Chat chat(source, true, continued("Once upon"));
        expect(chat, " a time.", {" a time.", "", {}, false});
    }
}

TEST(AnswerParser, NorWhenTheParserCannotReadIt) {
    const Chat chat(kLlama3, true, continued("Once {a} upon"));
    expect(chat, " a time, and so on, and so on.", {" a time, and so on, and so on.", "", {}, false});
}

// --- a stream ---

TEST(AnswerParser, ContentAndThoughtsGoOutAtOnce) {
    const Chat chat(thinking_hermes());
    const std::unique_ptr<AnswerParser> parser = chat.parser();
    const auto add = [&parser](const char * text) {
        AnswerDelta delta;
        parser->add(text, delta);
        return delta;
    };
    EXPECT_EQ(add("<think>").thinking, "");
    EXPECT_EQ(add("\nOne").thinking, "One");
    EXPECT_EQ(add(" two <").thinking, " two ");
    EXPECT_EQ(add(" three").thinking, "< three");
    EXPECT_EQ(add("</think>").thinking, "");
    EXPECT_EQ(add("\n\nYes").content, "Yes");
    EXPECT_EQ(add(", I").content, ", I");
    EXPECT_EQ(add(" call <tool_call>\n{\"name\": \"add\", \"arguments\": {").content, " call ");
    EXPECT_EQ(add("}}").calls.size(), 1u);
}

// Whatever a long answer is made of, the vendored parser reads no more than some multiple of it.
TEST(AnswerParser, TheCostIsLinear) {
    const std::string think = "<think>\n",
                      call = "<tool_call>\n{\"name\": \"get_tide\", \"arguments\": {\"harbour\": \"";
    const Pieces kinds[] = {{"Yes ", "if (a < b) { x[1] = \"<tool\"; }\n"},
                            {think, "if (a < b) { x[1] = \"</thin\"; } {}\n"},
                            {think, "</tool_call> <tool_call> "},
                            {call, "text {} <tool_call> "},
                            {"<tool_call>{", "\"a\": {}, "}};
    for (const std::string & source : {thinking_hermes(), std::string(kLlama3), std::string(kQwenCoder)}) {
        const Chat chat(source);
        for (const Pieces & kind : kinds) {
            const std::unique_ptr<AnswerParser> parser = chat.parser();
            AnswerDelta delta;
            size_t size = kind[0].size();
            parser->add(kind[0], delta);
            for (; size < 100'000; size += kind[1].size()) {
                for (const std::string & letter : letters(kind[1])) parser->add(letter, delta);
            }
            parser->finish(delta);
            EXPECT_LT(parser->bytes_read(), 100 * size) << kind[1];
        }
    }
}

TEST(AnswerParser, PlainAnswersAreHardlyReadAtAll) {
    const Chat chat(thinking_hermes());
    const std::unique_ptr<AnswerParser> parser = chat.parser();
    AnswerDelta delta;
    size_t size = 0;
    for (; size < 100'000; size += 8) parser->add("if (a) {", delta);
    parser->finish(delta);
    EXPECT_EQ(delta.content.size(), size);
    EXPECT_LT(parser->bytes_read(), 2 * size);
}

TEST(AnswerParser, RefusesWhatIsNoParser) {
    std::unique_ptr<AnswerParser> parser;
    for (const char * json :
         {"", "{}", R"({"format": "x", "generation_prompt": "", "parser": "", "thinking_end_tags": []})"}) {
        const Status status = AnswerParser::open(json, parser);
        EXPECT_EQ(status.code, Code::bad_request);
        EXPECT_EQ(parser, nullptr);
    }
}

}  // namespace
}  // namespace po
