"""What a client hears although nothing is refused (kubernetes: pkg/api/pod/warnings.go, pkg/registry/*/*/strategy.go).

*Note*: files of a volume that lie on top of each other are not looked for, nor is AppArmor in annotations.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from controlplane.apiserver.fields import go_quote
from controlplane.apiserver.validation.quantities import value_of
from controlplane.apiserver.validation.scheduling import PREFERRED, REQUIRED
from controlplane.apiserver.validation.text import dns1123_label

Obj = dict[str, Any]

_LABELS = {
    "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
    "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
    "failure-domain.beta.kubernetes.io/region": 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
    "failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
    "beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
}
_ANNOTATIONS = {
    "scheduler.alpha.kubernetes.io/critical-pod": 'non-functional in v1.16+; use the "priorityClassName" field instead',
    "security.alpha.kubernetes.io/sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
    "security.alpha.kubernetes.io/unsafe-sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
}
_VOLUMES = {
    "photonPersistentDisk": "deprecated in v1.11, non-functional in v1.16+",
    "gitRepo": "deprecated in v1.11",
    "scaleIO": "deprecated in v1.16, non-functional in v1.22+",
    "flocker": "deprecated in v1.22, non-functional in v1.25+",
    "storageos": "deprecated in v1.22, non-functional in v1.25+",
    "quobyte": "deprecated in v1.22, non-functional in v1.25+",
    "glusterfs": "deprecated in v1.25, non-functional in v1.26+",
    "cephfs": "deprecated in v1.28, non-functional in v1.31+",
    "rbd": "deprecated in v1.28, non-functional in v1.31+",
}
_GO_NAMES = {"storageos": "storageOS"}
_SECCOMP, _SECCOMP_OF = "seccomp.security.alpha.kubernetes.io/pod", "container.seccomp.security.alpha.kubernetes.io/"
_NO_MATCH = "a null labelSelector results in matching no pod"
_BYTES = ("memory", "ephemeral-storage")
_WHOLE = ("Ki", "Mi", "Gi", "Ti")  # of these there are no fractions of bytes in what the decoder leaves
_RARE = {"nodeSelector", "affinity", "topologySpreadConstraints", "hostAliases", "imagePullSecrets", "overhead"}


def name_warnings(obj: Obj, used: str) -> list[str]:
    """Names that are used where only DNS labels are good."""
    wrong = dns1123_label(obj["metadata"].get("name", ""))
    if not wrong:
        return []
    told = " ".join(wrong)
    return [
        f"metadata.name: this is used in {used}, which can result in surprising behavior; "
        f"a DNS label is recommended: [{told}]"
    ]


def pod_warnings(template: Obj, path: str = "") -> list[str]:
    """Of a Pod, or of a template at `path` ("spec.template.")."""
    spec, at = template.get("spec") or {}, f"{path}spec"
    annotations = (template.get("metadata") or {}).get("annotations") or {}
    found: list[str] = []
    if not _RARE.isdisjoint(spec):
        found += _placement(spec, at)
        found += _spread(spec.get("topologySpreadConstraints") or (), at)
    if annotations:
        found += [f"{path}metadata.annotations[{k}]: {told}" for k, told in _ANNOTATIONS.items() if k in annotations]
    for i, volume in enumerate(spec.get("volumes") or ()):
        if not _VOLUMES.keys().isdisjoint(volume):
            found += [f"{at}.volumes[{i}].{_GO_NAMES.get(k, k)}: {_VOLUMES[k]}" for k in volume if k in _VOLUMES]
    if not _RARE.isdisjoint(spec):
        found += _repeated(spec, at)
        found += _fractions(spec.get("overhead") or {}, f"{at}.overhead")
    if annotations:
        found += _seccomp(spec, annotations, f"{path}metadata.annotations")
    ports: dict[tuple[int, str], list[tuple[str, Obj]]] = {}
    of_ports: list[str] = []  # told of after everything else that is told of containers
    for key in ("initContainers", "containers"):
        for i, container in enumerate(spec.get(key) or ()):
            if container.get("resources") or len(container.get("env") or ()) > 1:
                found += _container(container, f"{at}.{key}[{i}]")
            if "ports" in container:
                of_ports += _ports(container["ports"] or (), f"{at}.{key}[{i}].ports", ports)
    found += of_ports
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        told = "must be >= 0; negative values are invalid and will be treated as 1"
        found.append(f"{at}.terminationGracePeriodSeconds: {told}")
    if affinity := spec.get("affinity"):
        found += _terms(affinity, f"{at}.affinity")
    return found


def _placement(spec: Obj, path: str) -> Iterator[str]:
    """Labels of nodes that have a new name."""
    for key in sorted(spec.get("nodeSelector") or ()):
        if key in _LABELS:
            yield f"{path}.nodeSelector[{key}]: {_LABELS[key]}"
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    at = f"{path}.affinity.nodeAffinity"
    for i, term in enumerate((affinity.get(REQUIRED) or {}).get("nodeSelectorTerms") or ()):
        yield from _term(term, f"{at}.{REQUIRED}.nodeSelectorTerms[{i}]")
    for i, term in enumerate(affinity.get(PREFERRED) or ()):
        yield from _term(term.get("preference") or {}, f"{at}.{PREFERRED}[{i}].preference")


def _term(term: Obj, path: str) -> Iterator[str]:
    for i, expression in enumerate(term.get("matchExpressions") or ()):
        if (key := expression.get("key", "")) in _LABELS:
            yield f"{path}.matchExpressions[{i}].key: {key} is {_LABELS[key]}"


def _spread(constraints: Any, path: str) -> Iterator[str]:
    for i, constraint in enumerate(constraints):
        at = f"{path}.topologySpreadConstraints[{i}]"
        if (key := constraint.get("topologyKey", "")) in _LABELS:
            yield f"{at}.topologyKey: {key} is {_LABELS[key]}"
        if constraint.get("labelSelector") is None:
            yield f"{at}.labelSelector: {_NO_MATCH}"


def _repeated(spec: Obj, path: str) -> Iterator[str]:
    for key, name, told in (("hostAliases", "ip", "duplicate ip"), ("imagePullSecrets", "name", "duplicate name")):
        seen = set()
        for i, item in enumerate(spec.get(key) or ()):
            if (value := item.get(name, "")) in seen:
                yield f"{path}.{key}[{i}].{name}: {told} {go_quote(value)}"
            seen.add(value)
    for i, item in enumerate(spec.get("imagePullSecrets") or ()):
        if not item.get("name"):
            yield f'{path}.imagePullSecrets[{i}].name: invalid empty name ""'


def _fractions(resources: Obj, path: str) -> Iterator[str]:
    for name in _BYTES:
        if (value := resources.get(name)) is not None and not value.isdecimal() and value_of(value) % 10**9:
            yield f"{path}[{name}]: fractional byte value {go_quote(value)} is invalid, must be an integer"


def _seccomp(spec: Obj, annotations: dict[str, str], path: str) -> Iterator[str]:
    told = 'non-functional in v1.27+; use the "seccompProfile" field instead'
    if _SECCOMP in annotations and not (spec.get("securityContext") or {}).get("seccompProfile"):
        yield f"{path}[{_SECCOMP}]: {told}"
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        key = _SECCOMP_OF + container.get("name", "")
        if key in annotations and not (container.get("securityContext") or {}).get("seccompProfile"):
            yield f"{path}[{key}]: {told}"


def _container(container: Obj, path: str) -> list[str]:
    found: list[str] = []
    if resources := container.get("resources"):
        limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
        for name in _BYTES:
            for key, amounts in (("limits", limits), ("requests", requests)):
                if name in amounts and not amounts[name].endswith(_WHOLE):
                    found += _fractions({name: amounts[name]}, f"{path}.resources.{key}")
    if len(env := container.get("env") or ()) > 1:
        seen = set()
        for i, item in enumerate(env):
            name, value = item.get("name", ""), item.get("value", "")
            itself = f"$({name})"
            if name in seen and (item.get("valueFrom") is not None or value == itself or itself not in value):
                told = f"hides previous definition of {go_quote(name)}, which may be dropped when using apply"
                found.append(f"{path}.env[{i}]: {told}")
            seen.add(name)
    return found


def _ports(ports: Any, path: str, seen: dict[tuple[int, str], list[tuple[str, Obj]]]) -> Iterator[str]:
    for i, port in enumerate(ports):
        same = seen.setdefault((port.get("containerPort", 0), port.get("protocol", "")), [])
        host, ip = port.get("hostPort", 0), port.get("hostIP", "")
        for at, other in same:
            other_host, other_ip = other.get("hostPort", 0), other.get("hostIP", "")
            if (host, ip) == (other_host, other_ip):
                yield f"{path}[{i}]: duplicate port definition with {at}"
            elif not host or not other_host:
                yield f"{path}[{i}]: overlapping port definition with {at}"
            elif host == other_host and (not ip or not other_ip):
                yield f"{path}[{i}]: dangerously ambiguous port definition with {at}"
        same.append((f"{path}[{i}]", port))


def _terms(affinity: Obj, path: str) -> Iterator[str]:
    """Terms that select no Pods at all."""
    for kind in ("podAffinity", "podAntiAffinity"):
        terms = affinity.get(kind) or {}
        for i, term in enumerate(terms.get(REQUIRED) or ()):
            if term.get("labelSelector") is None:
                yield f"{path}.{kind}.{REQUIRED}[{i}].labelSelector: {_NO_MATCH}"
        for i, term in enumerate(terms.get(PREFERRED) or ()):
            if (term.get("podAffinityTerm") or {}).get("labelSelector") is None:
                yield f"{path}.{kind}.{PREFERRED}[{i}].podAffinityTerm.labelSelector: {_NO_MATCH}"


def of_pod(pod: Obj) -> list[str]:
    return name_warnings(pod, "the Pod's hostname") + pod_warnings(pod)


def of_workload(obj: Obj) -> list[str]:
    """Of an object with a template in its spec."""
    template = (obj.get("spec") or {}).get("template") or {}
    return name_warnings(obj, "Pod names and hostnames") + pod_warnings(template, "spec.template.")


def of_template(obj: Obj) -> list[str]:
    """The same of a kind whose name goes into no Pod's hostname."""
    return pod_warnings((obj.get("spec") or {}).get("template") or {}, "spec.template.")


def of_cron_job(obj: Obj) -> list[str]:
    template = (((obj.get("spec") or {}).get("jobTemplate") or {}).get("spec") or {}).get("template") or {}
    found = name_warnings(obj, "Pod names and hostnames")
    return found + pod_warnings(template, "spec.jobTemplate.spec.template.")


def of_ingress(obj: Obj) -> list[str]:
    old = "kubernetes.io/ingress.class"
    if old not in (obj["metadata"].get("annotations") or {}):
        return []
    return [f"annotation \"{old}\" is deprecated, please use 'spec.ingressClassName' instead"]
