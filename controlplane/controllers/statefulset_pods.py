"""The Pods of a StatefulSet: each has an identity of its own.

Upstream: pkg/controller/statefulset/stateful_set_utils.go.
"""

from __future__ import annotations

import re

from controlplane.client.base import Obj
from controlplane.controllers.base import owner_reference
from controlplane.controllers.history import HASH, template_of
from controlplane.controllers.pods import condition, is_available

POD_NAME = "statefulset.kubernetes.io/pod-name"
POD_INDEX = "apps.kubernetes.io/pod-index"
_ORDINAL = re.compile(r"(.*)-(0|[1-9][0-9]*)")


def ordinal(pod: Obj, parent: str) -> int:
    """The number at the end of the Pod's name; -1 if it is not one of `parent`."""
    match = _ORDINAL.fullmatch(pod["metadata"]["name"])
    return int(match[2]) if match is not None and match[1] == parent else -1


def start_of(owner: Obj) -> int:
    return int((owner["spec"].get("ordinals") or {}).get("start", 0))


def revision_name(pod: Obj) -> str:
    """The name of the ControllerRevision that the Pod was made from."""
    return str((pod["metadata"].get("labels") or {}).get(HASH, ""))


def claim_names(owner: Obj, number: int) -> dict[str, str]:
    """Volume name -> claim name, of the Pod with this ordinal."""
    name = owner["metadata"]["name"]
    templates = owner["spec"].get("volumeClaimTemplates") or ()
    return {t["metadata"]["name"]: f"{t['metadata']['name']}-{name}-{number}" for t in templates}


def make_pod(owner: Obj, revision: Obj, number: int) -> Obj:
    """The Pod with this ordinal, made from a revision's template."""
    meta, template = owner["metadata"], template_of(revision)
    name = f"{meta['name']}-{number}"
    t_meta = template.get("metadata") or {}
    labels = {**(t_meta.get("labels") or {}), HASH: revision["metadata"]["name"], **identity_labels(name, number)}
    pod_meta: Obj = {
        "name": name,
        "generateName": f"{meta['name']}-",
        "namespace": meta["namespace"],
        "labels": labels,
        "ownerReferences": [owner_reference(owner)],
    }
    for part in ("annotations", "finalizers"):
        if t_meta.get(part):
            pod_meta[part] = t_meta[part]
    spec = {**template["spec"], "hostname": name}
    if owner["spec"].get("serviceName"):
        spec["subdomain"] = owner["spec"]["serviceName"]
    spec = with_storage(spec, owner, number)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": pod_meta, "spec": spec}


def identity_labels(name: str, number: int) -> dict[str, str]:
    return {POD_NAME: name, POD_INDEX: str(number)}


def with_storage(spec: Obj, owner: Obj, number: int) -> Obj:
    """The Pod spec with its own claims in place of the volumes of the same names."""
    claims = claim_names(owner, number)
    if not claims:
        return spec
    kept = [v for v in spec.get("volumes") or () if v["name"] not in claims]
    mine = [{"name": n, "persistentVolumeClaim": {"claimName": c, "readOnly": False}} for n, c in claims.items()]
    return {**spec, "volumes": mine + kept}


def has_identity(owner: Obj, pod: Obj) -> bool:
    """Does it have its labels and its claims (identityMatches, storageMatches)?"""
    number = ordinal(pod, owner["metadata"]["name"])
    labels = pod["metadata"].get("labels") or {}
    volumes = {
        v["name"]: (v.get("persistentVolumeClaim") or {}).get("claimName") for v in pod["spec"].get("volumes") or ()
    }
    claims = claim_names(owner, number)
    return labels.get(POD_NAME) == pod["metadata"]["name"] and all(volumes.get(n) == c for n, c in claims.items())


def is_running_and_ready(pod: Obj) -> bool:
    ready = condition(pod, "Ready")
    return pod.get("status", {}).get("phase") == "Running" and ready is not None and ready["status"] == "True"


def is_healthy(pod: Obj, min_ready: float, now: float) -> bool:
    """Running, ready for long enough, and to stay."""
    leaving = "deletionTimestamp" in pod["metadata"]
    return not leaving and is_running_and_ready(pod) and is_available(pod, min_ready, now)
