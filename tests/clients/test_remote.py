"""Parts of a learner's over HTTP: a scheduler and a controller beside the default ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest

from controlplane.client.base import ApiError
from controlplane.client.informer import Informer
from controlplane.client.remote import RemoteClient
from controlplane.clock import WallLoop
from controlplane.controllers.base import Controller
from controlplane.scheduler.custom import from_function
from tests.up import up


def pod(name: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "app", "image": "app:v1"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container], **spec}}


def test_it_speaks_to_any_cluster(tmp_path: Path) -> None:
    with up(tmp_path) as cluster:
        loop = WallLoop()
        client = RemoteClient(loop, kubeconfig=str(cluster.kubeconfig))
        assert client.resource("deployments").api_version == "apps/v1"
        assert client.resource_for("v1", "Pod").plural == "pods"
        with pytest.raises(ApiError) as missing:
            client.get("pods", "nobody")
        assert (missing.value.code, missing.value.reason) == (404, "NotFound")
        with pytest.raises(ApiError, match="doesn't have a resource type 'wishes'"):
            client.resource("wishes")

        seen: list[str] = []
        informer = Informer(loop, client, "configmaps", "default")
        informer.add_handler(lambda type, old, new: seen.append(f"{type} {(new or old or {})['metadata']['name']}"))
        informer.start()
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": {"a": "1"}}
        client.create(config)
        client.patch("configmaps", "one", {"data": {"a": "2"}})
        client.delete("configmaps", "one")
        assert loop.run_until(lambda: "DELETED one" in seen, 10)
        assert seen[-3:] == ["ADDED one", "MODIFIED one", "DELETED one"]
        informer.stop()


def test_a_scheduler_of_ones_own_works_beside_the_default_one(tmp_path: Path) -> None:
    with up(tmp_path) as cluster:
        loop = WallLoop()
        client = RemoteClient(loop, kubeconfig=str(cluster.kubeconfig))
        mine = from_function(lambda pod, nodes: "node-b", scheduler_name="mine")(loop, client)
        mine.start()
        for i in range(3):
            client.create(pod(f"mine-{i}", schedulerName="mine"))
        client.create(pod("theirs"))

        def bound() -> bool:
            return all(p["spec"].get("nodeName") for p in client.list("pods", "default")["items"])

        assert loop.run_until(bound, 20)
        where = {p["metadata"]["name"]: p["spec"]["nodeName"] for p in client.list("pods", "default")["items"]}
        assert {where[f"mine-{i}"] for i in range(3)} == {"node-b"}
        assert where["theirs"]
        mine.stop()


def test_a_controller_of_ones_own_keeps_its_promise(tmp_path: Path) -> None:
    class Copier(Controller):
        """Every ConfigMap labelled `copy` has a Secret of its name."""

        watches: ClassVar = {"configmaps": "self"}

        def reconcile(self, key: str) -> None:
            found = self.informer("configmaps").get(key)
            if found is None or "copy" not in (found["metadata"].get("labels") or {}):
                return
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": found["metadata"]["name"]}}
            try:
                self.client.create(secret, found["metadata"]["namespace"])
            except ApiError as error:
                if not error.already_exists:
                    raise

    with up(tmp_path) as cluster:
        loop = WallLoop()
        client = RemoteClient(loop, kubeconfig=str(cluster.kubeconfig))
        copier = Copier(loop, client)
        copier.start()
        meta = {"name": "shared", "labels": {"copy": "yes"}}
        client.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})

        def copied() -> bool:
            return any(s["metadata"]["name"] == "shared" for s in client.list("secrets", "default")["items"])

        assert loop.run_until(copied, 20)
        copier.stop()


def test_a_kubeconfig_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no cluster to talk to"):
        RemoteClient(WallLoop(), kubeconfig=str(tmp_path / "absent"))
