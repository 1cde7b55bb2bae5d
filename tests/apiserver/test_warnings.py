"""What the server says of objects that it takes all the same."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.apiserver.strategies.table import STRATEGIES
from tests.apiserver.checked import GOOD, Obj, changed, created

RULES = "requiredDuringSchedulingIgnoredDuringExecution"
DOTS = "which can result in surprising behavior; a DNS label is recommended: [must not contain dots]"
PORT = {"containerPort": 80}


def container(**fields: Any) -> Obj:
    return {"spec": {"containers": [{"name": "a", "image": "i:1", **fields}]}}


def warned(kind: str, patch: Obj) -> list[str]:
    obj, errors = created(changed(GOOD[kind], patch))
    assert errors == []
    group = obj["apiVersion"].rpartition("/")[0]
    return STRATEGIES[group, kind].warnings(obj)


@pytest.mark.parametrize("kind", GOOD)
def test_most_is_said_nothing_of(kind: str) -> None:
    assert warned(kind, {}) == []


@pytest.mark.parametrize(
    ("kind", "patch", "expected"),
    [
        ("Pod", {"metadata": {"name": "a.b"}}, f"metadata.name: this is used in the Pod's hostname, {DOTS}"),
        ("Job", {"metadata": {"name": "a.b"}}, f"metadata.name: this is used in Pod names and hostnames, {DOTS}"),
        (
            "Pod",
            container(env=[{"name": "A", "value": "x"}, {"name": "A", "value": "y"}]),
            'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
        ),
        (
            "Pod",
            container(resources={"requests": {"memory": "100m"}}),
            "spec.containers[0].resources.requests[memory]: "
            'fractional byte value "100m" is invalid, must be an integer',
        ),
        (
            "Pod",
            container(ports=[PORT, PORT]),
            "spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]",
        ),
        (
            "Pod",
            container(ports=[PORT, {**PORT, "hostPort": 80}]),
            "spec.containers[0].ports[1]: overlapping port definition with spec.containers[0].ports[0]",
        ),
        (
            "Pod",
            {"spec": {"nodeSelector": {"beta.kubernetes.io/os": "linux"}}},
            'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
        ),
        (
            "Pod",
            {"spec": {"affinity": {"podAntiAffinity": {RULES: [{"topologyKey": "a"}]}}}},
            f"spec.affinity.podAntiAffinity.{RULES}[0].labelSelector: a null labelSelector results in matching no pod",
        ),
        (
            "Pod",
            {"spec": {"hostAliases": [{"ip": "1.1.1.1"}, {"ip": "1.1.1.1"}]}},
            'spec.hostAliases[1].ip: duplicate ip "1.1.1.1"',
        ),
        ("Pod", {"spec": {"imagePullSecrets": [{}]}}, 'spec.imagePullSecrets[0].name: invalid empty name ""'),
        (
            "Deployment",
            {"spec": {"template": {"metadata": {"annotations": {"security.alpha.kubernetes.io/sysctls": "a=b"}}}}},
            "spec.template.metadata.annotations[security.alpha.kubernetes.io/sysctls]: non-functional in v1.11+; "
            'use the "sysctls" field instead',
        ),
        (
            "StatefulSet",
            {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": -1}}}},
            "spec.template.spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be "
            "treated as 1",
        ),
        (
            "DaemonSet",
            {"spec": {"template": {"spec": {"volumes": [{"name": "g", "gitRepo": {"repository": "r"}}]}}}},
            "spec.template.spec.volumes[0].gitRepo: deprecated in v1.11",
        ),
        (
            "Ingress",
            {"metadata": {"annotations": {"kubernetes.io/ingress.class": "x"}}},
            "annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead",
        ),
    ],
)
def test_what_is_said(kind: str, patch: Obj, expected: str) -> None:
    assert warned(kind, patch) == [expected]


def test_what_is_said_again() -> None:
    """Of names never, of templates when they change, of Pods always."""
    old, _ = created(changed(GOOD["Deployment"], {"metadata": {"name": "a.b"}}))
    strategy = STRATEGIES["apps", "Deployment"]
    assert strategy.warnings(old, old) == []
    template = {"metadata": {"generation": 2}, "spec": {"template": {"spec": {"terminationGracePeriodSeconds": -1}}}}
    assert len(strategy.warnings(changed(old, template))) == 2
    assert len(strategy.warnings(changed(old, template), old)) == 1
    pod, _ = created(changed(GOOD["Pod"], {"metadata": {"name": "a.b"}, "spec": {"imagePullSecrets": [{}]}}))
    assert len(STRATEGIES["", "Pod"].warnings(pod, pod)) == 1
