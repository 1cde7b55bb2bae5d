"""The official Python client: typed, dynamic, watches, informers."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client as typed
from kubernetes import config, dynamic, utils, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream

from tests.up import Up

client: Any = typed  # its fields are all optional, and what is missing shows in the test


@pytest.fixture(scope="module")
def api(cluster: Up) -> Any:
    return config.new_client_from_config(str(cluster.kubeconfig))


@pytest.fixture
def namespace(api: Any) -> Iterator[str]:
    core = client.CoreV1Api(api)
    name = "test-" + uuid.uuid4().hex[:8]
    core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=name)))
    yield name
    core.delete_namespace(name)


def deployment(name: str, replicas: int = 2) -> Any:
    labels = {"app": name}
    container = client.V1Container(name="web", image="nginx:1", ports=[client.V1ContainerPort(container_port=80)])
    return client.V1Deployment(
        metadata=client.V1ObjectMeta(name=name),
        spec=client.V1DeploymentSpec(
            replicas=replicas,
            selector=client.V1LabelSelector(match_labels=labels),
            template=client.V1PodTemplateSpec(
                metadata=client.V1ObjectMeta(labels=labels), spec=client.V1PodSpec(containers=[container])
            ),
        ),
    )


def test_a_deployment_from_create_to_delete(api, namespace):
    apps, core = client.AppsV1Api(api), client.CoreV1Api(api)
    made = apps.create_namespaced_deployment(namespace, deployment("web"))
    assert made.spec.strategy.rolling_update.max_surge == "25%"
    for event in watch.Watch().stream(apps.list_namespaced_deployment, namespace, timeout_seconds=20):
        if event["object"].status.available_replicas == 2:
            break
    else:
        pytest.fail("the Deployment did not become available")
    pods = core.list_namespaced_pod(namespace, label_selector="app=web").items
    assert [pod.status.phase for pod in pods] == ["Running", "Running"]
    assert core.read_namespaced_pod_log(pods[0].metadata.name, namespace) == "listening\n"
    scaled = apps.patch_namespaced_deployment_scale("web", namespace, {"spec": {"replicas": 1}})
    assert scaled.spec.replicas == 1
    apps.delete_namespaced_deployment("web", namespace)
    with pytest.raises(ApiException) as gone:
        apps.read_namespaced_deployment("web", namespace)
    assert gone.value.status == 404 and "not found" in str(gone.value.body)


def test_a_conflict_is_told(api, namespace):
    core = client.CoreV1Api(api)
    made = core.create_namespaced_config_map(
        namespace, client.V1ConfigMap(metadata=client.V1ObjectMeta(name="c"), data={"a": "1"})
    )
    core.patch_namespaced_config_map("c", namespace, {"data": {"a": "2"}})
    made.data["a"] = "3"
    with pytest.raises(ApiException) as refused:
        core.replace_namespaced_config_map("c", namespace, made)
    assert refused.value.status == 409


def test_a_page_after_another(api, namespace):
    core = client.CoreV1Api(api)
    for i in range(5):
        core.create_namespaced_config_map(namespace, {"metadata": {"name": f"c-{i}", "labels": {"page": "y"}}})
    names, token = [], None
    while True:
        page = core.list_namespaced_config_map(namespace, limit=2, _continue=token, label_selector="page=y")
        names += [item.metadata.name for item in page.items]
        token = page.metadata._continue
        if not token:
            break
    assert names == [f"c-{i}" for i in range(5)]


def test_a_command_in_a_pod(api, namespace):
    core = client.CoreV1Api(api)
    core.create_namespaced_pod(
        namespace, {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "nginx:1"}]}}
    )
    for event in watch.Watch().stream(core.list_namespaced_pod, namespace, timeout_seconds=20):
        if event["object"].status.phase == "Running":
            break
    said = stream(
        core.connect_get_namespaced_pod_exec,
        "p",
        namespace,
        command=["echo", "hello"],
        stdout=True,
        stderr=True,
        stdin=False,
        tty=False,
    )
    assert said == "hello\n"


def test_the_dynamic_client(api, namespace):
    discovered = dynamic.DynamicClient(api)
    services = discovered.resources.get(api_version="v1", kind="Service")
    made = services.create(
        body={
            "metadata": {"name": "web"},
            "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80}]},
        },
        namespace=namespace,
    )
    assert made.spec.clusterIP.startswith("10.96.") and made.status is not None
    applied = discovered.server_side_apply(
        services,
        body={
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web"},
            "spec": {"ports": [{"name": "https", "port": 443}]},
        },
        name="web",
        namespace=namespace,
        field_manager="tester",
        force_conflicts=True,
    )
    assert {port.port for port in applied.spec.ports} == {80, 443}
    events: Any = services.watch(namespace=namespace, timeout=1)
    assert [event["object"].metadata.name for event in events] == ["web"]
    services.delete(name="web", namespace=namespace)


def test_objects_from_yaml(api, namespace, tmp_path):
    path = tmp_path / "objects.yaml"
    path.write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\n---\n"
        "apiVersion: v1\nkind: Secret\nmetadata: {name: two}\nstringData: {password: secret}\n"
    )
    utils.create_from_yaml(api, str(path), namespace=namespace)
    core = client.CoreV1Api(api)
    assert core.read_namespaced_secret("two", namespace).data == {"password": "c2VjcmV0"}


def test_every_group_is_discovered(api):
    groups = {group.name for group in client.ApisApi(api).get_api_versions().groups}
    assert {"apps", "batch", "policy", "networking.k8s.io", "metrics.k8s.io"} <= groups
    usage = client.CustomObjectsApi(api).list_cluster_custom_object("metrics.k8s.io", "v1beta1", "nodes")
    assert [item["metadata"]["name"] for item in usage["items"]] == ["node-a", "node-b"]
