"""Admission: what the server may change in, or refuse of, a write that is well formed and allowed.

A plugin is a class with `name` and one or both of `admit(attributes)`, which may change `attributes.obj`, and
`validate(attributes)`, which may only refuse, by raising a `StatusError`.  All `admit`s run before the object is
validated, all `validate`s after (apiserver: pkg/admission).
"""

from controlplane.apiserver.admission.chain import AdmissionPlugin, Attributes, Chain
from controlplane.apiserver.admission.default_toleration_seconds import DefaultTolerationSeconds
from controlplane.apiserver.admission.limit_ranger import LimitRanger
from controlplane.apiserver.admission.namespace_lifecycle import NamespaceLifecycle
from controlplane.apiserver.admission.priority import Priority
from controlplane.apiserver.admission.resource_quota import ResourceQuota
from controlplane.apiserver.admission.service_account import ServiceAccount
from controlplane.apiserver.admission.storage import (
    DefaultIngressClass,
    DefaultStorageClass,
    StorageObjectInUseProtection,
)
from controlplane.apiserver.admission.taint_nodes import TaintNodesByCondition

# upstream's order (pkg/kubeapiserver/options/plugins.go); ServiceAccount is upstream's second and on there by default
DEFAULT_PLUGINS: tuple[type[AdmissionPlugin], ...] = (
    NamespaceLifecycle,
    LimitRanger,
    TaintNodesByCondition,
    Priority,
    DefaultTolerationSeconds,
    DefaultStorageClass,
    StorageObjectInUseProtection,
    DefaultIngressClass,
    ResourceQuota,
)

__all__ = ["DEFAULT_PLUGINS", "AdmissionPlugin", "Attributes", "Chain", "ServiceAccount"]
