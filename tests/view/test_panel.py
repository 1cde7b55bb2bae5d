"""The panel does what the kubectl commands do that it prints."""

import pytest

from controlplane import demo
from controlplane.conditions import available, is_ready
from controlplane.view.panel import Panel


@pytest.fixture
def panel() -> Panel:
    return Panel(demo.boot(seed=0))


def test_scale_and_set_image(panel: Panel) -> None:
    panel.replicas.value = 2
    panel.do(panel.scale)
    assert panel.said.value == "<pre>kubectl scale deployment/web --replicas=2</pre>"
    panel.do(panel.set_image)
    assert "kubectl set image deployment/web app=app:v2" in panel.said.value
    panel.cluster.run_until(available("deployment/web"))
    live = [pod for pod in panel.cluster.pods() if "deletionTimestamp" not in pod["metadata"]]
    assert [pod["spec"]["containers"][0]["image"] for pod in live] == ["app:v2"] * 2


def test_drain_and_uncordon(panel: Panel) -> None:
    panel.node.value = "node-b"
    panel.do(panel.drain)
    panel.time.value = "1m"
    panel.do(panel.run)
    assert {pod["spec"]["nodeName"] for pod in panel.cluster.pods()} == {"node-a"}
    panel.do(panel.uncordon)
    assert "unschedulable" not in panel.cluster.client.get("nodes", "node-b")["spec"]


def test_a_pod_that_is_deleted_is_replaced(panel: Panel) -> None:
    name = panel.pod.value
    panel.do(panel.delete)
    panel.time.value = "1m"
    panel.do(panel.run)
    assert name not in panel.pod.options and len(panel.pod.options) == 4


@pytest.mark.parametrize(("down", "up"), [("power_off", "power_on"), ("cut", "heal")])
def test_a_node_is_lost_and_comes_back(panel: Panel, down: str, up: str) -> None:
    panel.node.value = "node-b"
    panel.time.value = "1m"
    panel.do(getattr(panel, down))
    panel.do(panel.run)
    assert not is_ready(panel.cluster.client.get("nodes", "node-b"))
    panel.do(getattr(panel, up))
    panel.do(panel.run)
    assert is_ready(panel.cluster.client.get("nodes", "node-b"))


def test_the_map_follows_and_what_is_refused_is_said(panel: Panel) -> None:
    before = panel.map.recording
    panel.do(panel.delete)
    assert panel.map.recording != before
    panel.workload.options = ["nowhere"]
    panel.do(panel.scale)
    assert "nowhere" in panel.said.value and "not found" in panel.said.value
