"""LimitRange and ResourceQuota, in upstream's words."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.apiserver.server import ApiServer
from controlplane.client.base import ApiError
from controlplane.client.local import LocalClient
from controlplane.clock import Loop

PODS = "/api/v1/namespaces/default/pods"


@pytest.fixture
def client() -> LocalClient:
    return LocalClient(ApiServer(Loop()))


def pod(name: str = "p", *, init: dict | None = None, **resources: dict) -> dict[str, Any]:
    spec: dict[str, Any] = {"containers": [{"name": "c", "image": "i", "resources": resources}]}
    if init is not None:
        spec["initContainers"] = [{"name": "first", "image": "i", "resources": {"requests": init}}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def refusal(client: LocalClient, path: str, obj: dict) -> str:
    with pytest.raises(ApiError) as refused:
        client.request("POST", path, body=obj)
    assert refused.value.code == 403
    return refused.value.message


def limit_range(client: LocalClient, **item: Any) -> None:
    item.setdefault("type", "Container")
    body = {"metadata": {"name": "limits"}, "spec": {"limits": [item]}}
    client.request("POST", "/api/v1/namespaces/default/limitranges", body=body)


def test_a_container_gets_what_it_does_not_say(client):
    limit_range(client, default={"cpu": "1", "memory": "1Gi"}, defaultRequest={"cpu": "500m"})
    made = client.request("POST", PODS, body=pod(requests={"cpu": "100m"}))
    resources = made["spec"]["containers"][0]["resources"]
    assert resources == {"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
    assert made["metadata"]["annotations"]["kubernetes.io/limit-ranger"] == (
        "LimitRanger plugin set: memory request for container c; cpu, memory limit for container c"
    )


@pytest.mark.parametrize(
    ("item", "resources", "message"),
    [
        (
            {"min": {"cpu": "200m"}},
            {"requests": {"cpu": "100m"}},
            "minimum cpu usage per Container is 200m, but request is 100m",
        ),
        ({"max": {"cpu": "1"}}, {"limits": {"cpu": "2"}}, "maximum cpu usage per Container is 1, but limit is 2"),
        (
            {"maxLimitRequestRatio": {"cpu": "2"}},
            {"requests": {"cpu": "1"}, "limits": {"cpu": "3"}},
            "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000",
        ),
        ({"type": "Pod", "max": {"memory": "1Gi"}}, {}, "maximum memory usage per Pod is 1Gi.  No limit is specified"),
        (
            {"min": {"cpu": "1"}, "max": {"cpu": "2"}},
            {"requests": {"cpu": "500m"}, "limits": {"cpu": "3"}},
            "[minimum cpu usage per Container is 1, but request is 500m, "
            "maximum cpu usage per Container is 2, but limit is 3]",
        ),
    ],
)
def test_a_container_keeps_within_the_limits(client, item, resources, message):
    limit_range(client, **item)
    assert refusal(client, PODS, pod(**resources)) == f'pods "p" is forbidden: {message}'
    with pytest.raises(ApiError):
        client.request("GET", f"{PODS}/p")


def quota(client: LocalClient, *, known: bool = True, **hard: str) -> None:
    hard = {name.replace("count_", "count/").replace("_", "."): value for name, value in hard.items()}
    body: dict[str, Any] = {"metadata": {"name": "q"}, "spec": {"hard": hard}}
    path = "/api/v1/namespaces/default/resourcequotas"
    made = client.request("POST", path, body=body)
    if known:  # what the quota controller says once it has counted
        client.request(
            "PUT", f"{path}/q/status", body={**made, "status": {"hard": hard, "used": dict.fromkeys(hard, "0")}}
        )


def used(client: LocalClient) -> dict[str, str]:
    return client.request("GET", "/api/v1/namespaces/default/resourcequotas/q")["status"]["used"]


def test_what_fits_is_charged(client):
    quota(client, pods="2", requests_cpu="1")
    client.request("POST", PODS, body=pod("a", requests={"cpu": "300m"}, init={"cpu": "400m"}))
    assert used(client) == {"pods": "1", "requests.cpu": "400m"}
    assert refusal(client, PODS, pod("b", requests={"cpu": "700m"})) == (
        'pods "b" is forbidden: exceeded quota: q, requested: requests.cpu=700m, '
        "used: requests.cpu=400m, limited: requests.cpu=1"
    )
    client.request("POST", PODS, query={"dryRun": "All"}, body=pod("c", requests={"cpu": "100m"}))
    assert used(client) == {"pods": "1", "requests.cpu": "400m"}


def test_what_a_quota_limits_must_be_said(client):
    quota(client, limits_cpu="1", requests_memory="1Gi")
    assert refusal(client, PODS, pod()) == (
        'pods "p" is forbidden: failed quota: q: must specify limits.cpu for: c; requests.memory for: c'
    )


def test_nothing_passes_before_the_quota_was_counted(client):
    quota(client, known=False, pods="1")
    assert refusal(client, PODS, pod()) == 'pods "p" is forbidden: status unknown for quota: q, resources: pods'


def test_objects_are_counted(client):
    quota(client, configmaps="1", count_secrets="0")
    maps = "/api/v1/namespaces/default/configmaps"
    client.request("POST", maps, body={"metadata": {"name": "a"}})
    assert "requested: configmaps=1, used: configmaps=1, limited: configmaps=1" in refusal(
        client, maps, {"metadata": {"name": "b"}}
    )
    secrets = "/api/v1/namespaces/default/secrets"
    assert "limited: count/secrets=0" in refusal(client, secrets, {"metadata": {"name": "s"}})


def test_a_service_that_becomes_larger_is_charged(client):
    quota(client, services_loadbalancers="1")
    path = "/api/v1/namespaces/default/services"
    for name, type in (("one", "LoadBalancer"), ("two", "ClusterIP")):
        client.request("POST", path, body={"metadata": {"name": name}, "spec": {"type": type, "ports": [{"port": 80}]}})
    with pytest.raises(ApiError, match="exceeded quota"):
        client.request(
            "PATCH", f"{path}/two", body={"spec": {"type": "LoadBalancer"}}, content_type="application/merge-patch+json"
        )
