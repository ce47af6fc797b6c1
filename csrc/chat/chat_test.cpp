#include "chat/chat.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "json.h"
#include "testing/vocab_gguf.hpp"

namespace po {
namespace {

// Turns between tags; refuses chats that do not begin with the user, as many real templates do.
const char * const kTagged = R"({{- bos_token -}}
{%- if messages[0].role == 'assistant' -%}{{- raise_exception('The first turn must be the user\'s') -}}{%- endif -%}
{%- for message in messages -%}
{{- '<|' + message.role + '|>' + message.content + '<|end|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%})";

const char * const kThinking = R"({%- for message in messages -%}
{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' -}}
{%- endfor -%}
{%- if reasoning_effort is defined -%}{{- 'effort ' + reasoning_effort + '\n' -}}{%- endif -%}
{%- if add_generation_prompt -%}
{{- '<|im_start|>assistant\n' -}}
{%- if enable_thinking is defined and enable_thinking is false -%}{{- '<think>\n\n</think>\n\n' -}}{%- endif -%}
{%- endif -%})";

struct Rendered {
    Status status;
    common_json result;

    std::vector<std::string> fragments() const { return result.at("prompt").get<std::vector<std::string>>(); }
    std::string prompt() const {
        std::string text;
        for (const std::string & fragment : fragments()) text += fragment;
        return text;
    }
};

class Chat {
  public:
    explicit Chat(ModelPtr model) : model_(std::move(model)) { opened = ChatTemplates::open(model_.get(), templates_); }
    explicit Chat(const char * source, bool add_bos = true) : Chat(load_vocab(VocabGguf{source, add_bos})) {}

    Rendered render(const std::string & request) const {
        std::string json = "null";
        Rendered rendered{templates_->render(request, json), nullptr};
        rendered.result = common_json::parse(json);
        return rendered;
    }

    Status opened;

  private:
    ModelPtr model_;
    std::unique_ptr<ChatTemplates> templates_;
};

const std::string kHello = R"({"messages": [{"role": "user", "content": "Hello"}]})";

TEST(ChatTemplates, RenderTheTemplateOfTheModel) {
    const Rendered rendered = Chat(kTagged, false).render(kHello);
    ASSERT_TRUE(rendered.status) << rendered.status.text;
    EXPECT_EQ(rendered.prompt(), "<s><|user|>Hello<|end|><|assistant|>");
    EXPECT_EQ(rendered.result.at("generation_prompt").get<std::string>(), "<|assistant|>");
    for (const char * key : {"additional_stops", "preserved_tokens", "format", "parser", "supports_thinking",
                             "thinking_start_tag", "thinking_end_tags", "caps"}) {
        EXPECT_TRUE(rendered.result.contains(key)) << key;
    }
    EXPECT_TRUE(rendered.result.at("caps").at("supports_system_role").get<bool>());
}

TEST(ChatTemplates, LeaveOutTheBosThatTheTokenizerAdds) {
    EXPECT_EQ(Chat(kTagged, true).render(kHello).prompt(), "<|user|>Hello<|end|><|assistant|>");
}

TEST(ChatTemplates, EndWithoutAnAssistantTurnWhenAskedTo) {
    const Rendered rendered =
        Chat(kTagged).render(R"({"messages": [{"role": "user", "content": "a"}], "add_generation_prompt": false})");
    EXPECT_EQ(rendered.prompt(), "<|user|>a<|end|>");
}

TEST(ChatTemplates, ContinueTheLastMessageWhenAskedTo) {
    const Rendered rendered = Chat(kTagged).render(
        R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "Sure, "}],
            "continue_final_message": true})");
    ASSERT_TRUE(rendered.status) << rendered.status.text;
    EXPECT_EQ(rendered.prompt(), "<|user|>a<|end|><|assistant|>Sure, ");
}

TEST(ChatTemplates, PassTheSwitchesOn) {
    const Chat chat(kThinking);
    const std::string messages = R"("messages": [{"role": "user", "content": "a"}])";
    const auto prompt = [&](const std::string & more) { return chat.render("{" + messages + more + "}").prompt(); };
    const std::string turn = "<|im_start|>user\na<|im_end|>\n";
    EXPECT_EQ(prompt(""), turn + "<|im_start|>assistant\n");
    EXPECT_EQ(prompt(R"(, "enable_thinking": null, "reasoning_effort": null, "tools": null)"),
              turn + "<|im_start|>assistant\n");
    EXPECT_EQ(prompt(R"(, "enable_thinking": false)"), turn + "<|im_start|>assistant\n<think>\n\n</think>\n\n");
    EXPECT_EQ(prompt(R"(, "reasoning_effort": "high")"), turn + "effort high\n<|im_start|>assistant\n");
}

TEST(ChatTemplates, SwitchThinkingUnderItsOtherNameToo) {
    const Chat chat("{{- messages[0].content -}}{%- if thinking is defined and not thinking -%}{{- ' off' -}}{%- endif -%}");
    EXPECT_EQ(chat.render(kHello).prompt(), "Hello");
    EXPECT_EQ(chat.render(R"({"messages": [{"role": "user", "content": "Hi"}], "enable_thinking": false})").prompt(),
              "Hi off");
}

TEST(ChatTemplates, TakeMessagesAsClientsSendThem) {
    const Rendered rendered = Chat(kTagged).render(
        R"({"messages": [{"role": "user", "content": "a", "reasoning_content": null}, {"role": "assistant"},
            {"role": "assistant", "content": null,
             "tool_calls": [{"function": {"name": "f", "arguments": ""}}, {"function": {"name": "g"}}]},
            {"role": "tool", "content": "1", "tool_call_id": null}]})");
    ASSERT_TRUE(rendered.status) << rendered.status.text;
    EXPECT_EQ(rendered.prompt(), "<|user|>a<|end|><|assistant|><|end|><|assistant|><|end|><|tool|>1<|end|><|assistant|>");
}

TEST(ChatTemplates, RefuseAChatInTheTemplatesOwnWords) {
    const Rendered rendered = Chat(kTagged).render(R"({"messages": [{"role": "assistant", "content": "a"}]})");
    EXPECT_EQ(rendered.status.code, Code::bad_request);
    EXPECT_EQ(rendered.status.text, "The first turn must be the user's");
}

TEST(ChatTemplates, RefuseMalformedRequestsWithAReason) {
    const Chat chat(kTagged);
    for (const char * request :
         {"", "[]", "{", "{}", R"({"messages": 1})", R"({"messages": [1]})", R"({"messages": [{"content": "a"}]})",
          R"({"messages": [{"role": 1, "content": "a"}]})", R"({"messages": [{"role": "user", "content": 1}]})",
          R"({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]})",
          R"({"messages": [{"role": "user", "tool_calls": [1]}]})", R"({"messages": [], "tools": 1})",
          R"({"messages": [], "tools": [{"type": "function"}]})", R"({"messages": [], "enable_thinking": "no"})",
          R"({"messages": [], "reasoning_effort": 1})", R"({"messages": [], "continue_final_message": 1})"}) {
        const Rendered rendered = chat.render(request);
        EXPECT_EQ(rendered.status.code, Code::bad_request) << request;
        EXPECT_FALSE(rendered.status.text.empty()) << request;
        EXPECT_EQ(rendered.status.text.find("http"), std::string::npos) << rendered.status.text;
        EXPECT_EQ(rendered.status.text.find('\n'), std::string::npos) << rendered.status.text;
    }
}

TEST(ChatTemplates, SayThatAModelHasNone) {
    const Chat chat("");
    EXPECT_EQ(chat.opened.code, Code::model_error);
    EXPECT_EQ(chat.opened.text, "the model has no chat template");
}

TEST(ChatTemplates, SayWhyOneDoesNotCompile) {
    const Chat chat("{% for message in %}");
    EXPECT_EQ(chat.opened.code, Code::model_error);
    EXPECT_GT(chat.opened.text.size(), std::string("the model's chat template does not compile: ").size());
    EXPECT_EQ(chat.opened.text.find("it cannot be used"), std::string::npos);
}

TEST(ChatTemplates, MayBeRenderedByManyThreads) {
    const Chat chat(kThinking);
    const std::string expected = chat.render(kHello).prompt();
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] { for (int k = 0; k < 5; ++k) EXPECT_EQ(chat.render(kHello).prompt(), expected); });
    }
    for (std::thread & thread : threads) thread.join();
}

TEST(ChatTemplates, OfARealModelWriteItsTurns) {
    const char * path = std::getenv("PYOLLAMA_TEST_GGUF");
    if (path == nullptr) GTEST_SKIP() << "PYOLLAMA_TEST_GGUF names no model";
    const Chat chat(load_vocab(std::string(path)));
    ASSERT_TRUE(chat.opened) << chat.opened.text;
    const Rendered rendered = chat.render(kHello);
    ASSERT_TRUE(rendered.status) << rendered.status.text;
    EXPECT_NE(rendered.prompt().find("Hello"), std::string::npos);
    EXPECT_FALSE(rendered.result.at("generation_prompt").get<std::string>().empty());
}

}  // namespace
}  // namespace po
