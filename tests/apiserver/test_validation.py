"""What the server says of objects that it does not take: see the files in refused/."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controlplane.apiserver.fields import FieldError, Raw, invalid, not_supported, required
from controlplane.apiserver.strategies.table import STRATEGIES
from tests.apiserver.checked import GOOD, changed, context, created, shortened, updated


def _refused() -> Iterator[Any]:
    for path in sorted((Path(__file__).parent / "refused").glob("*.txt")):
        for block in path.read_text().split("\n\n"):
            if block.startswith("#"):
                continue
            title, patch, *errors = block.strip().split("\n")
            kind = title.partition(":")[0]
            yield pytest.param(kind, json.loads(patch), [e.strip() for e in errors], id=title)


@pytest.mark.parametrize(("kind", "patch", "expected"), list(_refused()))
def test_what_is_wrong(kind: str, patch: dict[str, Any], expected: list[str]) -> None:
    assert [shortened(e) for e in created(changed(GOOD[kind], patch))[1]] == expected


def _refused_updates() -> Iterator[Any]:
    for block in (Path(__file__).parent / "refused" / "updates" / "all.txt").read_text().split("\n\n")[1:]:
        title, base, patch, *errors = block.strip().split("\n")
        kind = title.partition(":")[0]
        yield pytest.param(kind, json.loads(base), json.loads(patch), [e.strip() for e in errors], id=title)


@pytest.mark.parametrize(("kind", "base", "patch", "expected"), list(_refused_updates()))
def test_what_may_not_change(kind: str, base: dict[str, Any], patch: dict[str, Any], expected: list[str]) -> None:
    old, errors = created(changed(GOOD[kind], base))
    assert errors == []
    errors = updated(old, lambda obj: changed(obj, patch), status=set(patch) == {"status"})[1]
    assert [shortened(e).replace("\n", "\\n") for e in errors] == expected


@pytest.mark.parametrize("kind", GOOD)
def test_no_change_is_good(kind: str) -> None:
    old = created(GOOD[kind])[0]
    for status in (False, True):
        new, errors = updated(old, lambda obj: obj, status=status)
        assert (new, errors) == (old, [])


def test_what_is_wrong_with_metadata_is_said_twice() -> None:
    """Upstream checks the metadata of every update for all kinds, and then for the kind."""
    old, _ = created(GOOD["Lease"])
    old["metadata"]["resourceVersion"] = "1"
    new = changed(old, {"metadata": {"labels": {"a b": "c"}}})
    strategy = STRATEGIES["coordination.k8s.io", "Lease"]
    strategy.prepare_for_update(new, old, context())
    assert len([e for e in strategy.validate_update(new, old, context()) if e.path == "metadata.labels"]) == 2


@pytest.mark.parametrize("kind", GOOD)
def test_nothing_is_wrong(kind: str) -> None:
    assert created(GOOD[kind])[1] == []


def test_the_long_messages() -> None:
    named = changed(GOOD["Pod"], {"metadata": {"labels": {"a b": "c d"}}, "spec": {"hostname": "A_"}})
    end = "must start and end with an alphanumeric character (e.g. "
    assert created(named)[1] == [
        "metadata.labels: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', "
        f"and {end}'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
        "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
        'metadata.labels: Invalid value: "c d": a valid label must be an empty string or consist of alphanumeric '
        f"characters, '-', '_' or '.', and {end}'MyValue',  or 'my_value',  or '12345', regex used for validation is "
        "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
        'spec.hostname: Invalid value: "A_": a lowercase RFC 1123 label must consist of lower case alphanumeric '
        f"characters or '-', and {end}'my-name',  or '123-abc', regex used for validation is "
        "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
    ]


@pytest.mark.parametrize(
    ("kind", "patch", "expected"),
    [
        ("ConfigMap", {"data": {"a": "x" * 1048577}}, "[]: Too long: may not be more than 1048576 bytes"),
        ("Secret", {"data": {"a": "eHh4" * 349527}}, "data: Too long: may not be more than 1048576 bytes"),
        (
            "Pod",
            {"metadata": {"annotations": {"a": "x" * 262144}}},
            "metadata.annotations: Too long: may not be more than 262144 bytes",
        ),
    ],
)
def test_too_much(kind: str, patch: dict[str, Any], expected: str) -> None:
    assert created(changed(GOOD[kind], patch))[1] == [expected]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (invalid("a.b", -1, "no"), "a.b: Invalid value: -1: no"),
        (invalid("a", 'x"y\n\x01é', "no"), 'a: Invalid value: "x\\"y\\n\\x01é": no'),
        (invalid("a", None, "no"), "a: Invalid value: null: no"),
        (invalid("a", True, "no"), "a: Invalid value: true: no"),
        (invalid("a", {"b": [1, "<"], "a": {}}, "no"), 'a: Invalid value: {"a":{},"b":[1,"\\u003c"]}: no'),
        (invalid("a", Raw("&x"), ""), "a: Invalid value: &x"),
        (required("a"), "a: Required value"),
        (required("a", "why"), "a: Required value: why"),
        (not_supported("a", "x", ["b", "c"]), 'a: Unsupported value: "x": supported values: "b", "c"'),
    ],
)
def test_how_values_are_shown(error: FieldError, expected: str) -> None:
    assert str(error) == expected
    assert re.fullmatch(r"FieldValue\w+", error.reason)
    assert error == FieldError(error.reason, error.path, error.message)
