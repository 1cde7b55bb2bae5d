"""The service account controller: a "default" account in each namespace (upstream: pkg/controller/serviceaccount)."""

from __future__ import annotations

from typing import ClassVar

from controlplane.client.base import ApiError, Obj
from controlplane.controllers.base import Controller
from controlplane.controllers.pod_control import namespace_terminating


class ServiceAccountController(Controller):
    """Makes the account again if somebody deletes it."""

    name = "service-account-controller"
    watches: ClassVar = {"namespaces": "self", "serviceaccounts": "on_account"}

    def on_account(self, type: str, old: Obj | None, new: Obj | None) -> list[str]:
        """The default account of a namespace was deleted."""
        if new is None and old is not None and old["metadata"]["name"] == "default":
            return [old["metadata"]["namespace"]]
        return []

    def reconcile(self, key: str) -> float | None:
        namespace = self.informer("namespaces").get(key)
        if namespace is None or namespace.get("status", {}).get("phase", "Active") != "Active":
            return None
        if self.informer("serviceaccounts").get(f"{key}/default") is not None:
            return None
        meta = {"name": "default", "namespace": key}
        try:
            self.client.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
        except ApiError as error:
            if not error.already_exists and not namespace_terminating(error):
                raise
        return None
