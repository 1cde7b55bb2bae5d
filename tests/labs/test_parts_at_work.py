"""What a learner writes in labs 05 and 06, swapped into a running cluster: it does its work, and its faults show."""

import contextlib
import io
from typing import Any

from controlplane.cluster import Cluster
from controlplane.conditions import is_ready
from controlplane.grading.at_work import nodes, services
from controlplane.grading.source import notebook_of, read
from controlplane.traffic.load import Clients


def reference(lab: str, problem: str) -> dict[str, Any]:
    """The names of a lab's given cells and of a problem's reference solution."""
    found = read(notebook_of(lab))[problem]
    names: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()):
        for source in (*found.given, found.solution):
            exec(source, names)
    return names


def starts(cluster: Cluster) -> list[int]:
    runtime = cluster.machine("node-a").runtime
    return [round(one.started_at - cluster.loop.start) for uid in runtime.pod_uids() for one in runtime.containers(uid)]


def test_a_back_off_decides_when_containers_start_again() -> None:
    names = reference("lab-05-nodes", "backoff")
    counts = []
    for next_start in (names["next_start"], lambda policy, attempts: None):
        cluster = Cluster(nodes=1, kubelet=nodes.kubelet_with(next_start=next_start))
        cluster.apply(names["single"]("crashing", "app:crash"))
        seen = set()
        for _ in range(40):
            cluster.run_for(5)
            seen.update(starts(cluster))
        counts.append(len(seen - {round(-cluster.loop.start)}))
    assert counts == [6, 1]


def test_health_decides_who_is_restarted_and_who_is_ready() -> None:
    names = reference("lab-05-nodes", "health")
    cluster = Cluster(nodes=1, kubelet=nodes.kubelet_with(health=names["Health"]))
    ask = names["ASK"]
    cluster.apply([names["single"]("live", "app:broken", livenessProbe=ask)])
    cluster.apply([names["single"]("ready", "app:broken", readinessProbe=ask), names["single"]("well", "app:v1")])
    cluster.run_for(30)
    status = {pod["metadata"]["name"]: pod["status"]["containerStatuses"][0] for pod in cluster.pods()}
    assert {name: each["restartCount"] for name, each in status.items()} == {"live": 1, "ready": 0, "well": 0}
    assert [pod["metadata"]["name"] for pod in cluster.pods() if is_ready(pod)] == ["live", "well"]


def test_a_node_life_moves_pods_off_a_dead_node() -> None:
    names = reference("lab-05-nodes", "life")
    cluster = nodes.living_by(names["NodeLife"]())
    cluster.apply(names["demo"].APP)
    cluster.run_until(names["available"]("deployment/web"))
    cluster.kill_node("node-b")
    staying = []
    for seconds in (330, 60):
        cluster.run_for(seconds)
        pods = [pod for pod in cluster.pods() if "deletionTimestamp" not in pod["metadata"]]
        staying.append(sorted(pod["spec"]["nodeName"] for pod in pods))
    assert staying == [["node-a"] * 2 + ["node-b"] * 2, ["node-a"] * 4]


def test_an_end_signals_sidecars_last() -> None:
    names = reference("lab-05-nodes", "end")
    cluster = Cluster(nodes=1, kubelet=nodes.kubelet_with(end=names["end"]))
    pod = names["single"]("web", "app:v1")
    pod["spec"]["initContainers"] = [{"name": "log", "image": "app:v1", "restartPolicy": "Always"}]
    cluster.apply(pod)
    cluster.run_for(10)
    runtime = cluster.machine("node-a").runtime
    containers = runtime.containers(runtime.pod_uids()[0])
    cluster.client.delete("pods", "web")
    cluster.run_for(15)
    ended = {one.name: round(one.finished_at - cluster.loop.start) for one in containers}
    assert ended == {"log": 20, "app": 15}
    assert cluster.pods() == []


def test_endpoints_of_a_learner_carry_a_roll_out() -> None:
    endpoints = reference("lab-06-services", "endpoints")["endpoints"]
    lost = [
        services.rolled_out(Cluster(nodes=1, controllers=services.controllers_writing(write)), rate=20).failed
        for write in (endpoints, lambda service, pods: endpoints(service, pods)[:0])
    ]
    assert lost[0] == 0 < lost[1]


def test_a_balancer_at_the_edge_hears_of_every_end() -> None:
    least = reference("lab-06-services", "balance")["LeastConnections"]()
    cluster = Cluster(nodes=1)
    services.rolled_out(cluster, rate=1)
    services.EdgeBalancer(cluster, least.choose, least.closed)
    tally = Clients(cluster.loop, cluster.network, f"http://{services.EDGE_ADDRESS}/").send(50, over=5)
    cluster.run_for(10)
    assert tally.ok == 50
    assert set(least.open.values()) == {0}


def test_a_kube_proxy_sends_a_client_where_the_learner_says() -> None:
    sticky = reference("lab-06-services", "affinity")["Sticky"]
    cluster = Cluster(nodes=1)
    mine = sticky(cluster.loop.now, cluster.loop.rng("pick").choice)
    cluster.machine("node-a").replace("kube-proxy", services.proxy_choosing(mine.choose))
    tally = services.rolled_out(cluster, rate=5)
    assert tally.failed == 0
    web = cluster.client.get("services", "web")["spec"]["clusterIP"]
    rules = cluster.network.rules("node-a")
    assert rules is not None
    assert len({rules.route(web, 80, "203.0.113.9") for _ in range(20)}) == 1
    assert len({rules.route(web, 80, f"203.0.113.{n}") for n in range(50)}) == 4
