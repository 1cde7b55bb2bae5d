"""What swaps the parts of lab 02 into an API server really asks them, and changes nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from controlplane.apiserver.admission import DEFAULT_PLUGINS
from controlplane.apiserver.server import ApiServer
from controlplane.client.base import ApiError, Obj
from controlplane.client.local import LocalClient
from controlplane.clock import Loop
from controlplane.grading import stage
from controlplane.grading.at_work.apiserver import merge_by, refusing, select_by
from controlplane.labels import from_label_selector


def test_lists_hold_what_the_learner_selects() -> None:
    client, asked = stage.api(), list[Obj | None]()

    def selects(selector: Obj | None, labels: Mapping[str, str] | None) -> bool:
        asked.append(selector)
        return from_label_selector(selector).matches(labels)

    select_by(client.server, selects)
    for name, labels in {"web": {"env": "prod"}, "try": {"env": "test"}, "db": {"app": "db"}}.items():
        stage.pod(client, name, labels)
    texts = {"": ["db", "try", "web"], "env": ["try", "web"], "!env": ["db"], "env!=test": ["db", "web"]}
    texts |= {"env in (prod,stage)": ["web"], "env notin (prod),env": ["try"]}
    found = {text: stage.names(client.list("pods", label_selector=text)["items"]) for text in texts}
    assert found == texts
    assert {"matchExpressions": [{"key": "env", "operator": "NotIn", "values": ["test"]}]} in asked


def test_problems_are_told_as_the_server_tells_them() -> None:
    plugin = refusing("", "configmaps", lambda obj: [("data.a", "Required value")] if "data" not in obj else [])
    client = LocalClient(ApiServer(Loop(), plugins=[*DEFAULT_PLUGINS, plugin]))
    config: Obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}}
    with pytest.raises(ApiError) as refused:
        client.create(config)
    assert (refused.value.code, refused.value.message) == (
        422,
        'ConfigMap "one" is invalid: data.a: Required value',
    )
    assert client.create({**config, "data": {"a": "b"}})["data"] == {"a": "b"}


def test_strategic_patches_are_merged_by_the_learner() -> None:
    client = stage.api()
    stage.replica_set(client)

    def merge(obj: Obj, patch: Obj, keys: Mapping[str, str]) -> Obj:
        return {**obj, "spec": {**obj["spec"], "replicas": patch["spec"]["replicas"] + len(keys)}}

    merge_by(client.server, merge, {"containers": "name"})
    assert client.patch("replicasets", "web", {"spec": {"replicas": 6}}, type="strategic")["spec"]["replicas"] == 7
    assert client.patch("replicasets", "web", {"spec": {"replicas": 6}}, type="merge")["spec"]["replicas"] == 6
    with pytest.raises(ApiError) as refused:
        client.patch("replicasets", "other", {"spec": {"replicas": 6}}, type="strategic")
    assert refused.value.not_found
