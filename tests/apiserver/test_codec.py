"""The JSON and YAML codec: one value for one text, with orjson and without, and Go's words for what is no JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.apiserver import codec
from controlplane.apiserver.codec import DecodeError, DuplicateDict

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(params=["orjson", "json"])
def either(request, monkeypatch):
    """Each of the two ways in which the codec can work."""
    if request.param == "json":
        monkeypatch.setattr(codec, "_orjson", None)
    return request.param


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "unexpected end of JSON input"),
        (b"{", "unexpected end of JSON input"),
        (b"tru", "unexpected end of JSON input"),
        (b'"a', "unexpected end of JSON input"),
        (b"1e", "unexpected end of JSON input"),
        (b"{not json", "invalid character 'n' looking for beginning of object key string"),
        (b'{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        (b'{"a" 1}', "invalid character '1' after object key"),
        (b'{"a":1 "b":2}', "invalid character '\"' after object key:value pair"),
        (b"[1 2]", "invalid character '2' after array element"),
        (b"[1,]", "invalid character ']' looking for beginning of value"),
        (b"nope", "invalid character 'o' in literal null (expecting 'u')"),
        (b"\x81", r"invalid character '\x81' looking for beginning of value"),
        (b'{"a":1} x', "invalid character 'x' after top-level value"),
        (b'"a\nb"', r"invalid character '\n' in string"),
        (rb'"\q"', r"invalid escape sequence `\q` in string"),
        (rb'"\u12x5"', r"invalid escape sequence `\u12x5` in string"),
        (rb'"\u12', "unexpected end of JSON input"),
        (b'"\\\t"', r'invalid escape sequence "\\\t" in string'),
        (b"-x", "invalid character 'x' in numeric literal"),
        (b"1.x", "invalid character 'x' in numeric literal"),
        (b"1ex", "invalid character 'x' in numeric literal"),
        (b"01", "invalid character '1' after top-level value"),
        (b"NaN", "invalid character 'N' looking for beginning of value"),
        (b"[" * 100_000, "exceeded max depth"),
        (b"[" * 300 + b"]" * 300, "exceeded max depth"),
        (b"1e999", "json: cannot unmarshal number 1e999 into Go value of type float64"),
    ],
)
def test_what_is_no_json_is_told_in_gos_words(raw, message, either):
    with pytest.raises(DecodeError) as caught:
        codec.decode(raw)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b" [1, 2] ", [1, 2]),
        (b"123456789012345678901234567890", 123456789012345678901234567890),
        (b"-9223372036854775809", -9223372036854775809),
        (b'"a\xffb"', "a\ufffdb"),
        (rb'"\ud800"', "\ufffd"),
        (rb'{"\ud800": "\ud83d\ude00"}', {"\ufffd": "\U0001f600"}),
        (b"1.0", 1.0),
        (b"[" * 200 + b"]" * 200, None),
    ],
)
def test_values_that_decoders_differ_on(raw, value, either):
    found = codec.decode(raw)
    if value is not None:
        assert found == value
        assert type(found) is type(value)


@given(JSON)
def test_what_is_encoded_comes_back(value):
    assert codec.decode(codec.encode(value)) == value


@given(JSON)
def test_both_ways_agree(value):
    raw = json.dumps(value).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec, "_orjson", None)
        slow, encoded = codec.decode(raw), codec.encode(value)
    assert codec.decode(raw) == slow
    assert json.loads(encoded) == value


@given(st.binary(max_size=40))
def test_no_bytes_raise_anything_else(raw):
    for decode in (codec.decode, codec.decode_noting_duplicates, codec.decode_yaml):
        try:
            decode(raw)
        except DecodeError as problem:
            assert str(problem)


@given(st.text(alphabet='{}[]",:0123456789.eE+-truefalsn\\u \n', max_size=30))
def test_every_text_that_is_no_json_gets_a_reason(text):
    try:
        json.loads(text)
    except ValueError:
        with pytest.raises(DecodeError) as caught:
            codec.decode(text.encode())
        assert str(caught.value) != ""


def test_keys_keep_their_order(either):
    assert codec.encode({"b": 1, "a": {"d": 2, "c": 3}}) == b'{"b":1,"a":{"d":2,"c":3}}'


def test_text_that_is_no_unicode_is_replaced(either):
    assert codec.encode({"a": "\ud800"}) == '{"a":"\ufffd"}'.encode()


def test_a_repeated_key_is_noted_and_its_last_value_counts():
    value = codec.decode_noting_duplicates(b'{"a":1,"b":{"c":1,"c":2,"c":3}}')
    assert value == {"a": 1, "b": {"c": 3}}
    assert isinstance(value["b"], DuplicateDict)
    assert value["b"].duplicates == ["c", "c"]
    assert not isinstance(value, DuplicateDict)


def test_a_copy_shares_nothing():
    value = {"a": [{"b": 1}], "c": {}}
    copied = codec.copy_json(value)
    copied["a"][0]["b"] = 2
    assert value == {"a": [{"b": 1}], "c": {}}


def test_a_copy_is_plain():
    value = codec.decode_noting_duplicates(b'{"a":[{"b":1,"b":2}]}')
    copied = codec.copy_json(value)
    assert copied == {"a": [{"b": 2}]} and type(copied["a"][0]) is dict


def test_yaml_reads_as_json_would():
    text = b"a: 2020-01-01\n1: yes\ntrue: 1e3\nb: 0x10\nc: ~\nd: [1, '2']\n"
    assert codec.decode_yaml(text) == {"a": "2020-01-01", "1": True, "true": 1000.0, "b": 16, "c": None, "d": [1, "2"]}


def test_a_key_that_is_repeated_in_yaml_is_noted():
    value = codec.decode_yaml(b"a: 1\nb: 2\na: 3\n")
    assert value == {"a": 3, "b": 2}
    assert isinstance(value, DuplicateDict) and value.duplicates == ["a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"a: [", "did not find expected node content"),
        (b"x: 1\na: [1, 2\nb: 1\n", "line 1: did not find expected ',' or ']'"),
        (b"a: 1\nb: c: d\n", "line 2: mapping values are not allowed in this context"),
        (b"a: 1\n- b\n", "line 1: did not find expected key"),
        (b"a: *b", "unknown anchor 'b' referenced"),
        (b"a:\n\t- b\n", "line 2: found character that cannot start any token"),
        (b"\x00", "control characters are not allowed"),
    ],
)
def test_what_is_no_yaml_is_told_in_gos_words(text, message):
    with pytest.raises(DecodeError) as caught:
        codec.decode_yaml(text)
    assert str(caught.value) == f"yaml: {message}"


@pytest.mark.parametrize("text", [b"&a [*a]", b"!!python/object:os.system {}", b".inf", b"? [a]\n: b", b"\xff"])
def test_yaml_that_json_cannot_say_is_refused(text):
    with pytest.raises(DecodeError):
        codec.decode_yaml(text)


def test_a_few_lines_of_yaml_cannot_fill_the_memory():
    lines = ["a0: &a0 [x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    with pytest.raises(DecodeError, match="excessive aliasing"):
        codec.decode_yaml("\n".join(lines).encode())
    assert codec.decode_yaml(b"a: &a {b: 1}\nc: *a\n") == {"a": {"b": 1}, "c": {"b": 1}}
