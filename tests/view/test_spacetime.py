"""The space-time diagram draws what the log holds, and nothing else."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane import demo
from controlplane.cluster import Cluster
from controlplane.view import spacetime
from controlplane.view.history import SERVER, History, component


@pytest.fixture(scope="module")
def history() -> History:
    return History(demo.boot(seed=0))


def check(history: History, shown: spacetime.Diagram) -> None:
    log = {(e.user, e.verb, e.resource, e.name, e.revision) for e in history.cluster.log if e.revision}
    watches = {(e.user, e.resource) for e in history.cluster.log if e.verb == "watch"}
    for arrow in shown.arrows:
        write = arrow.write
        assert (write.user, write.verb, write.resource, write.name, str(write.revision)) in log
        if arrow.kind == "write":
            assert (arrow.user, arrow.receiver) == (write.user, SERVER)
            assert arrow.sender in (component(write.user), spacetime.KUBELETS)
        else:
            assert (arrow.user, write.resource) in watches
            assert arrow.leaves < arrow.arrives, "an event cannot arrive before it happened"
            assert arrow.receiver in (component(arrow.user), spacetime.KUBELETS)
    assert {arrow.sender for arrow in shown.arrows} | {arrow.receiver for arrow in shown.arrows} <= set(shown.lanes)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_every_arrow_is_an_entry_of_the_log(history: History, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, history.last))
    last = data.draw(st.integers(first, history.last))
    check(history, spacetime.diagram(history, first, last))


def test_the_life_of_one_apply(history: History) -> None:
    shown = spacetime.diagram(history)
    authors = list(dict.fromkeys(row.lane for row in shown.rows))
    assert authors[0] == "you"
    assert {"controllers", "scheduler", "kubelet node-a", "kubelet node-b"} <= set(authors)
    assert authors.index("controllers") < authors.index("scheduler") < authors.index("kubelet node-a")
    bound = next(i for i, row in enumerate(shown.rows) if row.writes[0].subresource == "binding")
    reached = {a.receiver for a in shown.arrows if a.kind == "watch" and a.leaves == bound}
    assert {"kubelet node-a", "kubelet node-b"} <= reached


def test_all_writes_of_the_interval_are_rows(history: History) -> None:
    shown = spacetime.diagram(history, 35, 60)
    drawn = {write.revision for row in shown.rows for write in row.writes}
    assert drawn == {w.revision for w in history.between(35, 60) if w.resource not in ("events", "leases")}


def test_many_kubelets_share_a_lane() -> None:
    history = History(Cluster(nodes=6))
    history.cluster.loop.run_for(1)
    shown = spacetime.diagram(history, 1)
    assert spacetime.KUBELETS in shown.lanes and not any(lane.startswith("kubelet ") for lane in shown.lanes)
    check(history, shown)


def test_nothing_was_asked_for() -> None:
    with pytest.raises(LookupError, match="apply something"):
        spacetime.diagram(History(Cluster(nodes=1)))


def test_it_is_told_in_words_and_drawn(history: History, tmp_path: Path) -> None:
    assert "0.00 s you patch deployments web; " in spacetime.diagram(history).alt
    spacetime.save(history, tmp_path / "life.svg", 35, 60)
    assert "<svg" in (tmp_path / "life.svg").read_text()
