"""Nothing is created in a namespace that is not there or that is going away, and three namespaces never go.

(apiserver: pkg/admission/plugin/namespace/lifecycle)
"""

from __future__ import annotations

from controlplane.apiserver import errors
from controlplane.apiserver.admission.chain import AdmissionPlugin, Attributes, Operation
from controlplane.apiserver.resources import ResourceInfo

IMMORTAL = ("default", "kube-system", "kube-public")
REVIEWS = frozenset({"localsubjectaccessreviews"})  # answers, not objects: they may ask about any namespace


class NamespaceLifecycle(AdmissionPlugin):
    name = "NamespaceLifecycle"
    operations = ("CREATE", "UPDATE", "DELETE")
    subresources = ("*",)

    def handles(self, operation: Operation, info: ResourceInfo, subresource: str) -> bool:
        if info.plural == "namespaces" and not info.group:
            return operation == "DELETE"
        return operation == "CREATE" and info.namespaced and info.plural not in REVIEWS

    def admit(self, attributes: Attributes) -> None:
        if attributes.operation == "DELETE":
            if attributes.name in IMMORTAL:
                raise errors.forbidden(attributes.info, attributes.name, "this namespace may not be deleted")
            return
        namespace = self.server.read("namespaces", attributes.namespace)
        if namespace is None:
            raise errors.not_found(NAMESPACES, attributes.namespace)
        if namespace.get("status", {}).get("phase") == "Terminating":
            cause = {
                "reason": "NamespaceTerminating",
                "message": f"namespace {attributes.namespace} is being terminated",
                "field": "metadata.namespace",
            }
            raise errors.forbidden(
                attributes.info,
                attributes.name,
                f"unable to create new content in namespace {attributes.namespace} because it is being terminated",
                [cause],
            )


class _Namespaces:
    group, plural, kind = "", "namespaces", "Namespace"


NAMESPACES: errors.Named = _Namespaces()
