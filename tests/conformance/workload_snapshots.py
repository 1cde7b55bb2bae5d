"""Running a recorded workload scenario in this process, and taking the snapshots that the recording has."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from controlplane.client.base import PATCH_TYPES, ApiError, Client, Obj
from controlplane.clock import Loop

QUIET = 1.5  # seconds without a change, after which things have settled
LIMIT = 30.0
STEP = 0.1
KINDS = ("deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "poddisruptionbudgets")
UID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
POD = re.compile(r"\b([a-z][a-z0-9]*)-(?=[a-z0-9]*[0-9])[bcdf0-9]{0,1}[a-z0-9]{6,10}-[a-z0-9]{5}\b")
CHILD = re.compile(r"\b(web|rs|j|ds)-[bcdfghjklmnpqrstvwxz2456789]{5}\b")
HASHED = re.compile(r"\b(web)-[a-z0-9]{8,10}\b")


def mask(text: str, namespace: str) -> str:
    """Take out of a text what no two runs share."""
    text = UID.sub("<uid>", text.replace(namespace, "$NS"))
    text = POD.sub(r"\1-<hash>-<suffix>", text)
    return HASHED.sub(r"\1-<hash>", CHILD.sub(r"\1-<suffix>", text))


def snapshot(client: Client, ns: str) -> Obj:
    """What the recording compares: see workloads.py beside it."""
    out: Obj = {}
    for kind in KINDS:
        items = [_summary(item, ns) for item in client.list(kind, ns)["items"]]
        if items:
            out[kind] = sorted(items, key=json.dumps)
    pods = client.list("pods", ns)["items"]
    out["pods"] = dict(sorted(Counter(_describe(pod, ns) for pod in pods).items()))
    out["pods per node"] = dict(sorted(Counter(p["spec"].get("nodeName", "") for p in pods).items()))
    endpoints: Counter[str] = Counter()
    for part in client.list("endpointslices", ns)["items"]:
        service = (part["metadata"].get("labels") or {}).get("kubernetes.io/service-name")
        ports = sorted((p.get("name", ""), p.get("port")) for p in part.get("ports") or [])
        for e in part.get("endpoints") or []:
            c = e.get("conditions", {})
            state = " ".join(f"{name}={c.get(name)}" for name in ("ready", "serving", "terminating"))
            endpoints[f"{service} {state} ports={ports}"] += 1
    out["endpoints"] = dict(sorted(endpoints.items()))
    out["events"] = sorted(
        {
            f"{e['involvedObject']['kind']} {e['reason']}: {mask(e.get('message', ''), ns)}"
            for e in client.list("events", ns)["items"]
            if e["reason"] != "Scheduled"
        }
    )
    return out


def _summary(item: Obj, ns: str) -> Obj:
    meta, status, spec = item["metadata"], item.get("status", {}), item.get("spec", {})
    conditions = [{k: c.get(k) for k in ("type", "status", "reason")} for c in status.get("conditions", [])]
    skip = ("observedGeneration", "collisionCount")
    return {
        "name": mask(meta["name"], ns),
        "replicas": spec.get("replicas"),
        "image": [c["image"] for c in spec.get("template", {}).get("spec", {}).get("containers", [])],
        "revision": (meta.get("annotations") or {}).get("deployment.kubernetes.io/revision"),
        "owners": [f"{o['kind']}/{mask(o['name'], ns)}" for o in meta.get("ownerReferences", [])],
        "deleting": bool(meta.get("deletionTimestamp")),
        "finalizers": meta.get("finalizers", []),
        "observed": status["observedGeneration"] == meta["generation"] if "observedGeneration" in status else None,
        "status": {k: v for k, v in status.items() if isinstance(v, int) and k not in skip},
        "conditions": sorted(conditions, key=json.dumps),
    }


def _describe(pod: Obj, ns: str) -> str:
    status, meta = pod.get("status", {}), pod["metadata"]
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", []))
    owner = ",".join(f"{o['kind']}/{mask(o['name'], ns)}" for o in meta.get("ownerReferences", []))
    return " ".join(
        [
            owner or "no owner",
            pod["spec"]["containers"][0]["image"],
            status.get("phase", ""),
            "ready" if ready else "not ready",
            "on " + ("a node" if pod["spec"].get("nodeName") else "no node"),
        ]
    )


def settle(loop: Loop, client: Client, ns: str, at_least: float = 0.0) -> Obj:
    """Let time pass until nothing has changed for a while; then take a snapshot."""
    start, last, since = loop.now(), None, loop.now()
    while loop.now() - start < LIMIT:
        loop.run_for(STEP)
        seen = sorted(
            (i["metadata"]["uid"], i["metadata"]["resourceVersion"])
            for kind in (*KINDS, "pods", "endpointslices")
            for i in client.list(kind, ns)["items"]
        )
        if seen != last:
            last, since = seen, loop.now()
        elif loop.now() - since >= QUIET and loop.now() - start >= at_least:
            break
    return snapshot(client, ns)


def run(loop: Loop, client: Client, scenario: Obj, ns: str) -> list[Obj]:
    """The snapshots, and the refusals, of one scenario in a namespace of its own."""
    client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ns}})
    loop.run_for(0.3)
    out: list[Obj] = []
    for step in json.loads(json.dumps(scenario["steps"]).replace("$NS", ns)):
        if "settle" in step:
            out.append(settle(loop, client, ns, **step["settle"]))
        elif "each" in step:
            found = client.list("pods", ns, label_selector=step["each"])["items"][: step.get("first", 1000)]
            for pod in found:
                _request(client, {**step, "path": step["path"].replace("$POD", pod["metadata"]["name"])})
        else:
            error = _request(client, step)
            if error is not None and not step.get("may fail"):
                out.append({"refused": error.code, "message": mask(error.message, ns)})
    client.delete("namespaces", ns)
    loop.run_for(1)
    return out


def _request(client: Client, step: Obj) -> ApiError | None:
    kind: Any = step.get("headers", {}).get("Content-Type", "application/json")
    assert kind == "application/json" or kind in PATCH_TYPES.values()
    try:
        client.request(step["method"], step["path"], body=step.get("body"), content_type=kind, query=step.get("query"))
    except ApiError as error:
        return error
    return None
