"""The namespace controller: empties a namespace that is being deleted (upstream: pkg/controller/namespace)."""

from __future__ import annotations

from typing import ClassVar

from controlplane.client.base import ApiError, Obj, Objs, Resource
from controlplane.clock import parse_time, rfc3339
from controlplane.controllers.base import Controller
from controlplane.controllers.deployment_status import with_condition
from controlplane.controllers.discovery import name_of, resources
from controlplane.controllers.pods import is_finished

FINALIZER = "kubernetes"
FINALIZER_ESTIMATE = 15.0  # seconds to give to whoever must remove a finalizer

_CLEAR = {  # condition -> (reason, message) while there is nothing to complain of
    "NamespaceDeletionDiscoveryFailure": ("ResourcesDiscovered", "All resources successfully discovered"),
    "NamespaceDeletionGroupVersionParsingFailure": ("ParsedGroupVersions", "All legacy kube types successfully parsed"),
    "NamespaceDeletionContentFailure": (
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
    "NamespaceContentRemaining": ("ContentRemoved", "All content successfully removed"),
    "NamespaceFinalizersRemaining": ("ContentHasNoFinalizers", "All content-preserving finalizers finished"),
}


class NamespaceController(Controller):
    """Deletes everything in a namespace that is to go, Pods last but not before the rest, then lets it go."""

    name = "namespace-controller"
    watches: ClassVar = {"namespaces": "on_namespace"}

    def on_namespace(self, type: str, old: Obj | None, new: Obj | None) -> list[str]:
        return [new["metadata"]["name"]] if new is not None and "deletionTimestamp" in new["metadata"] else []

    def reconcile(self, key: str) -> float | None:
        if self.informer("namespaces").get(key) is None:
            return None
        try:
            namespace = self.client.get("namespaces", key)
        except ApiError as error:
            if error.not_found:
                return None
            raise
        if "deletionTimestamp" not in namespace["metadata"] or not namespace["spec"].get("finalizers"):
            return None
        if namespace.get("status", {}).get("phase") != "Terminating":
            status = {**namespace.get("status", {}), "phase": "Terminating"}
            namespace = self.client.update_status({**namespace, "status": status})
        wait = self._empty(namespace)
        if wait is not None:
            return wait / 2 + 1
        left = [f for f in namespace["spec"].get("finalizers") or () if f != FINALIZER]
        namespace = self.client.get("namespaces", key)
        self._finalize({**namespace, "spec": {**namespace["spec"], "finalizers": left}})
        return None

    def _finalize(self, namespace: Obj) -> None:
        try:
            self.client.update(namespace, subresource="finalize")
        except ApiError as error:
            if not error.not_found:
                raise

    def _empty(self, namespace: Obj) -> float | None:
        """Delete what is in it.  None if it is empty, else a guess in how many seconds it will be."""
        name = namespace["metadata"]["name"]
        kinds = [r for r in resources(self.client, "delete", "list") if r.namespaced]
        guess = self._grace(namespace)
        remaining: dict[str, int] = {}
        finalizers: dict[str, int] = {}
        failures: list[str] = []
        for kind in sorted(kinds, key=lambda r: (r.plural == "pods" and not r.group, r.plural == "events")):
            try:
                items = self._delete_all(kind, name)
            except ApiError as error:
                failures.append(error.message)
                continue
            if items:
                remaining[f"{name_of(kind)}." if not kind.group else name_of(kind)] = len(items)
            for item in items:
                for finalizer in item["metadata"].get("finalizers") or ():
                    finalizers[finalizer] = finalizers.get(finalizer, 0) + 1
        self._report(namespace, remaining, finalizers, failures)
        if failures:
            raise ApiError({"code": 500, "reason": "InternalError", "message": "; ".join(failures)})
        if not remaining:
            return None
        return max(guess, FINALIZER_ESTIMATE if finalizers else 0.0)

    def _delete_all(self, kind: Resource, namespace: str) -> Objs:
        """Delete all of a kind; return what is still there."""
        items: Objs = self.client.list(name_of(kind), namespace)["items"]
        if not items:
            return items
        for item in items:
            if "deletionTimestamp" in item["metadata"]:
                continue
            try:
                self.client.delete(name_of(kind), item["metadata"]["name"], namespace, propagation_policy="Background")
            except ApiError as error:
                if not error.not_found:
                    raise
        left: Objs = self.client.list(name_of(kind), namespace)["items"]
        return left

    def _grace(self, namespace: Obj) -> float:
        """Until when the Pods may take to end."""
        pods = self.client.list("pods", namespace["metadata"]["name"])["items"]
        longest = max(
            (float(p["spec"].get("terminationGracePeriodSeconds", 0)) for p in pods if not is_finished(p)), default=0.0
        )
        since = self.loop.now() - parse_time(namespace["metadata"]["deletionTimestamp"])
        return longest if since < longest else 0.0

    def _report(
        self, namespace: Obj, remaining: dict[str, int], finalizers: dict[str, int], failures: list[str]
    ) -> None:
        found = {}
        if failures:
            found["NamespaceDeletionContentFailure"] = (
                "ContentDeletionFailed",
                f"Failed to delete all resource types, {len(failures)} remaining: {'; '.join(sorted(failures))}",
            )
        if remaining:
            parts = ", ".join(f"{kind} has {n} resource instances" for kind, n in sorted(remaining.items()))
            found["NamespaceContentRemaining"] = ("SomeResourcesRemain", f"Some resources are remaining: {parts}")
        if finalizers:
            parts = ", ".join(f"{name} in {n} resource instances" for name, n in sorted(finalizers.items()))
            found["NamespaceFinalizersRemaining"] = (
                "SomeFinalizersRemain",
                f"Some content in the namespace has finalizers remaining: {parts}",
            )
        status = namespace.get("status", {})
        conditions: Objs = status.get("conditions") or []
        stamp = rfc3339(self.loop.now())
        for type, clear in _CLEAR.items():
            reason, message = found.get(type, clear)
            conditions = with_condition(
                conditions,
                {
                    "type": type,
                    "status": "True" if type in found else "False",
                    "lastTransitionTime": stamp,
                    "reason": reason,
                    "message": message,
                },
            )
        if conditions != status.get("conditions"):
            fresh = self.client.update_status({**namespace, "status": {**status, "conditions": conditions}})
            namespace["metadata"] = fresh["metadata"]
