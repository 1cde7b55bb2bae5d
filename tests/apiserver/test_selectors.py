"""Field selectors: their escapes, and which kind has which fields."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.apiserver.errors import StatusError
from controlplane.apiserver.selectors import FieldRequirement, label_selector, object_selector, parse_field_selector


def selects(obj, text, *args):
    select = object_selector(text, *args)
    return select is None or select(obj)


def refusal(text, *args):
    with pytest.raises(StatusError) as caught:
        object_selector(text, *args)
    assert (caught.value.code, caught.value.reason) == (400, "BadRequest")
    return caught.value.status["message"]


def test_terms_operators_and_escapes():
    selector = parse_field_selector(r"b!=2,a=1,,c==x\,y\=z\\")
    assert [tuple(r) for r in selector.requirements] == [("a", "=", "1"), ("b", "!=", "2"), ("c", "=", "x,y=z\\")]
    assert str(selector) == r"a=1,b!=2,c=x\,y\=z\\"
    assert selector.matches({"a": "1", "c": "x,y=z\\"})
    assert not selector.matches({"a": "1", "b": "2", "c": "x,y=z\\"})
    assert selector.requires_exact("a") == "1"
    assert selector.requires_exact("b") is None


def test_what_cannot_be_read():
    assert refusal("nonsense", "", "Pod") == "invalid selector: 'nonsense'; can't understand 'nonsense'"
    assert refusal(r"metadata.name=a\b", "", "Pod") == r"invalid field selector: invalid escape sequence: \b"
    assert refusal("metadata.name=a\\", "", "Pod") == "invalid field selector: invalid escape sequence: \\"
    assert refusal("metadata.name=a=b", "", "Pod") == "invalid field selector: unescaped character in value: 61"
    with pytest.raises(StatusError, match="unable to parse requirement"):
        label_selector("a in (")


def test_pods():
    pod = {
        "metadata": {"name": "p", "namespace": "ns"},
        "spec": {"nodeName": "n", "restartPolicy": "Never"},
        "status": {"phase": "Running"},
    }
    for text in (
        "metadata.name=p",
        "metadata.namespace=ns",
        "spec.nodeName=n",
        "spec.host=n",
        "spec.hostNetwork=false",
        "status.phase!=Failed,status.phase!=Succeeded",
        "status.podIP=",
    ):
        assert selects(pod, text, "", "Pod"), text
    assert not selects(pod, "spec.nodeName=", "", "Pod")
    assert refusal("spec.nope=1", "", "Pod") == "field label not supported: spec.nope"


def test_events_are_found_by_what_they_are_about():
    event = {"involvedObject": {"kind": "Pod", "name": "p"}, "source": {"component": "kubelet"}, "type": "Normal"}
    assert selects(event, "involvedObject.name=p,involvedObject.kind=Pod,source=kubelet", "", "Event")
    assert not selects(event, "type=Warning", "", "Event")


def test_other_kinds():
    assert object_selector("", "", "Pod") is None
    assert selects({"spec": {}}, "spec.unschedulable=false", "", "Node")
    assert selects({"spec": {"unschedulable": True}}, "spec.unschedulable=true", "", "Node")
    assert selects({"status": {}}, "status.successful=0", "batch", "Job")
    assert refusal("spec.x=1", "batch", "Job") == 'field label "spec.x" not supported for Job'
    assert refusal("spec.x=1", "apps", "Deployment") == (
        '"spec.x" is not a known field selector: only "metadata.name", "metadata.namespace"'
    )


def test_custom_resources_have_the_fields_that_their_definition_selects_by():
    assert selects({"spec": {"color": "red"}}, "spec.color=red", "example.com", "Widget", (".spec.color",))
    assert refusal("spec.size=1", "example.com", "Widget", ()) == "field label not supported: spec.size"
    assert selects({"metadata": {"namespace": "ns"}}, "metadata.namespace=ns", "example.com", "Widget", ())
    cluster_wide = refusal("metadata.namespace=ns", "example.com", "Widget", (), False)
    assert cluster_wide == "field label not supported: metadata.namespace"


@given(st.text(), st.sampled_from(["=", "!="]))
def test_any_value_survives_its_escapes(value, op):
    requirement = FieldRequirement("f", op, value)
    assert parse_field_selector(str(requirement)).requirements == (requirement,)


@given(st.text(alphabet="ab=!\\,"))
def test_any_text_is_read_or_refused(text):
    try:
        parse_field_selector(text)
    except StatusError as problem:
        assert problem.code == 400
