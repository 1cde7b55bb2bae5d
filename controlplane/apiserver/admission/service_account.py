"""Every Pod runs as a service account of its namespace (plugin/pkg/admission/serviceaccount).

Off by default here: a bare API server has no controller that makes the account `default`.

*Note*: upstream also mounts the account's token as a projected volume; left out here.
"""

from __future__ import annotations

from controlplane.apiserver import errors
from controlplane.apiserver.admission.chain import AdmissionPlugin, Attributes


class ServiceAccount(AdmissionPlugin):
    name = "ServiceAccount"
    operations = ("CREATE",)
    resources = frozenset({("", "pods")})

    def admit(self, attributes: Attributes) -> None:
        pod = attributes.obj
        if pod is None or "kubernetes.io/config.mirror" in (pod["metadata"].get("annotations") or {}):
            return
        name = pod["spec"].get("serviceAccountName") or "default"
        pod["spec"] = {**pod["spec"], "serviceAccountName": name, "serviceAccount": name}
        if self.server.read("serviceaccounts", name, attributes.namespace) is None:
            raise errors.forbidden(
                attributes.info,
                attributes.name,
                f'error looking up service account {attributes.namespace}/{name}: serviceaccount "{name}" not found',
            )
