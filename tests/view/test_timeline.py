"""Nodes and Pods over time."""

from pathlib import Path

import pytest

from controlplane import demo
from controlplane.cluster import Cluster
from controlplane.view import charts, timeline


@pytest.fixture
def cluster() -> Cluster:
    cluster = demo.boot(seed=0)
    assert cluster.history.first
    return cluster


def test_a_roll_out_row_by_row(cluster: Cluster) -> None:
    demo.roll_out(cluster)
    found = timeline.rows(cluster.history)
    assert [row.name for row in found[:2]] == ["node-a", "node-b"]
    old, new = ([row for row in found if row.kind == image] for image in ("app:v1", "app:v2"))
    assert len(old) == len(new) == 4
    for row in old:
        assert [state for *_, state in row.spans][-1] == "going"
    for row in new:
        assert [state for *_, state in row.spans] == ["waiting", "ready"]
    for row in found:
        for (_, end, _), (start, *_) in zip(row.spans, row.spans[1:], strict=False):
            assert end == start, "nothing is in two states, or in none"


def test_a_lost_node(cluster: Cluster) -> None:
    first = cluster.history.last
    loss = demo.NodeLoss(cluster).run(400)
    found = timeline.rows(cluster.history, first)
    node = next(row for row in found if row.name == loss.node)
    assert [state for *_, state in node.spans] == ["Ready", "Unknown"]
    on_it = [row for row in found if row.node == loss.node]
    assert len(on_it) == 2
    for row in on_it:
        assert [state for *_, state in row.spans] == ["ready", "lost", "going"]


def test_it_is_drawn_with_its_text(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shown = {}

    def show(figure, alt):
        figure.savefig(tmp_path / "timeline.png")
        shown["alt"] = alt
        return alt

    monkeypatch.setattr(charts, "show", show)
    timeline.show(cluster.history, marks={"applied": 0})
    assert "(app:v1 on node-a): not ready from 0.0 to" in shown["alt"] and "applied at 0" in shown["alt"]
