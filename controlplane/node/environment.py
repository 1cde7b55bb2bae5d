"""The environment of a container: values from the Pod, ConfigMaps and Secrets.

Upstream: pkg/kubelet/kubelet_pods.go (makeEnvironmentVariables).  *Note*: the variables that describe Services are left
out here.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

from controlplane.client.base import ApiError, Client
from controlplane.node.pod_resources import amount
from controlplane.node.runtime import Failure, Obj

_REFERENCE = re.compile(r"\$(\$|\(([^)]*)\))")


class ConfigError(Exception):
    """A container cannot be created with what its environment refers to; says what is missing."""


class Sources:
    """ConfigMaps and Secrets as one start of a container or Pod sees them: each is read once."""

    def __init__(self, client: Client, namespace: str) -> None:
        self.client = client
        self.namespace = namespace
        self._read: dict[tuple[str, str], dict[str, bytes] | None] = {}

    def values(self, kind: str, name: str) -> dict[str, bytes] | None:
        """The data of a "configmap" or "secret", or None if there is no such object."""
        key = (kind, name)
        if key not in self._read:
            try:
                obj = self.client.get(f"{kind}s", name, self.namespace)
            except ApiError as error:
                if not error.not_found:
                    raise ConfigError(f"failed to sync {kind} cache: timed out waiting for the condition") from error
                self._read[key] = None
            else:
                text, binary = ("data", "binaryData") if kind == "configmap" else ("stringData", "data")
                values = {k: v.encode() for k, v in (obj.get(text) or {}).items()}
                values.update((k, base64.b64decode(v)) for k, v in (obj.get(binary) or {}).items())
                self._read[key] = values
        return self._read[key]

    def all_of(self, kind: str, ref: Obj) -> dict[str, bytes]:
        values = self.values(kind, ref["name"])
        if values is None and not ref.get("optional"):
            raise ConfigError(f'{kind} "{ref["name"]}" not found')
        return values or {}

    def one_of(self, kind: str, ref: Obj) -> str | None:
        values = self.all_of(kind, ref)
        if ref["key"] in values:
            return values[ref["key"]].decode(errors="replace")
        if ref.get("optional"):
            return None
        title = "ConfigMap" if kind == "configmap" else "Secret"
        raise ConfigError(f"couldn't find key {ref['key']} in {title} {self.namespace}/{ref['name']}")


def environment(client: Client, pod: Obj, spec: Obj, pod_ip: str, node_ip: str) -> dict[str, str] | Failure:
    """The variables of container `spec`, in the order of the spec, or what is missing for them."""
    entries, froms = spec.get("env"), spec.get("envFrom")
    if not entries and not froms:
        return {}
    sources = Sources(client, pod["metadata"]["namespace"])
    env: dict[str, str] = {}
    try:
        for source in froms or ():
            for field, kind in (("configMapRef", "configmap"), ("secretRef", "secret")):
                if field in source:
                    prefix = source.get("prefix") or ""
                    values = sources.all_of(kind, source[field])
                    env.update((prefix + k, v.decode(errors="replace")) for k, v in values.items())
        for entry in entries or ():
            value = _value(entry, env, sources, pod, spec, pod_ip, node_ip)
            if value is not None:
                env[entry["name"]] = value
    except ConfigError as error:
        return Failure("CreateContainerConfigError", str(error))
    return env


def _value(
    entry: Obj, env: dict[str, str], sources: Sources, pod: Obj, spec: Obj, pod_ip: str, node_ip: str
) -> str | None:
    origin = entry.get("valueFrom")
    if not origin:
        return expand(entry.get("value") or "", env)
    if "configMapKeyRef" in origin:
        return sources.one_of("configmap", origin["configMapKeyRef"])
    if "secretKeyRef" in origin:
        return sources.one_of("secret", origin["secretKeyRef"])
    if "fieldRef" in origin:
        return field_value(origin["fieldRef"]["fieldPath"], pod, pod_ip, node_ip)
    if "resourceFieldRef" in origin:
        return resource_value(origin["resourceFieldRef"], pod, spec)
    return None


def expand(text: str, env: dict[str, str]) -> str:
    """`$(NAME)` becomes the variable's value if there is one, `$$` a dollar sign.

    >>> expand("$(HOST):80 $(NOBODY) $$(HOST)", {"HOST": "web"})
    'web:80 $(NOBODY) $(HOST)'
    """
    return _REFERENCE.sub(lambda m: "$" if m[1] == "$" else env.get(m[2], m[0]), text)


def field_value(path: str, pod: Obj, pod_ip: str, node_ip: str) -> str:
    """A field of the Pod, by the paths of the downward API."""
    meta, spec = pod["metadata"], pod["spec"]
    host_network = bool(spec.get("hostNetwork"))
    simple: dict[str, Callable[[], str]] = {
        "metadata.name": lambda: str(meta["name"]),
        "metadata.namespace": lambda: str(meta["namespace"]),
        "metadata.uid": lambda: str(meta["uid"]),
        "spec.nodeName": lambda: str(spec.get("nodeName") or ""),
        "spec.serviceAccountName": lambda: str(spec.get("serviceAccountName") or ""),
        "status.hostIP": lambda: node_ip,
        "status.hostIPs": lambda: node_ip,
        "status.podIP": lambda: node_ip if host_network else pod_ip,
        "status.podIPs": lambda: node_ip if host_network else pod_ip,
    }
    if path in simple:
        return simple[path]()
    match = re.fullmatch(r"metadata\.(labels|annotations)(?:\['([^']*)'\])?", path)
    if match is None:
        raise ConfigError(f"unsupported fieldPath: {path}")
    values: dict[str, str] = meta.get(match[1]) or {}
    if match[2] is not None:
        return values.get(match[2], "")
    return "\n".join(f'{k}="{v}"' for k, v in sorted(values.items()))


def resource_value(ref: Obj, pod: Obj, spec: Obj) -> str:
    """A container's request or limit as a whole number of `divisor`s, rounded up."""
    name = ref.get("containerName") or spec["name"]
    container = next((c for c in pod["spec"]["containers"] if c["name"] == name), spec)
    kind, _, resource = str(ref["resource"]).partition(".")
    value = ((container.get("resources") or {}).get(kind) or {}).get(resource)
    divisor = amount(ref.get("divisor") or 1) or 1.0
    return str(int(-(-amount(value) // divisor))) if value is not None else "0"
