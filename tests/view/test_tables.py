"""Tables, message diagrams and ownership: each tells in words what it shows."""

from __future__ import annotations

from controlplane.view.grid import grid, html
from controlplane.view.messages import messages
from controlplane.view.owners import Obj, owners


def test_a_table_is_also_plain_text() -> None:
    rows = {"ann": {"read": "yes", "write": "✗ no"}, "bob": {"read": "yes"}}
    assert grid(rows, "Who may what") == "Who may what\n     read  write\nann  yes   ✗ no\nbob  yes"


def test_equal_cells_have_equal_colours_and_refusals_are_red() -> None:
    shown = html({"a": {"x": "1", "y": "2"}, "b": {"x": "1", "y": "✗ no"}}, "A table of four cells")
    assert shown.count("background:#ddf4ff") == 2 and shown.count("background:#ffebe9") == 1
    assert "A table of four cells</figcaption>" in shown


def test_text_is_escaped() -> None:
    shown = html({"<a>": {"b": "<c>"}}, "A table of one cell")
    assert "&lt;a&gt;" in shown and "&lt;c&gt;" in shown and "<c>" not in shown


def test_messages_are_told_in_order() -> None:
    alt = messages(["Ann", "door"], [("Ann", "door", "GET"), ("door", "door", "thinks"), ("door", "Ann", "✗ 404")])
    assert alt == "Messages in order. Ann to door: GET; door: thinks; door to Ann: ✗ 404."


def test_owners_of_fields() -> None:
    containers: Obj = {'k:{"name":"app"}': {".": {}, "f:image": {}}}
    fields: Obj = {"f:spec": {"f:replicas": {}, "f:containers": containers}, "f:metadata": {"f:labels": {}}}
    managed = [{"manager": "team", "operation": "Apply", "fieldsV1": fields}]
    told = owners({"kind": "Deployment", "metadata": {"name": "web", "managedFields": managed}}, "spec").splitlines()
    assert [line.split() for line in told[2:]] == [
        ["spec.replicas", "Apply"],
        ["spec.containers[name=app].image", "Apply"],
    ]
