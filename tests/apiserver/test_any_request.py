"""Whatever comes over the wire, for any kind and any verb, the server answers, and never with an error of its own."""

from __future__ import annotations

import random
from typing import Any

import pytest

from controlplane.apiserver import codec
from controlplane.apiserver.api import Request
from controlplane.apiserver.resources import BUILT_IN, ResourceInfo
from controlplane.apiserver.server import ApiServer
from controlplane.clock import Loop
from tests.apiserver.any_object import any_object

JUNK: list[Any] = [None, True, 0, -1, 1.5, 2**70, "", "é", [], {}, [None], [{}], {"": None}, {"a": {"b": [1]}}]
DIRECTIVES = ["$patch", "$retainKeys", "$setElementOrder/containers", "$deleteFromPrimitiveList/finalizers", "", "a/b"]
PATCHES = [
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
]
BODIES = ["application/json"] * 5 + ["application/yaml", "application/vnd.kubernetes.protobuf", "text/plain"]
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
ACCEPTS = ["application/json"] * 3 + [
    TABLE,
    "application/yaml",
    "text/html",
    TABLE.replace("Table", "PartialObjectMetadata"),
]
QUERY = {
    "dryRun": ["All", "x"],
    "fieldValidation": ["Strict", "Warn", "Ignore", "x"],
    "fieldManager": ["me", "", "\x00"],
    "force": ["true", "x"],
    "limit": ["1", "-1", "x"],
    "labelSelector": ["a=b", "!", "a in (b", "a!=b,c"],
    "fieldSelector": ["metadata.name=x", "spec.x=1", "a"],
    "resourceVersion": ["0", "1", "-1", "x", "999999"],
    "resourceVersionMatch": ["Exact", "NotOlderThan", "x"],
    "continue": ["x", "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJ4In0"],
    "propagationPolicy": ["Orphan", "Foreground", "x"],
    "gracePeriodSeconds": ["0", "-1", "x"],
    "pretty": ["true"],
}
UNREACHABLE = "connection refused"  # of a node's kubelet: upstream answers 500 for it too
KINDS = [info for info in BUILT_IN if info.stored]


class Sender:
    """Sends requests of which much is wrong, and keeps what the server should not have answered."""

    def __init__(self, info: ResourceInfo) -> None:
        self.info = info
        self.rng = random.Random(info.path())
        self.server = ApiServer(Loop(0))
        self.failures: list[str] = []

    def send(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> int:
        rng = self.rng
        raw = body if body is None or isinstance(body, bytes) else codec.encode(body)
        if raw and rng.random() < 0.03:
            raw = raw[: rng.randrange(len(raw))]
        query = {name: rng.choice(values) for name, values in QUERY.items() if rng.random() < 0.08}
        headers = {"content-type": content_type, "accept": rng.choice(ACCEPTS)}
        response = self.server.handle(Request(method, path, query, headers, raw))
        if response.status == 500 and UNREACHABLE not in str(response.body):
            self.failures.append(f"{method} {path} {query} {headers} {raw!r}: {response.body}")
        response.payload()
        return response.status

    def damaged(self, value: Any) -> Any:
        """`value` with a few of its parts replaced, left out or added to."""
        rng = self.rng
        if rng.random() < 0.03:
            return rng.choice(JUNK)
        if isinstance(value, dict):
            out = {key: self.damaged(item) for key, item in value.items() if rng.random() > 0.02}
            return {**out, rng.choice(DIRECTIVES): rng.choice(JUNK)} if rng.random() < 0.04 else out
        return [self.damaged(item) for item in value] if isinstance(value, list) else value

    def named(self, name: str) -> Any:
        obj = any_object(self.info.api_version, self.info.kind, self.rng)
        return {**obj, "apiVersion": self.info.api_version, "kind": self.info.kind, "metadata": {"name": name}}

    def json_patch(self, target: Any) -> list[Any]:
        rng = self.rng
        pointers = [
            "",
            "/metadata/labels/a",
            "/spec",
            "/metadata/name",
            "/x/-",
            "/spec/containers/0",
            "x",
            *map("/{}".format, target),
        ]
        verbs = ["add", "remove", "replace", "test", "move", "copy", "x"]
        return [
            {
                "op": rng.choice(verbs),
                "path": rng.choice(pointers),
                "from": rng.choice(pointers),
                "value": rng.choice(JUNK),
            }
            for _ in range(rng.randrange(3))
        ]

    def round(self) -> None:
        """Every verb, once."""
        rng, info = self.rng, self.info
        good = self.named("x")
        collection = info.path("default")
        path = info.path("default", "x")
        self.send("POST", collection, self.damaged(good), rng.choice(BODIES))
        self.send("POST", collection, good)
        self.send("PUT", path, self.damaged(self.named("x")), rng.choice(BODIES))
        for media in PATCHES:
            patch = self.json_patch(good) if media == PATCHES[0] else self.damaged(self.named("x"))
            self.send("PATCH", path, self.damaged(patch), media)
        for name in (*info.subresources, "nonsense"):
            self.send(rng.choice(["GET", "PUT", "POST", "DELETE"]), f"{path}/{name}", self.damaged(self.named("x")))
            self.send("PATCH", f"{path}/{name}", self.damaged({"spec": {"replicas": 2}}), rng.choice(PATCHES))
        for where in (path, collection, info.path()):
            self.send("GET", where)
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0, "preconditions": {"uid": "x"}}
        self.send("DELETE", path, self.damaged(options) if rng.random() < 0.5 else None)
        if rng.random() < 0.2:
            self.send("DELETE", collection)


@pytest.mark.parametrize("info", KINDS, ids=lambda info: f"{info.plural}.{info.version}.{info.group}")
def test_the_server_answers(info):
    sender = Sender(info)
    for _ in range(25):
        sender.round()
    assert sender.failures == []
