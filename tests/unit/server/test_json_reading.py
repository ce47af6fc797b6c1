"""JSON of request bodies as Go's decoder reads it, small and in pieces. Names carry the checklist's ids."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyollama.errors import BadRequest, MissingBody, TruncatedJson
from pyollama.native import _json
from pyollama.server import json_reading
from pyollama.server.json_reading import read_json, read_large_json
from pyollama.wire.ollama import (
    ChatRequest,
    CopyRequest,
    CreateRequest,
    EmbeddingsRequest,
    EmbedRequest,
    GenerateRequest,
    ShowRequest,
)


def read_in_pieces(data: bytes, kind: Any) -> Any:
    return read_large_json(data, kind, lambda: False)


both = pytest.mark.parametrize("read", [read_json, read_in_pieces])


@pytest.mark.parametrize("body", [b"", b" \r\n\t"])
def test_a_body_is_needed(body: bytes) -> None:
    with pytest.raises(MissingBody):
        read_json(body, ShowRequest)


@pytest.mark.parametrize("body", [b"{", b'{"model"', b'{"model":"a', b'{"verbose":tr', b"  [", b'{"options":{"a":[1,'])
def test_a_cut_off_value_is_an_unexpected_end(body: bytes) -> None:
    with pytest.raises((TruncatedJson, BadRequest)):
        read_json(body, GenerateRequest)


@pytest.mark.parametrize("rest", [b"x", b" {}", b"]", b"\n\nnull", b"\x00", b"\xff"])
def test_what_follows_the_first_value_is_ignored(rest: bytes) -> None:
    assert read_json(b'{"model":"a"}' + rest, ShowRequest).model == "a"


def test_null_stands_for_an_empty_object_and_null_fields_for_absent_ones() -> None:
    assert read_json(b"null", ChatRequest) == ChatRequest()
    assert read_json(b'{"model":null,"messages":null,"stream":null}', ChatRequest) == ChatRequest()


def test_half_a_surrogate_pair_becomes_the_replacement_character() -> None:
    assert read_json(b'{"prompt":"\\ud83d!"}', GenerateRequest).prompt == "\ufffd!"
    assert read_json(b'{"prompt":"\\ud83d\\ude00"} \\ud83d', GenerateRequest).prompt == "\U0001f600"


def test_a_format_is_kept_as_written() -> None:
    assert bytes(read_json(b'{"format": {"a" : 1}}', GenerateRequest).format) == b'{"a" : 1}'


def test_the_error_says_where_in_the_request() -> None:
    with pytest.raises(BadRequest, match=r"ChatRequest\.messages\.content of type string"):
        read_json(b'{"messages":[{"content":"a"},{"content":5}]}', ChatRequest)


def test_create_accepts_a_license_of_two_forms() -> None:
    assert read_json(b'{"license":"a"}', CreateRequest).license == "a"
    assert read_json(b'{"license":["a","b"]}', CreateRequest).license == ["a", "b"]


# --- the words of Go's decoder, taken from a run beside a real Ollama -------------------------------------------------


@both
@pytest.mark.parametrize(
    ("kind", "body", "error"),
    [
        (GenerateRequest, "[]", "json: cannot unmarshal array into Go value of type api.GenerateRequest"),
        (ChatRequest, '"x"', "json: cannot unmarshal string into Go value of type api.ChatRequest"),
        (EmbedRequest, "[]", "json: cannot unmarshal array into Go value of type api.EmbedRequest"),
        (EmbeddingsRequest, "[]", "json: cannot unmarshal array into Go value of type api.EmbeddingRequest"),
        (ChatRequest, '{"model":5}', "number into Go struct field ChatRequest.model of type string"),
        (EmbeddingsRequest, '{"model":5}', "number into Go struct field EmbeddingRequest.model of type string"),
        (CopyRequest, '{"source":5}', "number into Go struct field CopyRequest.source of type string"),
        (ChatRequest, '{"stream":"yes"}', "string into Go struct field ChatRequest.stream of type bool"),
        (
            GenerateRequest,
            '{"options":[]}',
            "array into Go struct field GenerateRequest.options of type map[string]interface {}",
        ),
        (ChatRequest, '{"messages":{}}', "object into Go struct field ChatRequest.messages of type []api.Message"),
        (ChatRequest, '{"messages":["x"]}', "string into Go struct field ChatRequest.messages of type api.Alias"),
        (
            ChatRequest,
            '{"messages":[{"role":5}]}',
            "number into Go struct field ChatRequest.messages.role of type string",
        ),
        (
            ChatRequest,
            '{"messages":[{"role":"user","content":["a"]}]}',
            "array into Go struct field ChatRequest.messages.content of type string",
        ),
        (GenerateRequest, '{"raw":1}', "number into Go struct field GenerateRequest.raw of type bool"),
        (GenerateRequest, '{"context":["a"]}', "string into Go struct field GenerateRequest.context of type int"),
        (GenerateRequest, '{"context":[1.5]}', "number 1.5 into Go struct field GenerateRequest.context of type int"),
        (
            GenerateRequest,
            '{"images":"x"}',
            "string into Go struct field GenerateRequest.images of type []api.ImageData",
        ),
        (
            GenerateRequest,
            '{"top_logprobs":"a"}',
            "string into Go struct field GenerateRequest.top_logprobs of type int",
        ),
        (GenerateRequest, '{"template":[]}', "array into Go struct field GenerateRequest.template of type string"),
        (ChatRequest, '{"tools":{}}', "object into Go struct field ChatRequest.tools of type api.Tools"),
        (ChatRequest, '{"tools":[1]}', "number into Go struct field ChatRequest.tools of type api.Tool"),
        (
            ChatRequest,
            '{"messages":[{"tool_calls":[{"function":{"name":"f","arguments":"x"}}]}]}',
            "string into Go struct field ChatRequest.messages.tool_calls.function.arguments of type map[",
        ),
        (GenerateRequest, '{"context":[99999999999999999999]}', "number 99999999999999999999 into Go struct field "),
        (
            GenerateRequest,
            f'{{"options":{{"a":{"9" * 400}}}}}',
            " into Go struct field GenerateRequest.options of type float64",
        ),
        (GenerateRequest, '{"options":{"a":[1e400]}}', "number 1e400 into Go struct field GenerateRequest.options of "),
        (
            GenerateRequest,
            f'{{"options":{{"a":{"9" * 9000}}}}}',
            "cannot unmarshal number into Go value of type float64",
        ),
    ],
)
def test_a014_a_wrong_type_is_told_in_gos_words(read: Any, kind: Any, body: str, error: str) -> None:
    with pytest.raises(BadRequest, match=re.escape(error)):
        read(body.encode(), kind)


@both
@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"xyz", "invalid character 'x' looking for beginning of value"),
        (b'{"model":"a",}', "invalid character '}' looking for beginning of object key string"),
        (b'{"model":"a" "x"}', "invalid character '\"' after object key:value pair"),
        (b"{'model':'x'}", "invalid character '\\'' looking for beginning of object key string"),
        (b'{"a":\x01}', "invalid character '\\x01' looking for beginning of value"),
        (b'{"model":"\x01"}', "invalid character '\\x01' in string literal"),
        (b'{"model":nul}', "invalid character '}' in literal null (expecting 'l')"),
        (b'{"a" 1}', "invalid character '1' after object key"),
        (b'{"a":[1 2]}', "invalid character '2' after array element"),
        (b'{"a":01}', "invalid character '1' after object key:value pair"),
        (b'{"a":-x}', "invalid character 'x' in numeric literal"),
        (b'{"a":1.}', "invalid character '}' after decimal point in numeric literal"),
        (b'{"a":1e}', "invalid character '}' in exponent of numeric literal"),
        (b'{"a":"\\q"}', "invalid character 'q' in string escape code"),
        (b'{"a":"\\u12g4"}', "invalid character 'g' in \\u hexadecimal character escape"),
        (b"\xff", "invalid character '\u00ff' looking for beginning of value"),
        (b"[" * 1000, "exceeded max depth"),
    ],
)
def test_a013_malformed_json_is_told_in_gos_words(read: Any, body: bytes, error: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read(body, ChatRequest)
    assert str(caught.value) == error


def test_parameters_may_not_nest_for_ever() -> None:
    body = '{"parameters":{"a":' + "[" * 900 + "]" * 900 + "}}"
    with pytest.raises(BadRequest, match="exceeded max depth"):
        read_json(body.encode(), CreateRequest)


# --- bodies as clients really send them -------------------------------------------------------------------------------


@both
def test_a420_bytes_that_are_no_utf8_become_replacement_characters(read: Any) -> None:
    body = b'{"prompt":"caf\xe9 \xe4\xb8 \xff\xff","options":{"\xfc":1}}'
    found = read(body, GenerateRequest)
    assert found.prompt == "caf\ufffd \ufffd\ufffd \ufffd\ufffd"
    assert found.options == {"\ufffd": 1}


@both
def test_a421_keys_match_without_regard_to_case(read: Any) -> None:
    body = b'{"MODEL":"a","Messages":[{"Role":"user","CONTENT":"hi"}],"Options":{"TopK":1},"Keep_Alive":5}'
    found = read(body, ChatRequest)
    assert (found.model, found.keep_alive, found.options) == ("a", 5, {"TopK": 1})
    assert (found.messages[0].role, found.messages[0].content) == ("user", "hi")


@both
@pytest.mark.parametrize("body", [b'{"Model":"a","model":"b"}', b'{"model":"b","MODEL":"a"}'])
def test_a421_an_exact_key_wins(read: Any, body: bytes) -> None:
    assert read(body, ChatRequest).model == "b"


@both
def test_a421_a_format_is_found_too(read: Any) -> None:
    assert bytes(read(b'{"Format": {"A" : 1}}', GenerateRequest).format) == b'{"A" : 1}'


@both
def test_a422_a_nested_null_is_absent(read: Any) -> None:
    body = """{"messages":[{"role":null,"content":null,"tool_calls":[{"id":null,"function":null}]}, null],
               "tools":[{"type":null,"function":{"name":"f","parameters":null}}, {"function":{"parameters":
               {"type":null,"required":null,"properties":null}}}], "context": null, "options": {"a": null}}"""
    found = read(body.encode(), ChatRequest)
    assert found == read(
        b'{"messages":[{"tool_calls":[{}]},{}],"tools":[{"function":{"name":"f"}},{"function":{"parameters":{}}}],'
        b'"options":{"a":null}}',
        ChatRequest,
    )
    assert found.tools[0].type == "function"


@both
def test_a429_loose_tool_schemas_are_accepted(read: Any) -> None:
    body = """{"tools":[{"function":{"name":"f","parameters":{"type":["object","null"],"properties":[]}}},
              {"function":{"name":"g","parameters":{"properties":{"a":true,"b":{"type":"string"}}}}}]}"""
    first, second = (tool.function.parameters for tool in read(body.encode(), ChatRequest).tools)
    assert (first.type, first.properties) == (["object", "null"], {})
    assert second.properties == {"a": True, "b": {"type": "string"}}


@both
@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("{}", {}),
        ("", {}),
        (" ", {}),
        ("null", {}),
        ('{"b":1234567890123456789,"a":[null]}', {"b": 1234567890123456789, "a": [None]}),
    ],
)
def test_a122_arguments_as_text_are_parsed(read: Any, text: str, arguments: dict[str, Any]) -> None:
    call = {"function": {"name": "f", "arguments": text}}
    found = read(json.dumps({"messages": [{"tool_calls": [call]}]}).encode(), ChatRequest)
    made = found.messages[0].tool_calls[0].function.arguments
    assert made == arguments and list(made) == list(arguments)


@both
@pytest.mark.parametrize("text", ["x", "[]", "5", '"a"', '{"a":', "[" * 500])
def test_a122_other_text_is_refused(read: Any, text: str) -> None:
    call = {"function": {"name": "f", "arguments": text}}
    with pytest.raises(BadRequest, match="arguments"):
        read(json.dumps({"messages": [{"tool_calls": [call]}]}).encode(), ChatRequest)


@both
@pytest.mark.parametrize(
    ("digits", "value"),
    [
        ("1234567890123456789", 1234567890123456789),
        ("18446744073709551615", 18446744073709551615),
        ("1" + "0" * 20, 1e20),
    ],
)
def test_a430_integers_of_64_bits_keep_their_digits(read: Any, digits: str, value: float) -> None:
    found = read(f'{{"options":{{"seed":{digits},"Other":[{digits}]}}}}'.encode(), GenerateRequest).options
    assert (found["seed"], type(found["seed"])) == (value, type(value))
    assert found["Other"] == [value]


# --- large bodies -----------------------------------------------------------------------------------------------------

texts = st.one_of(st.text(max_size=20), st.integers(0, 3).map(lambda n: f'\n"{chr(233 + n * 30000)}' * 30_000))
values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(1 << 63), (1 << 64) - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        texts,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=10,
)
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "Tool"])},
        optional={"content": texts, "thinking": st.none(), "images": st.lists(texts)},
    ),
    max_size=5,
)


@settings(max_examples=30)
@given(messages, values, st.sampled_from([0, 5000]), st.booleans(), st.sampled_from(["options", "Options"]))
def test_a_body_in_pieces_is_the_body_as_a_whole(
    turns: list[dict[str, Any]], free: Any, n_more: int, ascii_only: bool, key: str
) -> None:
    body = {
        "model": "m",
        key: {"a": free, "A": free},
        "unknown": [free] * 3,
        "messages": [*turns, *[{"role": "user", "content": "hi"}] * n_more, *turns],
        "format": {"f": free},
    }
    data = json.dumps(body, ensure_ascii=ascii_only).encode()
    whole = read_json(data, ChatRequest)
    assert read_in_pieces(data, ChatRequest) == whole
    assert len(whole.messages or ()) == len(turns) * 2 + n_more
    assert whole.options == body[key]
    assert msgspec.json.decode(whole.format) == body["format"]


@given(values)
def test_any_value_is_seen_to_its_end(value: Any) -> None:
    data = json.dumps(value).encode()
    seen = _json.scan(data + b" x", 1 << 16, 512, 1 << 20)
    assert (seen.error, seen.end, seen.is_clean) == (None, len(data), True)


@given(values, st.integers(0, 200), st.sampled_from(b'\\"{}[],: 0-.eEtn\x01\x80'))
def test_what_python_refuses_is_refused(value: Any, where: int, byte: int) -> None:
    data = bytearray(json.dumps([value]).encode())
    data[where % len(data)] = byte
    seen = _json.scan(bytes(data), 1 << 16, 512, 1 << 20)
    try:
        _, end = json.JSONDecoder(parse_constant=_refuse).raw_decode(data.decode("latin-1").lstrip(" "))
    except ValueError:
        assert seen.error is not None
    else:
        assert seen.error is None
        assert seen.end == end + len(data) - len(data.lstrip(b" "))


def _refuse(name: str) -> None:
    raise ValueError(name)


@given(st.text())
def test_a_long_string_is_read_as_any_other(text: str) -> None:
    for data in (json.dumps(text).encode(), json.dumps(text, ensure_ascii=False).encode("utf-8", "replace")):
        assert _json.text(data, 1, len(data) - 1) == json.loads(data)


@given(st.binary(max_size=60))
def test_any_bytes_are_cleaned_to_text(data: bytes) -> None:
    body = b'"' + data.replace(b'"', b"").replace(b"\\", b"").translate(None, bytes(range(32))) + b'"'
    clean = bytes(_json.cleaned(body, len(body)))
    assert json.loads(clean) == _json.text(body, 1, len(body) - 1)
    assert _json.scan(clean, 1 << 16, 512, 10).is_clean


def test_too_many_values_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_reading, "MAX_VALUES", 1000)
    with pytest.raises(BadRequest, match="more than 1000 values"):
        read_json(json.dumps({"context": [1] * 1000}).encode(), GenerateRequest)


@pytest.mark.parametrize(
    "body",
    [
        {"options": {"a": [[]] * 60_000}},
        {"messages": [{"tool_calls": [{"function": {"arguments": {"a": [1] * 60_000}}}]}]},
        {"messages": [{"content": "x", "x" * (5 << 20): 1}]},
        {"x" * (5 << 20): 1},
        {"options": {"a": [" " * 60_000] * 100}},
    ],
)
def test_what_cannot_be_cut_may_not_be_large(body: Any) -> None:
    with pytest.raises(BadRequest, match="in one place"):
        read_in_pieces(json.dumps(body).encode(), ChatRequest)


def test_nobody_who_left_is_waited_for() -> None:
    data = json.dumps({"context": list(range(100_000))}).encode()
    asked: list[None] = []
    read_large_json(data, GenerateRequest, lambda: asked.append(None) or len(asked) > 2)
    assert len(asked) == 3
