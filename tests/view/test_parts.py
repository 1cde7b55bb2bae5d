"""Bars made of parts."""

from typing import Any

import pytest

from controlplane.cluster import Cluster
from controlplane.view import parts as view


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The figures that would have been shown."""
    figures: list[Any] = []

    def show(figure: object, alt: str) -> str:
        figures.append(figure)
        return alt

    monkeypatch.setattr(view, "show", show)
    return figures


def test_parts_follow_each_other(drawn: list[Any]) -> None:
    text = view.parts({"a": {"x": 1, "y": 2}, "b": {}}, "points", {"a": 4})
    assert text == "Bars in parts, points. a: x 1, y 2, of 4; b: nothing."
    [axes] = drawn[0].axes
    bars = [(bar.get_x(), bar.get_width()) for bar in axes.patches]
    assert bars == [(0, 1), (1, 2), (0, 4), (0, 0)]
    assert [text.get_text() for text in axes.texts] == ["x\n1", "y\n2"]
    assert axes.get_legend() is None


def test_parts_that_rows_share_are_named_in_a_legend(drawn: list[Any]) -> None:
    view.parts({"a": {"x": 1}, "b": {"x": 3, "y": 2}}, "points")
    [axes] = drawn[0].axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["x", "y"]
    assert [text.get_text() for text in axes.texts] == ["1", "3", "2"]


def test_what_fills_the_nodes(drawn: list[Any]) -> None:
    cluster = Cluster(nodes=2, capacity={"cpu": "2"}, scheduler=None)
    cluster.run_for(1)
    for name, cpu in (("one", "500m"), ("two", "1")):
        container = {"name": "app", "image": "app:v1", "resources": {"requests": {"cpu": cpu}}}
        cluster.apply(
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container]}}
        )
        cluster.client.bind(name, "default", "node-b")
    assert view.fill(cluster) == "Bars in parts, cpu asked for. node-a: nothing, of 2; node-b: one 0.5, two 1, of 2."
