"""What is there before anybody wrote anything: kube-apiserver makes these objects when it starts.

(pkg/controlplane: systemnamespaces, kubernetesservice; pkg/registry/scheduling/rest)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from controlplane.apiserver.api import Request, UserInfo

if TYPE_CHECKING:
    from controlplane.apiserver.server import ApiServer

Obj = dict[str, Any]

SELF = UserInfo("system:apiserver", ("system:masters", "system:authenticated"))
NAMESPACES = ("kube-system", "kube-public", "kube-node-lease", "default")
CRITICAL = (
    (
        "system-node-critical",
        2_000_001_000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
    (
        "system-cluster-critical",
        2_000_000_000,
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
    ),
)


def objects(service_net: str) -> list[tuple[str, Obj]]:
    """(path of the collection, object) of everything that a new cluster has."""
    made: list[tuple[str, Obj]] = [
        ("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        for name in NAMESPACES
    ]
    for name, value, description in CRITICAL:
        made.append(
            (
                "/apis/scheduling.k8s.io/v1/priorityclasses",
                {
                    "apiVersion": "scheduling.k8s.io/v1",
                    "kind": "PriorityClass",
                    "metadata": {"name": name},
                    "value": value,
                    "description": description,
                },
            )
        )
    made.append(
        (
            "/api/v1/namespaces/default/services",
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "kubernetes", "labels": {"component": "apiserver", "provider": "kubernetes"}},
                "spec": {
                    "clusterIP": f"{service_net}.0.1",
                    "clusterIPs": [f"{service_net}.0.1"],
                    "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}],
                },
            },
        )
    )
    return made


def create(server: ApiServer) -> None:
    """Make what is missing; what is there already, from an earlier run on the same store, stays."""
    authorizer, server.authorizer = server.authorizer, None
    try:
        for path, obj in objects(server.service_net):
            there = server.handle(Request("GET", f"{path}/{obj['metadata']['name']}", user=SELF))
            if there.status == 200:
                continue
            answer = server.handle(Request("POST", path, body=obj, user=SELF))
            if answer.status != 201:
                raise RuntimeError(f"cannot create {obj['kind']} {obj['metadata']['name']}: {answer.body}")
    finally:
        server.authorizer = authorizer
