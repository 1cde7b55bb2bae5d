"""Label selectors say and select what apimachinery's pkg/labels does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.labels import (
    EVERYTHING,
    NOTHING,
    Requirement,
    Selector,
    from_label_selector,
    from_set,
    parse_selector,
)


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ("", {}, True),
        ("app=web", {"app": "web"}, True),
        ("app=web", {"app": "db"}, False),
        ("app==web", {}, False),
        ("app!=web", {}, True),
        ("app!=web", {"app": "web"}, False),
        ("app in (web, db)", {"app": "db"}, True),
        ("app in (web,db)", {}, False),
        ("app notin (web)", {}, True),
        ("app notin (web)", {"app": "web"}, False),
        ("app", {"app": ""}, True),
        ("!app", {"app": ""}, False),
        ("! app", {}, True),
        ("app,!tier", {"app": "x", "tier": "y"}, False),
        ("cores>4", {"cores": "8"}, True),
        ("cores>4", {"cores": "4"}, False),
        ("cores<4", {"cores": "many"}, False),
        ("cores<4", {}, False),
        ("app=", {"app": ""}, True),
        ("app=", {}, False),
        ("in in (in),notin", {"in": "in", "notin": ""}, True),
        ("a in (,)", {"a": ""}, True),
        ("example.com/app=web", {"example.com/app": "web"}, True),
    ],
)
def test_matches(text, labels, expected):
    assert parse_selector(text).matches(labels) is expected


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("b=1, a in (z,y,y) ,!c", "a in (y,z),b=1,!c"),
        ("x notin ()", "x notin ()"),
        ("a==1,b!=2,c>3,d<4,e", "a==1,b!=2,c>3,d<4,e"),
        ("x in (foo,,baz),y,z notin ()", "x in (,baz,foo),y,z notin ()"),
    ],
)
def test_prints_sorted_by_key(text, printed):
    assert str(parse_selector(text)) == printed


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("app in (", "unable to parse requirement: found '', expected: ',', ')' or identifier"),
        ("a,", "found '', expected: identifier after ','"),
        ("=a", "found '=', expected: !, identifier, or 'end of string'"),
        ("a=b c", "found 'c', expected: ',' or 'end of string'"),
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("a in b", "unable to parse requirement: found 'b' expected: '('"),
        ("a in (b c)", "unable to parse requirement: found 'c', expected: ',' or ')'"),
        ("a=(", "unable to parse requirement: found '(', expected: identifier"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
        ("a in (b,", "unable to parse requirement: found '', expected: ',', or identifier"),
        (
            "a>x",
            "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must "
            "be an integer",
        ),
    ],
)
def test_says_what_cannot_be_read(text, error):
    with pytest.raises(ValueError) as caught:
        parse_selector(text)
    assert str(caught.value) == error


def test_bad_keys_and_values_are_named():
    with pytest.raises(ValueError, match=r'^unable to parse requirement: <nil>: Invalid value: "a/b/c": a valid label'):
        parse_selector("a/b/c=1")
    with pytest.raises(ValueError, match=r'values\[0\]\[a\]: Invalid value: "b/c": a valid label must be an empty'):
        parse_selector("a=b/c")
    with pytest.raises(ValueError, match="name part must be no more than 63 bytes"):
        parse_selector("a" * 64)


def test_a_label_selector_of_the_api():
    selector = from_label_selector(
        {
            "matchLabels": {"app": "web"},
            "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["a", "b"]},
                {"key": "canary", "operator": "DoesNotExist"},
            ],
        }
    )
    assert str(selector) == "app=web,!canary,tier in (a,b)"
    assert selector.matches({"app": "web", "tier": "b"})
    assert not selector.matches({"app": "web", "tier": "b", "canary": ""})


def test_none_selects_nothing_and_empty_selects_everything():
    assert from_label_selector(None) is NOTHING
    assert not NOTHING.matches({})
    assert not NOTHING.empty
    assert from_label_selector({}) is EVERYTHING
    assert EVERYTHING.matches(None)
    assert from_set({}) is EVERYTHING


def test_a_label_selector_with_errors():
    with pytest.raises(ValueError, match=r'^"Is" is not a valid label selector operator$'):
        from_label_selector({"matchExpressions": [{"key": "a", "operator": "Is"}]})
    with pytest.raises(ValueError, match="values set can't be empty"):
        from_label_selector({"matchExpressions": [{"key": "a", "operator": "In"}]})


def test_the_value_that_a_key_must_have():
    selector = parse_selector("a=1,b in (2),c in (3,4),d!=5")
    assert [selector.requires_exact(key) for key in "abcde"] == ["1", "2", None, None, None]


KEYS = st.sampled_from(["a", "b", "example.com/c"])
VALUES = st.sampled_from(["", "1", "2", "x-y"])
REQUIREMENTS = st.one_of(
    st.builds(lambda k, v: Requirement(k, "=", (v,)), KEYS, VALUES),
    st.builds(lambda k, v: Requirement(k, "!=", (v,)), KEYS, VALUES),
    st.builds(lambda k, v: Requirement(k, "in", tuple(sorted(v))), KEYS, st.sets(VALUES, min_size=1)),
    st.builds(lambda k, v: Requirement(k, "notin", tuple(sorted(v))), KEYS, st.sets(VALUES, min_size=1)),
    st.builds(lambda k: Requirement(k, "exists"), KEYS),
    st.builds(lambda k: Requirement(k, "!"), KEYS),
)


@given(st.lists(REQUIREMENTS))
def test_what_is_printed_is_read_back(requirements):
    selector = Selector(requirements)
    assert parse_selector(str(selector)) == selector


@given(REQUIREMENTS, st.dictionaries(KEYS, VALUES))
def test_every_operator_has_its_opposite(requirement, labels):
    opposites = {"=": "!=", "!=": "=", "in": "notin", "notin": "in", "exists": "!", "!": "exists"}
    opposite = requirement._replace(op=opposites[requirement.op])
    assert Selector([requirement]).matches(labels) != Selector([opposite]).matches(labels)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text):
    try:
        parse_selector(text)
    except ValueError as problem:
        assert str(problem)
