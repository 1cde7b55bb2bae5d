"""An operator written with kopf: a definition, handlers, events and finalizers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from tests.up import Up

GROUP, VERSION, PLURAL = "course.example.com", "v1", "greetings"
DEFINITION: Any = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"{PLURAL}.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {"plural": PLURAL, "singular": "greeting", "kind": "Greeting", "shortNames": ["gr"]},
        "versions": [
            {
                "name": VERSION,
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "required": ["text"],
                                "properties": {"text": {"type": "string", "maxLength": 20}},
                            },
                            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                        },
                    }
                },
            }
        ],
    },
}
OPERATOR = """
import kopf


@kopf.on.create("course.example.com", "v1", "greetings")
def greet(spec, name, namespace, patch, body, **_):
    kopf.event(body, type="Normal", reason="Greeted", message=spec["text"])
    patch.status["said"] = spec["text"].upper()
    return {"length": len(spec["text"])}


@kopf.on.update("course.example.com", "v1", "greetings", field="spec.text")
def again(old, new, patch, **_):
    patch.status["said"] = f"{new.upper()}, not {old}"


@kopf.on.delete("course.example.com", "v1", "greetings")
def bye(**_):
    pass
"""


def greeting(name: str, text: str) -> dict[str, Any]:
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "Greeting",
        "metadata": {"name": name},
        "spec": {"text": text},
    }


def eventually(condition: Callable[[], Any]) -> Any:
    for _ in range(200):
        if found := condition():
            return found
        time.sleep(0.1)
    pytest.fail("it did not happen in 20 seconds")


@pytest.fixture(scope="module")
def objects(cluster: Up, tmp_path_factory: pytest.TempPathFactory) -> Iterator[client.CustomObjectsApi]:
    """The definition, and an operator that runs."""
    api = config.new_client_from_config(str(cluster.kubeconfig))
    definitions = client.ApiextensionsV1Api(api)
    definitions.create_custom_resource_definition(DEFINITION)
    operator = Path(tmp_path_factory.mktemp("operator")) / "operator.py"
    operator.write_text(OPERATOR)
    environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig)}
    command = [sys.executable, "-m", "kopf", "run", "--standalone", "--namespace", "default", str(operator)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        yield client.CustomObjectsApi(api)
        process.terminate()
        _, log = process.communicate(timeout=20)
    assert "Traceback" not in log, log
    definitions.delete_custom_resource_definition(f"{PLURAL}.{GROUP}")


def test_an_operator_answers_creation_change_and_deletion(objects):
    where = (GROUP, VERSION, "default", PLURAL)
    made = "g-" + uuid.uuid4().hex[:6]

    def said() -> Any:
        return objects.get_namespaced_custom_object(*where, made).get("status", {}).get("said")

    objects.create_namespaced_custom_object(
        *where,
        {"apiVersion": f"{GROUP}/{VERSION}", "kind": "Greeting", "metadata": {"name": made}, "spec": {"text": "hi"}},
    )
    eventually(lambda: said() == "HI")
    stored = objects.get_namespaced_custom_object(*where, made)
    assert stored["status"]["greet"] == {"length": 2} and stored["metadata"]["finalizers"]
    core = client.CoreV1Api(objects.api_client)
    selector = f"involvedObject.name={made},reason=Greeted"
    events = eventually(lambda: core.list_namespaced_event("default", field_selector=selector).items)
    assert events[0].message == "hi"
    objects.patch_namespaced_custom_object(*where, made, {"spec": {"text": "hey"}})
    eventually(lambda: said() == "HEY, not hi")
    objects.delete_namespaced_custom_object(*where, made)

    def gone() -> bool:
        try:
            objects.get_namespaced_custom_object(*where, made)
        except ApiException as error:
            return error.status == 404
        return False

    eventually(gone)


def test_the_definitions_schema_holds(objects):
    with pytest.raises(ApiException) as refused:
        objects.create_namespaced_custom_object(
            GROUP,
            VERSION,
            "default",
            PLURAL,
            greeting("long", "x" * 21),
        )
    assert refused.value.status == 422 and "spec.text: Too long" in str(refused.value.body)
