"""Creating and deleting Pods for an owner (upstream: pkg/controller/controller_utils.go, RealPodControl)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from controlplane.client.base import ApiError, Client, Obj
from controlplane.controllers.base import owner_reference

Say = Callable[[Obj, str, str, str], None]  # (object, "Normal" | "Warning", reason, message)
NAME_LIMIT = 63 - 5  # what is left of a name beside the suffix that the API server adds


def pod_from(template: Obj, owner: Obj, owner_ref: dict[str, Any] | None = None) -> Obj:
    """The Pod that the template of `owner` describes.  It shares the template's values: do not change it."""
    meta = template.get("metadata") or {}
    out: Obj = {
        "generateName": owner["metadata"]["name"] + "-",
        "namespace": owner["metadata"]["namespace"],
        "ownerReferences": [owner_ref or owner_reference(owner)],
    }
    for part in ("labels", "annotations", "finalizers"):
        if meta.get(part):
            out[part] = meta[part]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": out, "spec": template["spec"]}


class PodControl:
    """Writes Pods and says so in events on their owner."""

    def __init__(self, client: Client, say: Say) -> None:
        self.client = client
        self.say = say

    def create(self, pod: Obj, owner: Obj) -> Obj:
        try:
            made = self.client.create(pod)
        except ApiError as error:
            if not namespace_terminating(error):
                self.say(owner, "Warning", "FailedCreate", f"Error creating: {error.message}")
            raise
        self.say(owner, "Normal", "SuccessfulCreate", f"Created pod: {made['metadata']['name']}")
        return made

    def delete(self, pod: Obj, owner: Obj) -> bool:
        """Ask the Pod to go; False if it is gone already."""
        meta = pod["metadata"]
        try:
            self.client.delete("pods", meta["name"], meta["namespace"])
        except ApiError as error:
            if error.not_found:
                return False
            self.say(owner, "Warning", "FailedDelete", f"Error deleting: {error.message}")
            raise
        self.say(owner, "Normal", "SuccessfulDelete", f"Deleted pod: {meta['name']}")
        return True


def namespace_terminating(error: ApiError) -> bool:
    """Creating anything in this namespace must fail: it is being deleted."""
    causes = (error.status.get("details") or {}).get("causes") or ()
    return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)


def slow_start(count: int, create: Callable[[int], None]) -> tuple[int, Exception | None]:
    """Call `create(index)` in batches of 1, 2, 4, ... up to `count` in all; stop after a batch with a failure.

    Returns how many went well, and the first error.  A quota that is used up thus costs one failure, not a thousand.
    """
    done = succeeded = 0
    batch = min(count, 1)
    while batch:
        first: Exception | None = None
        for index in range(done, done + batch):
            try:
                create(index)
                succeeded += 1
            except ApiError as error:
                first = first or error
        if first is not None:
            return succeeded, first
        done += batch
        batch = min(2 * batch, count - done)
    return succeeded, None
