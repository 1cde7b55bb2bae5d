"""Defaults that a cluster's administrator chose: the class of volume claims and of Ingresses.

(plugin/pkg/admission/storage/storageclass/setdefault, storageobjectinuseprotection, network/defaultingressclass)
"""

from __future__ import annotations

from controlplane.apiserver import errors
from controlplane.apiserver.admission.chain import AdmissionPlugin, Attributes, Obj

DEFAULT_STORAGE = "storageclass.kubernetes.io/is-default-class"
DEFAULT_INGRESS = "ingressclass.kubernetes.io/is-default-class"
BETA_STORAGE_CLASS = "volume.beta.kubernetes.io/storage-class"
OLD_INGRESS_CLASS = "kubernetes.io/ingress.class"


def _annotations(obj: Obj) -> dict[str, str]:
    return obj["metadata"].get("annotations") or {}


class DefaultStorageClass(AdmissionPlugin):
    name = "DefaultStorageClass"
    operations = ("CREATE",)
    resources = frozenset({("", "persistentvolumeclaims")})

    def admit(self, attributes: Attributes) -> None:
        claim = attributes.obj
        if claim is None or "storageClassName" in claim["spec"] or BETA_STORAGE_CLASS in _annotations(claim):
            return
        classes = [
            c
            for c in self.server.read_all("storageclasses.storage.k8s.io")
            if _annotations(c).get(DEFAULT_STORAGE) == "true"
        ]
        if classes:  # of several defaults the newest, then the first by name
            classes.sort(key=lambda c: str(c["metadata"]["name"]))
            newest = max(c["metadata"]["creationTimestamp"] for c in classes)
            chosen = next(c for c in classes if c["metadata"]["creationTimestamp"] == newest)
            claim["spec"] = {**claim["spec"], "storageClassName": chosen["metadata"]["name"]}


class StorageObjectInUseProtection(AdmissionPlugin):
    """A volume or claim that is in use stays until it is not: a controller takes this finalizer off."""

    name = "StorageObjectInUseProtection"
    operations = ("CREATE",)
    resources = frozenset({("", "persistentvolumeclaims"), ("", "persistentvolumes")})

    def admit(self, attributes: Attributes) -> None:
        if attributes.obj is None:
            return
        meta = attributes.obj["metadata"]
        finalizer = (
            "kubernetes.io/pvc-protection"
            if attributes.info.plural.endswith("claims")
            else "kubernetes.io/pv-protection"
        )
        if finalizer not in meta.get("finalizers", ()):
            meta["finalizers"] = [*meta.get("finalizers", ()), finalizer]


class DefaultIngressClass(AdmissionPlugin):
    name = "DefaultIngressClass"
    operations = ("CREATE",)
    resources = frozenset({("networking.k8s.io", "ingresses")})

    def admit(self, attributes: Attributes) -> None:
        ingress = attributes.obj
        if ingress is None or "ingressClassName" in ingress["spec"] or OLD_INGRESS_CLASS in _annotations(ingress):
            return
        classes = [
            c
            for c in self.server.read_all("ingressclasses.networking.k8s.io")
            if _annotations(c).get(DEFAULT_INGRESS) == "true"
        ]
        if len(classes) > 1:
            raise errors.forbidden(
                attributes.info, attributes.name, f"{len(classes)} default IngressClasses were found, only 1 allowed"
            )
        if classes:
            ingress["spec"] = {**ingress["spec"], "ingressClassName": classes[0]["metadata"]["name"]}
