"""The indexes of an Indexed Job (upstream: pkg/controller/job/indexed_job_utils.go)."""

from __future__ import annotations

from controlplane.client.base import Obj, Objs
from controlplane.controllers.pods import deletion_order

INDEX = "batch.kubernetes.io/job-completion-index"
ENV = "JOB_COMPLETION_INDEX"


def is_indexed(job: Obj) -> bool:
    return bool(job["spec"].get("completionMode") == "Indexed")


def index_of(pod: Obj) -> int:
    """The Pod's completion index; -1 if it has none."""
    text = (pod["metadata"].get("annotations") or {}).get(INDEX, "")
    return int(text) if text.isdecimal() else -1


def parse(text: str, completions: int) -> set[int]:
    """The indexes of a compressed text such as "1,3-5", as far as they are below `completions`."""
    found: set[int] = set()
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        if first.isdecimal() and (last or first).isdecimal():
            found.update(range(int(first), min(int(last or first), completions - 1) + 1))
    return found


def compress(indexes: set[int]) -> str:
    """The other way round.

    >>> compress({1, 3, 4, 5, 7, 8})
    '1,3-5,7,8'
    """
    parts: list[list[int]] = []
    for index in sorted(indexes):
        if parts and parts[-1][1] == index - 1:
            parts[-1][1] = index
        else:
            parts.append([index, index])
    texts = []
    for first, last in parts:
        joiner = "-" if last > first + 1 else ","
        texts.append(str(first) if first == last else f"{first}{joiner}{last}")
    return ",".join(texts)


def superfluous(pods: Objs, completions: int, now: float) -> Objs:
    """Active Pods that no index needs: without one, with one too high, or all but the best of one index."""
    by_index: dict[int, Objs] = {}
    for pod in pods:
        by_index.setdefault(index_of(pod), []).append(pod)
    surplus: Objs = []
    for index, same in sorted(by_index.items()):
        if index < 0 or index >= completions:
            surplus += same
        elif len(same) > 1:
            surplus += deletion_order(same, [], now)[:-1]
    return surplus


def with_index(template: Obj, job: Obj, index: int, annotations: dict[str, str]) -> Obj:
    """The Pod template for one index: its annotation, label, host name and environment."""
    meta, spec = template.get("metadata") or {}, template["spec"]
    field = {"fieldRef": {"fieldPath": f"metadata.labels['{INDEX}']"}}

    def add(containers: Objs) -> Objs:
        return [
            c
            if any(e["name"] == ENV for e in c.get("env") or ())
            else {**c, "env": [*(c.get("env") or ()), {"name": ENV, "valueFrom": field}]}
            for c in containers
        ]

    spec = {**spec, "containers": add(spec["containers"]), "hostname": f"{job['metadata']['name']}-{index}"}
    if spec.get("initContainers"):
        spec["initContainers"] = add(spec["initContainers"])
    text = str(index)
    return {
        "metadata": {
            **meta,
            "labels": {**(meta.get("labels") or {}), INDEX: text},
            "annotations": {**(meta.get("annotations") or {}), INDEX: text, **annotations},
        },
        "spec": spec,
    }


def generate_name(job: Obj, index: int) -> str:
    suffix = f"-{index}-"
    return f"{job['metadata']['name'][: 58 - len(suffix)]}{suffix}"
