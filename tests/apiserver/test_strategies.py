"""What the server makes of objects when they are made and changed, besides defaults."""

from __future__ import annotations

import random
from typing import Any

import pytest

from controlplane.apiserver.conversion import CONVERSIONS
from controlplane.apiserver.strategies import Context, label_keys
from controlplane.apiserver.strategies.table import STRATEGIES
from tests.apiserver.checked import GOOD, Obj, changed, context, created, decoded, of_kind, updated


def make(kind: str, patch: Obj | None = None, ctx: Context | None = None) -> Obj:
    new, errors = created(changed(GOOD[kind], patch or {}), ctx)
    assert errors == []
    return new


def change(old: Obj, patch: Obj, *, status: bool = False, ctx: Context | None = None) -> Obj:
    new, errors = updated(old, lambda obj: changed(obj, patch), status=status, ctx=ctx)
    assert errors == []
    return new


@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "Ingress", "CronJob"])
def test_generations_count_the_specs(kind: str) -> None:
    old = make(kind, {"metadata": {"generation": 7}, "status": {"observedGeneration": 7}})
    assert old["metadata"]["generation"] == 1
    assert "observedGeneration" not in old.get("status", {})
    same = change(old, {"metadata": {"labels": {"a": "b"}, "generation": 5}, "status": {"observedGeneration": 5}})
    assert same["metadata"]["generation"] == 1
    assert same.get("status") == old.get("status")
    patches: dict[str, Obj] = {"Job": {"parallelism": 2}, "CronJob": {"suspend": True}, "Ingress": {"rules": [{}]}}
    spec = patches.get(kind, {"minReadySeconds": 1})
    assert change(old, {"spec": spec})["metadata"]["generation"] == 2
    with_status = change(old, {"spec": spec, "status": {"observedGeneration": 1}}, status=True)
    assert with_status["spec"] == old["spec"]
    assert with_status["metadata"]["generation"] == 1


def test_what_only_the_system_sets_stays() -> None:
    old = make("ConfigMap")
    old["metadata"] |= {"creationTimestamp": "2024-01-01T00:00:00Z", "deletionTimestamp": "2024-01-02T00:00:00Z"}
    new = change(old, {"metadata": {"creationTimestamp": None, "deletionTimestamp": None, "uid": None}})
    assert new["metadata"] == old["metadata"]


@pytest.mark.parametrize(
    ("resources", "qos"),
    [
        ([{}], "BestEffort"),
        ([{"requests": {"cpu": "0"}}], "BestEffort"),
        ([{"requests": {"cpu": "1"}}], "Burstable"),
        ([{"limits": {"cpu": "1"}}], "Burstable"),
        ([{"limits": {"cpu": "1", "memory": "1"}}], "Guaranteed"),
        ([{"limits": {"cpu": "1", "memory": "1"}}, {}], "Burstable"),
        ([{"limits": {"cpu": "1", "memory": "1"}, "requests": {"cpu": "500m"}}], "Burstable"),
        ([{"limits": {"cpu": "1", "memory": "1"}, "requests": {"cpu": "1000m"}}], "Guaranteed"),
    ],
)
def test_quality_of_service(resources: list[Obj], qos: str) -> None:
    containers = [{"name": f"c{i}", "image": "i", "resources": r} for i, r in enumerate(resources)]
    assert make("Pod", {"spec": {"containers": containers}})["status"]["qosClass"] == qos


def test_a_pod_begins_pending() -> None:
    new = make("Pod", {"status": {"phase": "Running", "podIP": "1.2.3.4"}})
    assert new["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    gated = make("Pod", {"spec": {"schedulingGates": [{"name": "g"}]}})
    assert [c["reason"] for c in gated["status"]["conditions"]] == ["SchedulingGated"]


def test_matching_label_keys_become_a_selector() -> None:
    constraint = {"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule", "matchLabelKeys": ["h", "no"]}
    patch = {
        "metadata": {"labels": {"h": "1"}},
        "spec": {"topologySpreadConstraints": [constraint | {"labelSelector": {"matchLabels": {"a": "b"}}}]},
    }
    spread = make("Pod", patch)["spec"]["topologySpreadConstraints"][0]
    assert spread["labelSelector"]["matchExpressions"] == [{"key": "h", "operator": "In", "values": ["1"]}]


@pytest.mark.parametrize(
    ("patch", "options", "seconds"),
    [
        ({"spec": {"nodeName": "n"}}, {}, 30),
        ({"spec": {"nodeName": "n"}}, {"gracePeriodSeconds": 5}, 5),
        ({"spec": {"nodeName": "n"}}, {"gracePeriodSeconds": 0}, 0),
        ({"spec": {"nodeName": "n", "terminationGracePeriodSeconds": 0}}, {}, 0),
        ({"spec": {"nodeName": "n", "terminationGracePeriodSeconds": -3}}, {}, 1),
        ({}, {}, 0),
        ({"spec": {"nodeName": "n"}, "status": {"phase": "Succeeded"}}, {}, 0),
    ],
)
def test_how_long_a_deletion_takes(patch: Obj, options: Obj, seconds: int) -> None:
    pod = changed(decoded(GOOD["Pod"]), patch)
    assert STRATEGIES["", "Pod"].check_graceful_delete(pod, options) == seconds
    assert STRATEGIES["", "ConfigMap"].check_graceful_delete(pod, options) is None


def test_restarts_are_final() -> None:
    old = make("Pod", {"spec": {"restartPolicy": "Never"}})
    done = {"name": "a", "image": "i", "imageID": "", "ready": False, "restartCount": 0}
    old["status"]["containerStatuses"] = [done | {"state": {"terminated": {"exitCode": 1}}}]
    statuses = [done | {"state": {"running": {"startedAt": None}}}]
    _, errors = updated(old, lambda obj: changed(obj, {"status": {"containerStatuses": statuses}}), status=True)
    assert len(errors) == 1
    assert errors[0].startswith(
        "status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated"
    )


# Services.


def services(*ips: str, ports: tuple[int, ...] = ()) -> Context:
    return Context(0.0, random.Random(1), cluster_ip_used=ips.__contains__, node_port_used=ports.__contains__)


def test_a_service_gets_an_address() -> None:
    spec = make("Service")["spec"]
    assert spec["clusterIP"].startswith("10.96.")
    assert spec["clusterIPs"] == [spec["clusterIP"]]
    assert (spec["ipFamilies"], spec["ipFamilyPolicy"]) == (["IPv4"], "SingleStack")
    assert "nodePort" not in spec["ports"][0]
    assert make("Service", {"spec": {"clusterIP": "10.96.1.2"}})["spec"]["clusterIPs"] == ["10.96.1.2"]
    _, errors = created(changed(GOOD["Service"], {"spec": {"clusterIP": "10.96.1.2"}}), services("10.96.1.2"))
    assert len(errors) == 1
    assert errors[0].endswith("failed to allocate IP 10.96.1.2: provided IP is already allocated")


def test_a_service_without_an_address() -> None:
    spec = make("Service", {"spec": {"clusterIP": "None", "selector": {"a": "b"}}})["spec"]
    assert (spec["clusterIPs"], spec["ipFamilyPolicy"]) == (["None"], "SingleStack")
    spec = make("Service", {"spec": {"clusterIP": "None"}})["spec"]
    assert (spec["ipFamilies"], spec["ipFamilyPolicy"]) == (["IPv4", "IPv6"], "RequireDualStack")
    spec = make("Service", {"spec": {"type": "ExternalName", "externalName": "a.b", "ports": None}})["spec"]
    assert "clusterIP" not in spec
    assert "ipFamilies" not in spec


def test_ports_on_nodes() -> None:
    ports = [{"name": "a", "port": 1}, {"name": "b", "port": 2, "nodePort": 30007}]
    new = make("Service", {"spec": {"type": "NodePort", "ports": ports}}, services(ports=(30000,)))
    first, second = (p["nodePort"] for p in new["spec"]["ports"])
    assert 30000 < first <= 32767
    assert second == 30007
    _, errors = created(new, services(ports=(30007,)))
    assert errors == ["spec.ports[1].nodePort: Invalid value: 30007: provided port is already allocated"]


def test_one_port_for_two_protocols() -> None:
    ports = [{"name": "a", "port": 53, "protocol": "TCP"}, {"name": "b", "port": 53, "protocol": "UDP"}]
    old = make("Service", {"spec": {"type": "NodePort", "ports": ports}})
    first, second = (p["nodePort"] for p in old["spec"]["ports"])
    assert first == second
    more = [*old["spec"]["ports"], {"name": "c", "port": 54}, {"name": "d", "port": 54, "protocol": "UDP"}]
    third, fourth = (p["nodePort"] for p in change(old, {"spec": {"ports": more}})["spec"]["ports"][2:])
    assert len({first, third, fourth}) == 3, "only a new Service shares its ports"
    asked = [{"name": "a", "port": 53}, {"name": "b", "port": 53, "protocol": "UDP", "nodePort": 30005}]
    spec = make("Service", {"spec": {"type": "NodePort", "ports": asked}})["spec"]
    assert [p["nodePort"] for p in spec["ports"]] == [30005, 30005]


def test_changes_of_type() -> None:
    old = make("Service")
    node = change(old, {"spec": {"type": "NodePort"}})
    assert node["spec"]["clusterIP"] == old["spec"]["clusterIP"]
    number = node["spec"]["ports"][0]["nodePort"]
    assert number
    kept = change(node, {"spec": {"ports": [{"port": 81, "protocol": "TCP"}], "clusterIP": None, "clusterIPs": None}})
    assert kept["spec"]["ports"][0]["nodePort"] == number
    assert kept["spec"]["clusterIP"] == old["spec"]["clusterIP"]
    back = change(node, {"spec": {"type": "ClusterIP"}})
    assert "nodePort" not in back["spec"]["ports"][0]
    outside = change(back, {"spec": {"type": "ExternalName", "externalName": "a.b"}})
    assert not {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"} & set(outside["spec"])
    again = change(outside, {"spec": {"type": "ClusterIP", "externalName": None}})
    assert again["spec"]["clusterIP"].startswith("10.96.")


def test_when_no_address_is_left() -> None:
    full = Context(0.0, random.Random(1), cluster_ip_used=lambda ip: True, node_port_used=lambda port: True)
    assert full.allocate_cluster_ip() is None
    assert full.allocate_node_port() is None
    assert len(created(GOOD["Service"], full)[1]) == 1


# Others.


def test_jobs_know_their_pods() -> None:
    new = make("Job")
    labels = new["spec"]["template"]["metadata"]["labels"]
    uid = new["metadata"]["uid"]
    assert new["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    assert labels == {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": "x",
        "controller-uid": uid,
        "job-name": "x",
    }
    own = {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}}}
    manual = make("Job", {"spec": {"manualSelector": True, **own}})
    assert manual["spec"]["selector"] == {"matchLabels": {"a": "b"}}


def test_template_generation_of_daemon_sets() -> None:
    name = "deprecated.daemonset.template.generation"
    old = make("DaemonSet")
    assert old["metadata"]["annotations"] == {name: "1"}
    assert change(old, {"spec": {"minReadySeconds": 3}})["metadata"]["annotations"] == {name: "1"}
    new = change(old, {"spec": {"template": {"spec": {"hostNetwork": True}}}})
    assert new["metadata"]["annotations"] == {name: "2"}


def test_namespaces_are_finalized() -> None:
    old = make("Namespace")
    assert old["spec"] == {"finalizers": ["kubernetes"]}
    assert old["metadata"]["labels"] == {"kubernetes.io/metadata.name": "x"}
    assert change(old, {"spec": {"finalizers": []}})["spec"] == {"finalizers": ["kubernetes"]}


def test_definitions_remember_stored_versions() -> None:
    old = make("CustomResourceDefinition")
    assert old["status"]["storedVersions"] == ["v1"]
    first = old["spec"]["versions"][0]
    versions = [{**first, "storage": False}, {**first, "name": "v2"}]
    assert change(old, {"spec": {"versions": versions}})["status"]["storedVersions"] == ["v1", "v2"]


def test_a_kubelet_makes_its_node_with_the_status() -> None:
    old = make("Node", {"status": {"capacity": {"cpu": "1"}}})
    assert old["status"]["capacity"] == {"cpu": "1"}
    assert change(old, {"status": {"capacity": {"cpu": "2"}}})["status"]["capacity"] == {"cpu": "1"}
    assert change(old, {"status": {"capacity": {"cpu": "2"}}}, status=True)["status"]["capacity"] == {"cpu": "2"}


def test_events_in_their_own_group() -> None:
    event = of_kind("events.k8s.io/v1", "Event", regarding={"namespace": "default"}, type="x", deprecatedCount=3)
    event["metadata"]["namespace"] = "default"
    stored = CONVERSIONS["events.k8s.io/v1", "Event"].to_stored(decoded(event))
    strategy = STRATEGIES["events.k8s.io", "Event"]

    def wrong(obj: Obj, old: Obj | None = None) -> list[str]:
        errors = strategy.validate_update(obj, old, context()) if old else strategy.validate_create(obj, context())
        return [str(e) for e in errors]

    assert wrong(stored) == [
        "eventTime: Required value",
        'type: Invalid value: "": has invalid value: x',
        'count: Invalid value: "": needs to be unset',
    ]
    good: dict[str, Any] = {"reportingComponent": "a.b/c", "reportingInstance": "i", "action": "A", "reason": "R"}
    good |= {"eventTime": "2024-01-01T00:00:00.000000Z", "type": "Normal"}
    old = changed(stored, {**good, "count": None, "metadata": {"resourceVersion": "1"}})
    assert wrong(old) == []
    series = {"count": 2, "lastObservedTime": "2024-01-01T00:00:00.000000Z"}
    assert wrong(changed(old, {"series": series}), old) == []
    assert wrong(changed(old, {"series": {"count": 1}, "reason": "S"}), old) == [
        'series.count: Invalid value: "": should be at least 2',
        "series.lastObservedTime: Required value",
        'reason: Invalid value: "S": field is immutable',
        'reason: Invalid value: "S": field is immutable',
    ]


def test_label_keys_of_affinity_become_part_of_its_selectors() -> None:
    term = {"topologyKey": "z", "labelSelector": {"matchLabels": {"a": "b"}}, "matchLabelKeys": ["h", "no"]}
    other = {"topologyKey": "z", "labelSelector": {}, "mismatchLabelKeys": ["h"]}
    affinity = {
        "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]},
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": other}]
        },
    }
    spec = {"affinity": affinity}
    merged = label_keys.merged(spec, {"h": "1"})["affinity"]
    wanted = merged["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][0]["labelSelector"]
    assert wanted == {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "h", "operator": "In", "values": ["1"]}]}
    avoided = merged["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"][0]["podAffinityTerm"]
    assert avoided["labelSelector"] == {"matchExpressions": [{"key": "h", "operator": "NotIn", "values": ["1"]}]}
    assert "matchExpressions" not in term["labelSelector"]
    assert label_keys.merged(spec, {}) is spec
