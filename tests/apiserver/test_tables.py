"""Tables show what kubectl prints against Kubernetes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.apiserver import tables
from controlplane.apiserver.tables.cells import human_duration
from controlplane.apiserver.tables.jsonpath import JsonPath
from controlplane.clock import EPOCH, rfc3339

NOW = EPOCH + 3600
COLUMNS = json.loads(files("controlplane.apiserver").joinpath("data/columns.json").read_text("utf-8"))["kinds"]


@dataclass
class Kind:
    kind: str
    group: str = ""
    custom: bool = False


def cells(kind, obj, group="", **options):
    obj.setdefault("metadata", {}).setdefault("name", "x")
    obj["metadata"].setdefault("creationTimestamp", rfc3339(EPOCH))
    return tables.render(Kind(kind, group), [obj], NOW, **options)["rows"][0]["cells"]


def pod(spec=None, meta=None, **status):
    spec = {"containers": [{"name": "a"}, {"name": "b"}], **(spec or {})}
    return cells("Pod", {"metadata": dict(meta or {}), "spec": spec, "status": {"phase": "Running", **status}})


def container(name="a", restarts=0, ready=False, last=None, **state):
    status = {"name": name, "restartCount": restarts, "ready": ready, "state": state}
    return {**status, "lastState": {"terminated": {"finishedAt": rfc3339(last)}}} if last else status


RUNNING = {"ready": True, "running": {}}


# The shape of a table ----------------------------------------------------------------------------------------------


def test_a_table():
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "", "b": ""}}
    table = tables.render(Kind("ConfigMap"), [obj], NOW)
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Data", "Age"]
    assert table["columnDefinitions"][0] | {"description": ""} == {
        "name": "Name",
        "type": "string",
        "format": "name",
        "description": "",
        "priority": 0,
    }
    assert table["columnDefinitions"][0]["description"].startswith("Name must be unique within a namespace.")
    assert table["rows"] == [
        {
            "cells": ["c", 2, "<unknown>"],
            "object": {
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": {"name": "c"},
            },
        }
    ]


def test_what_of_the_object_comes_with_a_row():
    obj = {"metadata": {"name": "c"}, "data": {}}
    assert tables.render(Kind("ConfigMap"), [obj], NOW, include_object="Object")["rows"][0]["object"] is obj
    assert tables.render(Kind("ConfigMap"), [obj], NOW, include_object="None")["rows"][0]["object"] is None


def test_later_events_of_a_watch_have_no_columns():
    assert tables.render(Kind("ConfigMap"), [], NOW, headers=False)["columnDefinitions"] is None


def test_a_kind_without_a_printer_shows_when_it_was_created():
    table = tables.render(Kind("Role", "rbac.authorization.k8s.io"), [{"metadata": {"name": "r"}}], NOW)
    assert [(c["name"], c["type"]) for c in table["columnDefinitions"]] == [("Name", "string"), ("Created At", "date")]
    assert cells("LimitRange", {}) == ["x", "2026-01-01T00:00:00Z"]


@pytest.mark.parametrize("key", tables.PRINTERS)
def test_every_row_has_a_cell_for_every_column_and_an_empty_object_is_no_problem(key):
    row = tables.PRINTERS[key]({"metadata": {}}, NOW)
    spare = 1 if key.endswith("/IPAddress") else 0
    assert len(row) == len(COLUMNS[key]) + spare


# Pods --------------------------------------------------------------------------------------------------------------


def test_a_running_pod_with_its_wide_columns():
    row = pod(
        {"nodeName": "n1", "readinessGates": [{"conditionType": "lb"}, {"conditionType": "other"}]},
        podIPs=[{"ip": "10.0.0.1"}],
        conditions=[{"type": "lb", "status": "True"}],
        containerStatuses=[container(**RUNNING), container("b", running={})],
    )
    assert row == ["x", "1/2", "Running", "0", "60m", "10.0.0.1", "n1", "<none>", "1/2"]


def test_restarts_and_when_the_last_was():
    statuses = [container(restarts=2, last=NOW - 190, **RUNNING), container("b", 1, last=NOW - 300, **RUNNING)]
    assert pod(containerStatuses=statuses)[3] == "3 (3m10s ago)"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"phase": "Pending"}, "Pending"),
        ({"phase": "Failed", "reason": "Evicted"}, "Evicted"),
        ({"conditions": [{"type": "PodScheduled", "reason": "SchedulingGated"}]}, "SchedulingGated"),
        ({"containerStatuses": [container(waiting={"reason": "CrashLoopBackOff"})]}, "CrashLoopBackOff"),
        ({"containerStatuses": [container(terminated={"exitCode": 1, "reason": "Error"})]}, "Error"),
        ({"containerStatuses": [container(terminated={"exitCode": 3})]}, "ExitCode:3"),
        ({"containerStatuses": [container(terminated={"signal": 9})]}, "Signal:9"),
        (
            {
                "containerStatuses": [
                    container(terminated={"exitCode": 0, "reason": "Completed"}),
                    container("b", **RUNNING),
                ],
                "conditions": [{"type": "Ready", "status": "True"}],
            },
            "Running",
        ),
        (
            {
                "containerStatuses": [
                    container(terminated={"exitCode": 0, "reason": "Completed"}),
                    container("b", **RUNNING),
                ]
            },
            "NotReady",
        ),
    ],
)
def test_the_status_of_a_pod(status, expected):
    assert pod(**status)[2] == expected


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (container("i", running={}), "Init:0/2"),
        (container("i", waiting={"reason": "PodInitializing"}), "Init:0/2"),
        (container("i", waiting={"reason": "CrashLoopBackOff"}), "Init:CrashLoopBackOff"),
        (container("i", terminated={"exitCode": 1, "reason": "Error"}), "Init:Error"),
        (container("i", terminated={"exitCode": 2}), "Init:ExitCode:2"),
        (container("i", terminated={"exitCode": 0, "reason": "Completed"}), "Init:1/2"),
    ],
)
def test_the_status_while_init_containers_run(first, expected):
    spec = {"initContainers": [{"name": "i"}, {"name": "j"}]}
    row = pod(spec, phase="Pending", initContainerStatuses=[first, container("j", waiting={})])
    assert row[2] == expected


def test_a_sidecar_counts_as_a_container():
    spec = {"initContainers": [{"name": "s", "restartPolicy": "Always"}]}
    sidecar = {**container("s", restarts=1, **RUNNING), "started": True}
    both = [container(**RUNNING), container("b", restarts=1, **RUNNING)]
    assert pod(spec, initContainerStatuses=[sidecar], containerStatuses=both)[1:4] == ["3/3", "Running", "2"]


def test_a_pod_that_is_being_deleted():
    meta = {"deletionTimestamp": rfc3339(NOW)}
    assert pod(meta=meta)[2] == "Terminating"
    assert pod(meta=meta, phase="Succeeded")[2] == "Succeeded"
    assert pod(meta=meta, reason="NodeLost")[2] == "Unknown"


def test_the_row_of_a_finished_pod_says_so():
    obj = {"metadata": {"name": "p"}, "status": {"phase": "Succeeded"}}
    assert tables.render(Kind("Pod"), [obj], NOW)["rows"][0]["conditions"] == [
        {
            "type": "Completed",
            "status": "True",
            "reason": "Succeeded",
            "message": "The pod has completed successfully.",
        }
    ]


# Other kinds -------------------------------------------------------------------------------------------------------

TEMPLATE = {"spec": {"containers": [{"name": "a", "image": "i:1"}, {"name": "b", "image": "j:2"}]}}
SELECTOR = {"matchLabels": {"app": "web"}}


@pytest.mark.parametrize(
    ("kind", "obj", "expected"),
    [
        (
            "apps/Deployment",
            {
                "spec": {"replicas": 4, "template": TEMPLATE, "selector": SELECTOR},
                "status": {"readyReplicas": 2, "updatedReplicas": 3, "availableReplicas": 1},
            },
            ["x", "2/4", 3, 1, "60m", "a,b", "i:1,j:2", "app=web"],
        ),
        (
            "apps/ReplicaSet",
            {"spec": {"replicas": 2, "template": TEMPLATE, "selector": SELECTOR}, "status": {"replicas": 1}},
            ["x", 2, 1, 0, "60m", "a,b", "i:1,j:2", "app=web"],
        ),
        ("apps/StatefulSet", {"spec": {"replicas": 2, "template": TEMPLATE}}, ["x", "0/2", "60m", "a,b", "i:1,j:2"]),
        (
            "apps/DaemonSet",
            {"spec": {"template": TEMPLATE, "selector": SELECTOR}, "status": {"desiredNumberScheduled": 2}},
            ["x", 2, 0, 0, 0, 0, "<none>", "60m", "a,b", "i:1,j:2", "app=web"],
        ),
        (
            "apps/ControllerRevision",
            {
                "metadata": {
                    "ownerReferences": [
                        {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "controller": True}
                    ]
                },
                "revision": 3,
            },
            ["x", "statefulset.apps/db", 3, "60m"],
        ),
        (
            "batch/Job",
            {
                "spec": {"completions": 3, "template": TEMPLATE, "selector": SELECTOR},
                "status": {
                    "succeeded": 3,
                    "startTime": rfc3339(EPOCH),
                    "completionTime": rfc3339(EPOCH + 61),
                    "conditions": [{"type": "Complete", "status": "True"}],
                },
            },
            ["x", "Complete", "3/3", "61s", "60m", "a,b", "i:1,j:2", "app=web"],
        ),
        (
            "batch/CronJob",
            {"spec": {"schedule": "* * * * *", "suspend": False, "jobTemplate": {"spec": {"template": TEMPLATE}}}},
            ["x", "* * * * *", "<none>", "False", 0, "<none>", "60m", "a,b", "i:1,j:2", "<none>"],
        ),
        (
            "/Service",
            {
                "spec": {
                    "type": "NodePort",
                    "clusterIPs": ["10.96.0.1"],
                    "ports": [
                        {"port": 80, "protocol": "TCP", "nodePort": 30080},
                        {"port": 53, "protocol": "UDP"},
                    ],
                    "selector": {"b": "2", "a": "1"},
                }
            },
            ["x", "NodePort", "10.96.0.1", "<none>", "80:30080/TCP,53/UDP", "60m", "a=1,b=2"],
        ),
        (
            "/Service",
            {"spec": {"type": "LoadBalancer", "clusterIPs": ["10.96.0.1"]}},
            ["x", "LoadBalancer", "10.96.0.1", "<pending>", "<none>", "60m", "<none>"],
        ),
        (
            "/Service",
            {"spec": {"type": "ExternalName", "externalName": "example.com"}},
            ["x", "ExternalName", "<none>", "example.com", "<none>", "60m", "<none>"],
        ),
        (
            "/Endpoints",
            {
                "subsets": [
                    {
                        "addresses": [{"ip": f"10.0.0.{i}"} for i in range(1, 6)],
                        "ports": [{"port": 80}],
                    }
                ]
            },
            ["x", "10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 2 more...", "60m"],
        ),
        (
            "discovery.k8s.io/EndpointSlice",
            {"addressType": "IPv4", "ports": [{"port": 80}], "endpoints": [{"addresses": ["10.0.0.1"]}]},
            ["x", "IPv4", "80", "10.0.0.1", "60m"],
        ),
        ("discovery.k8s.io/EndpointSlice", {"addressType": "IPv4"}, ["x", "IPv4", "<unset>", "<unset>", "60m"]),
        (
            "networking.k8s.io/Ingress",
            {
                "spec": {"ingressClassName": "nginx", "rules": [{"host": "a.example"}], "tls": [{}]},
                "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}},
            },
            ["x", "nginx", "a.example", "192.0.2.1", "80, 443", "60m"],
        ),
        (
            "/Node",
            {
                "metadata": {"labels": {"node-role.kubernetes.io/control-plane": "", "kubernetes.io/role": "infra"}},
                "spec": {"unschedulable": True},
                "status": {
                    "conditions": [{"type": "Ready", "status": "True"}],
                    "nodeInfo": {"kubeletVersion": "v1.36.0", "osImage": "Linux"},
                    "addresses": [{"type": "InternalIP", "address": "192.0.2.1"}],
                },
            },
            [
                "x",
                "Ready,SchedulingDisabled",
                "control-plane,infra",
                "60m",
                "v1.36.0",
                "192.0.2.1",
                "<none>",
                "Linux",
                "<unknown>",
                "<unknown>",
            ],
        ),
        ("/Namespace", {"status": {"phase": "Active"}}, ["x", "Active", "60m"]),
        ("/Secret", {"type": "Opaque", "data": {"a": ""}}, ["x", "Opaque", 1, "60m"]),
        (
            "/Event",
            {
                "lastTimestamp": rfc3339(NOW - 5),
                "firstTimestamp": rfc3339(NOW - 65),
                "count": 3,
                "type": "Warning",
                "reason": "BackOff",
                "involvedObject": {"kind": "Pod", "name": "p", "fieldPath": "spec.containers{a}"},
                "source": {"component": "kubelet", "host": "n1"},
                "message": "Back-off\n",
            },
            ["5s", "Warning", "BackOff", "pod/p", "spec.containers{a}", "kubelet, n1", "Back-off", "65s", 3, "x"],
        ),
        (
            "events.k8s.io/Event",
            {"eventTime": rfc3339(NOW - 9), "regarding": {"kind": "Pod", "name": "p"}, "note": "n"},
            ["9s", "", "", "pod/p", "", "", "n", "9s", 1, "x"],
        ),
        (
            "/PersistentVolumeClaim",
            {
                "spec": {"volumeName": "v", "storageClassName": "fast", "volumeMode": "Filesystem"},
                "status": {
                    "phase": "Bound",
                    "capacity": {"storage": "1Gi"},
                    "accessModes": ["ReadWriteMany", "ReadWriteOnce"],
                },
            },
            ["x", "Bound", "v", "1Gi", "RWO,RWX", "fast", "<unset>", "60m", "Filesystem"],
        ),
        (
            "storage.k8s.io/StorageClass",
            {
                "metadata": {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
                "provisioner": "p",
            },
            ["x (default)", "p", "Delete", "Immediate", False, "60m"],
        ),
        (
            "/ResourceQuota",
            {
                "status": {
                    "hard": {"pods": "4", "limits.cpu": "2", "count/services": "1"},
                    "used": {"pods": "1"},
                }
            },
            ["x", "count/services: 0/1, pods: 1/4", "limits.cpu: 0/2", "60m"],
        ),
        (
            "policy/PodDisruptionBudget",
            {"spec": {"minAvailable": "50%"}, "status": {"disruptionsAllowed": 1}},
            ["x", "50%", "N/A", 1, "60m"],
        ),
        (
            "autoscaling/HorizontalPodAutoscaler",
            {
                "spec": {
                    "scaleTargetRef": {"kind": "Deployment", "name": "web"},
                    "maxReplicas": 5,
                    "metrics": [
                        {
                            "type": "Resource",
                            "resource": {
                                "name": "cpu",
                                "target": {"type": "Utilization", "averageUtilization": 80},
                            },
                        }
                    ],
                },
                "status": {"currentReplicas": 2},
            },
            ["x", "Deployment/web", "cpu: <unknown>/80%", "<unset>", 5, 2, "60m"],
        ),
        (
            "autoscaling/HorizontalPodAutoscaler",
            {
                "spec": {
                    "scaleTargetRef": {"kind": "Deployment", "name": "web"},
                    "minReplicas": 1,
                    "maxReplicas": 5,
                    "targetCPUUtilizationPercentage": 80,
                },
                "status": {"currentReplicas": 2, "currentCPUUtilizationPercentage": 30},
            },
            ["x", "Deployment/web", "cpu: 30%/80%", "1", 5, 2, "60m"],
        ),
        (
            "rbac.authorization.k8s.io/RoleBinding",
            {
                "roleRef": {"kind": "ClusterRole", "name": "view"},
                "subjects": [
                    {"kind": "User", "name": "jo"},
                    {"kind": "ServiceAccount", "namespace": "ns", "name": "default"},
                ],
            },
            ["x", "ClusterRole/view", "60m", "jo", "", "ns/default"],
        ),
        ("apiregistration.k8s.io/APIService", {"spec": {}}, ["x", "Local", "Unknown", "60m"]),
        (
            "apiregistration.k8s.io/APIService",
            {
                "spec": {"service": {"namespace": "kube-system", "name": "metrics"}},
                "status": {"conditions": [{"type": "Available", "status": "False", "reason": "MissingEndpoints"}]},
            },
            ["x", "kube-system/metrics", "False (MissingEndpoints)", "60m"],
        ),
        ("coordination.k8s.io/Lease", {"spec": {"holderIdentity": "n1"}}, ["x", "n1", "60m"]),
        (
            "scheduling.k8s.io/PriorityClass",
            {"value": 10, "preemptionPolicy": "Never"},
            ["x", 10, False, "60m", "Never"],
        ),
    ],
)
def test_the_row_of(kind, obj, expected):
    group, _, name = kind.rpartition("/")
    assert cells(name, obj, group) == expected


# Custom resources --------------------------------------------------------------------------------------------------


def test_a_custom_resource_shows_the_columns_of_its_definition():
    columns: list[dict[str, Any]] = [
        {"name": "Replicas", "type": "integer", "jsonPath": ".spec.replicas"},
        {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
        {"name": "When", "type": "date", "jsonPath": ".metadata.creationTimestamp", "description": "since then"},
        {"name": "All", "type": "string", "jsonPath": ".spec", "priority": 1},
        {"name": "Nothing", "type": "string", "jsonPath": ".nothing"},
        {"name": "Wrong", "type": "integer", "jsonPath": ".metadata.name"},
    ]
    obj = {
        "metadata": {"name": "w", "creationTimestamp": rfc3339(EPOCH)},
        "spec": {"replicas": 3},
        "status": {"conditions": [{"type": "Other", "status": "False"}, {"type": "Ready", "status": "True"}]},
    }
    table = tables.render(Kind("Widget", "example.com", True), [obj], NOW, columns=columns)
    assert table["rows"][0]["cells"] == ["w", 3, "True", "60m", '{"replicas":3}', None, None]
    assert table["columnDefinitions"][1] == {
        "name": "Replicas",
        "type": "integer",
        "format": "",
        "description": "Custom resource definition column (in JSONPath format): .spec.replicas",
        "priority": 0,
    }
    assert table["columnDefinitions"][3]["description"] == "since then"


def test_a_custom_resource_without_columns_shows_its_age():
    obj = {"metadata": {"name": "w", "creationTimestamp": rfc3339(EPOCH)}}
    table = tables.render(Kind("Widget", "example.com", True), [obj], NOW)
    assert [(c["name"], c["type"]) for c in table["columnDefinitions"]] == [("Name", "string"), ("Age", "date")]
    assert table["rows"][0]["cells"] == ["w", "60m"]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".a.b", [1]),
        (".list[0]", [{"n": 1}]),
        (".list[-1].n", [3]),
        (".list[*].n", [1, 2, 3]),
        (".list[?(@.n>1)].n", [2, 3]),
        (".list[?(@.n)].n", [1, 2, 3]),
        (".a['b']", [1]),
        (r".dotted\.key", [5]),
        ("['dotted.key']", [5]),
        (".none.b", []),
        (".list[9]", []),
        (".a[", []),
    ],
)
def test_json_paths(path, found):
    value = {"a": {"b": 1}, "list": [{"n": 1}, {"n": 2}, {"n": 3}], "dotted.key": 5}
    assert list(JsonPath(path).find(value)) == found


# Durations ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-2, "<invalid>"),
        (-1.5, "0s"),
        (0, "0s"),
        (119.9, "119s"),
        (120, "2m"),
        (599, "9m59s"),
        (600, "10m"),
        (179 * 60 + 59, "179m"),
        (3 * 3600, "3h"),
        (7 * 3600 + 59 * 60, "7h59m"),
        (8 * 3600, "8h"),
        (47 * 3600 + 3599, "47h"),
        (48 * 3600, "2d"),
        (7 * 86400 + 3600, "7d1h"),
        (8 * 86400, "8d"),
        (729 * 86400, "729d"),
        (730 * 86400, "2y"),
        (731 * 86400, "2y1d"),
        (8 * 365 * 86400, "8y"),
    ],
)
def test_durations_for_people(seconds, text):
    assert human_duration(seconds) == text


@given(st.floats(-10, 1e9))
def test_a_duration_is_short(seconds):
    assert len(human_duration(seconds)) <= 9
