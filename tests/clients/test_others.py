"""Clients that others wrote: kubernetes_asyncio, kr8s, lightkube."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import kr8s
import lightkube
import pytest
from kubernetes_asyncio import client as aio
from kubernetes_asyncio import config as aio_config
from kubernetes_asyncio import watch as aio_watch
from kubernetes_asyncio.client.api_client import ApiClient
from lightkube.core.exceptions import ApiError
from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Namespace, Pod

from tests.up import Up

POD: Any = {"spec": {"containers": [{"name": "c", "image": "nginx:1"}]}}


def name() -> str:
    return "test-" + uuid.uuid4().hex[:8]


def test_kubernetes_asyncio_watches_while_it_writes(cluster: Up):
    async def main() -> list[str]:
        await aio_config.load_kube_config(str(cluster.kubeconfig))
        async with ApiClient() as api:
            core = aio.CoreV1Api(api)
            made = name()
            seen = []

            async def look() -> None:
                async with aio_watch.Watch() as watching:
                    async for event in watching.stream(
                        core.list_namespaced_pod, "default", field_selector=f"metadata.name={made}"
                    ):
                        seen.append(event["type"])
                        if event["type"] == "DELETED":
                            return

            looking = asyncio.ensure_future(look())
            await asyncio.sleep(0.2)
            await core.create_namespaced_pod("default", POD | {"metadata": {"name": made}})
            await core.delete_namespaced_pod(made, "default", grace_period_seconds=0)
            await asyncio.wait_for(looking, 20)
            return seen

    seen = asyncio.run(main())
    assert seen[0] == "ADDED" and seen[-1] == "DELETED"


def test_kr8s_runs_a_pod(cluster: Up):
    api = kr8s.api(kubeconfig=str(cluster.kubeconfig))
    nodes: Any = api.get("nodes")
    assert {node.name for node in nodes} == {"node-a", "node-b"}
    pod = kr8s.objects.Pod({**POD, "metadata": {"name": name(), "namespace": "default"}}, api=api)
    pod.create()
    pod.wait("condition=Ready", timeout=20)
    assert pod.ready()
    assert list(pod.logs()) == ["listening"]
    pod.label({"seen": "yes"})
    assert pod.labels["seen"] == "yes"
    pod.delete(force=True)
    assert not pod.exists()


def test_kr8s_knows_the_server(cluster: Up):
    api = kr8s.api(kubeconfig=str(cluster.kubeconfig))
    assert api.version()["gitVersion"].startswith("v1.36")
    assert any(resource["kind"] == "Deployment" for resource in api.api_resources())
    assert api.whoami() == "kubernetes-admin"


@pytest.fixture(scope="module")
def light(cluster: Up) -> lightkube.Client:
    kubeconfig = lightkube.KubeConfig.from_file(str(cluster.kubeconfig))
    return lightkube.Client(config=kubeconfig, field_manager="tests")


def test_lightkube_creates_patches_and_applies(light):
    made = name()
    pod = Pod(metadata=ObjectMeta(name=made), spec=PodSpec(containers=[Container(name="c", image="nginx:1")]))
    assert light.create(pod).spec.restartPolicy == "Always"
    light.wait(Pod, made, for_conditions=["Ready"])
    light.patch(Pod, made, {"metadata": {"labels": {"a": "b"}}})
    assert [found.metadata.name for found in light.list(Pod, labels={"a": "b"})] == [made]
    light.delete(Pod, made, grace_period=0)
    config = ConfigMap(metadata=ObjectMeta(name=made, namespace="default"), data={"a": "1"})
    assert light.apply(config).data == {"a": "1"}
    config.data = {"b": "2"}
    assert light.apply(config).data == {"b": "2"}
    light.delete(ConfigMap, made)
    with pytest.raises(ApiError) as gone:
        light.get(ConfigMap, made)
    assert gone.value.status.reason == "NotFound"


def test_lightkube_lists_in_chunks_and_deletes_collections(light):
    space = name()
    light.create(Namespace(metadata=ObjectMeta(name=space)))
    for i in range(7):
        light.create(ConfigMap(metadata=ObjectMeta(name=f"c-{i}", namespace=space, labels={"l": "1"})))
    found = light.list(ConfigMap, namespace=space, labels={"l": "1"}, chunk_size=3)
    assert [config.metadata.name for config in found] == [f"c-{i}" for i in range(7)]
    light.deletecollection(ConfigMap, namespace=space)
    assert list(light.list(ConfigMap, namespace=space, labels={"l": "1"})) == []
    light.delete(Namespace, space)
