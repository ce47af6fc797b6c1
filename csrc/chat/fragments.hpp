// Which text of a prompt the chat template wrote, and which came from the chat. Private to csrc/chat.
#pragma once
#include <string>
#include <vector>

#include "jinja/string.h"

namespace po {

// Text of the template, text of the data, text of the template, and so on; the first may be empty.
class Fragments {
  public:
    void add(const std::string & text, size_t begin, size_t size, bool is_data);
    const std::vector<std::string> & list() const { return list_; }

  private:
    std::vector<std::string> list_{""};
};

// What the library writes behind a rendering where the last message is to be continued.
struct Continuation {
    std::string before;     // its own
    std::string reasoning;  // of the message
    std::string between;    // its own
    std::string content;    // of the message

    std::string text() const { return before + reasoning + between + content; }
};

// The marks of a rendering, put on the prompt that the library made of it: maybe cut at the end, maybe with more text
// behind, which is `more` where it is given. Text whose origin is not certain is data.
Fragments mark_prompt(const std::string & prompt, const jinja::po_rendering & rendering, const Continuation * more);

}  // namespace po
