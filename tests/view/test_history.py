"""The cluster as it was, what differs, and why."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane import demo
from controlplane.cluster import Cluster
from controlplane.conditions import available
from controlplane.view.causes import Causes, why
from controlplane.view.diff import changes, diff
from controlplane.view.history import History, NoSuchRevision


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return demo.boot(seed=0)


@pytest.fixture(scope="module")
def history(cluster: Cluster) -> History:
    return History(cluster)


def test_every_revision_is_as_the_store_has_it(cluster: Cluster, history: History) -> None:
    for revision in range(history.first, history.last + 1):
        kept = cluster.server.store.range(b"/registry/", b"/registry0", revision=revision).kvs
        assert history.at(revision) == {kv.key.decode(): json.loads(kv.value) for kv in kept}


def test_what_it_follows_outlives_a_compaction() -> None:
    cluster = demo.boot(seed=0)
    history = History(cluster)
    then = history.last
    before = history.at(then)
    cluster.run_for("11m")
    assert cluster.server.store.compact_revision > then
    assert history.at(then) == before
    assert history.last == cluster.server.store.revision
    late = History(cluster)
    assert late.at(late.first) == history.at(late.first)
    with pytest.raises(NoSuchRevision, match=f"goes from {late.first} to"):
        late.at(then)


def test_each_write_is_told_as_in_the_log(cluster: Cluster, history: History) -> None:
    told = {e.revision: e for e in cluster.log if e.revision}
    for write in history.writes:
        event = told.get(str(write.revision))
        if event is None:
            assert write.by == "API server" and write.time == cluster.loop.start
        else:
            assert (write.user, write.verb, write.name) == (event.user, event.verb, event.name)


def test_writes_of_one_object(history: History) -> None:
    writes = history.find("deployment/web")
    assert writes[0].before is None and writes[0].by == "you"
    assert [w.key for w in writes] == [w.key for w in history.find("deployments/web")]
    with pytest.raises(LookupError, match="deployment/nowhere"):
        history.find("deployment/nowhere")


def test_causes_come_before_what_they_cause(history: History) -> None:
    for revision, cause in Causes(history).of.items():
        assert cause.revision < revision


def test_a_pod_runs_because_you_wished_so(history: History) -> None:
    pod = next(w.name for w in history.writes if w.kind == "Pod")
    steps = [(w.by, w.verb, w.resource, w.subresource) for w in why(history, f"pod/{pod}").steps]
    assert steps[0][0].startswith("kubelet ")
    assert steps[1:] == [
        ("scheduler", "create", "pods", "binding"),
        ("controllers", "create", "pods", ""),
        ("controllers", "create", "replicasets", ""),
        ("you", "patch", "deployments", ""),
    ]


def test_a_lost_node_leads_back_to_its_last_heartbeat() -> None:
    cluster = demo.boot(seed=0)
    history = History(cluster)
    cluster.kill_node("node-b")
    cluster.run_for("2m")
    lost = next(w for w in history.find("node/node-b") if w.by == "controllers" and w.time > cluster.loop.start + 40)
    cause = Causes(history).of[lost.revision]
    assert (cause.by, cause.name) == ("kubelet node-b", "node-b")


def test_a_replacement_leads_back_to_the_image(cluster: Cluster) -> None:
    cluster = demo.boot(seed=0)
    history = History(cluster)
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "app:v2"}]}}}}
    cluster.client.patch("deployments", "web", patch, type="strategic")
    wish = history.last
    cluster.run_until(available("deployment/web"))
    new = next(p for p in cluster.pods() if p["spec"]["containers"][0]["image"] == "app:v2")
    answer = why(history, f"pod/{new['metadata']['name']}")
    assert answer.steps[-1].revision == wish
    assert "app:v1 → app:v2" in str(answer) and "app:v1 → app:v2" in answer._repr_html_()


def test_the_difference_of_two_revisions(history: History) -> None:
    told = diff(history, 35, 55)
    assert "+ Pod default/" in str(told) and "+ ReplicaSet default/web-" in str(told)
    binding = next(w for w in history.writes if w.subresource == "binding")
    name = f"~ Pod default/{binding.name}"
    assert (
        f"+ spec.nodeName: {binding.object['spec']['nodeName']}"
        in diff(history, binding.revision - 1, binding.revision).objects[name]
    )
    assert str(diff(history, 50, 50)).endswith("nothing")


values = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from("abc"), values), st.dictionaries(st.sampled_from("abc"), values))
def test_changes_are_told_if_and_only_if_there_are_some(old: dict, new: dict) -> None:
    assert bool(changes(old, new)) == (old != new)
