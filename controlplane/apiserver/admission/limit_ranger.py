"""LimitRanges: what containers get that say nothing, and how much and how little anything may ask for.

(plugin/pkg/admission/limitranger)
"""

from __future__ import annotations

from controlplane.apiserver import errors
from controlplane.apiserver.admission.chain import AdmissionPlugin, Attributes, Obj
from controlplane.apiserver.admission.pod_usage import pod_total
from controlplane.quantity import Quantity

ANNOTATION = "kubernetes.io/limit-ranger"


class LimitRanger(AdmissionPlugin):
    name = "LimitRanger"
    operations = ("CREATE", "UPDATE")
    resources = frozenset({("", "pods"), ("", "persistentvolumeclaims")})

    def _items(self, a: Attributes, type: str) -> list[Obj]:
        """The limits of a type that hold in the namespace.  A Pod's resources do not change: its updates pass."""
        if a.obj is None or (a.info.plural == "pods" and a.operation == "UPDATE"):
            return []
        if "deletionTimestamp" in a.obj["metadata"]:
            return []
        ranges = self.server.read_all("limitranges", a.namespace)
        return [item for found in ranges for item in found["spec"].get("limits") or () if item["type"] == type]

    def admit(self, attributes: Attributes) -> None:
        if attributes.info.plural != "pods":
            return
        said: list[str] = []
        for item in self._items(attributes, "Container"):
            pod = attributes.obj
            assert pod is not None
            spec = pod["spec"] = dict(pod["spec"])
            for field, words in (("containers", "container"), ("initContainers", "init container")):
                if spec.get(field):
                    spec[field] = [_with_defaults(c, item, words, said) for c in spec[field]]
        if said:
            pod = attributes.obj
            assert pod is not None
            annotations = {**(pod["metadata"].get("annotations") or {})}
            annotations[ANNOTATION] = "LimitRanger plugin set: " + "; ".join(said)
            pod["metadata"] = {**pod["metadata"], "annotations": annotations}

    def validate(self, attributes: Attributes) -> None:
        obj = attributes.obj
        if obj is None:
            return
        problems: list[str] = []
        if attributes.info.plural == "persistentvolumeclaims":
            for item in self._items(attributes, "PersistentVolumeClaim"):
                asked = (obj["spec"].get("resources") or {}).get("requests") or {}
                problems += _check(item, {"requests": asked}, of_requests=True)
        else:
            containers = [*obj["spec"]["containers"], *(obj["spec"].get("initContainers") or ())]
            for item in self._items(attributes, "Container"):
                for container in containers:
                    problems += _check(item, container.get("resources") or {})
            for item in self._items(attributes, "Pod"):
                problems += _check(item, {part: pod_total(obj, part) for part in ("requests", "limits")})
        if problems:
            text = problems[0] if len(problems) == 1 else f"[{', '.join(dict.fromkeys(problems))}]"
            raise errors.forbidden(attributes.info, attributes.name, text)


def _with_defaults(container: Obj, item: Obj, words: str, said: list[str]) -> Obj:
    """A container with the requests and limits that it does not name itself."""
    resources = dict(container.get("resources") or {})
    for part, field, word in (("requests", "defaultRequest", "request"), ("limits", "default", "limit")):
        given = resources.get(part) or {}
        missing = {name: value for name, value in (item.get(field) or {}).items() if name not in given}
        if missing:
            resources[part] = {**given, **missing}
            said.append(f"{', '.join(sorted(missing))} {word} for {words} {container['name']}")
    return {**container, "resources": resources}


def _check(item: Obj, resources: Obj, *, of_requests: bool = False) -> list[str]:
    """What breaks one limit.  Claims for storage have requests only: their maximum is one of these."""
    type = item["type"]
    requests = {name: Quantity.parse(str(q)) for name, q in (resources.get("requests") or {}).items()}
    limits = {name: Quantity.parse(str(q)) for name, q in (resources.get("limits") or {}).items()}
    problems = []
    for name, least in sorted((item.get("min") or {}).items()):
        problems += _minimum(
            f"minimum {name} usage per {type} is {least}", Quantity.parse(least), requests, limits, name
        )
    for name, most in sorted((item.get("max") or {}).items()):
        words, bound = f"maximum {name} usage per {type} is {most}", Quantity.parse(most)
        if not of_requests and name not in limits:
            problems.append(f"{words}.  No limit is specified")
        elif of_requests and name not in requests:
            problems.append(f"{words}.  No request is specified")
        elif name in limits and bound < limits[name]:
            problems.append(f"{words}, but limit is {limits[name]}")
        elif name in requests and bound < requests[name]:
            problems.append(f"{words}, but request is {requests[name]}")
    for name, ratio in sorted((item.get("maxLimitRequestRatio") or {}).items()):
        words = f"{name} max limit to request ratio per {type} is {ratio}"
        if name not in requests or requests[name].is_zero:
            problems.append(f"{words}, but no request is specified or request is 0")
        elif name not in limits or limits[name].is_zero:
            problems.append(f"{words}, but no limit is specified or limit is 0")
        else:
            observed = limits[name].nanos / requests[name].nanos
            if observed > Quantity.parse(ratio).nanos / 1e9:
                problems.append(f"{words}, but provided ratio is {observed:f}")
    return problems


def _minimum(
    words: str, least: Quantity, requests: dict[str, Quantity], limits: dict[str, Quantity], name: str
) -> list[str]:
    if name not in requests:
        return [f"{words}.  No request is specified"]
    if requests[name] < least:
        return [f"{words}, but request is {requests[name]}"]
    if name in limits and limits[name] < least:
        return [f"{words}, but limit is {limits[name]}"]
    return []
