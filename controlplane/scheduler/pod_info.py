"""A Pod as the scheduler reads it: parsed once for all Pods of one template (upstream: framework.PodInfo)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from controlplane.client.base import Obj
from controlplane.labels import Selector, from_label_selector
from controlplane.scheduler.resources import Resources, pod_requests

NamespaceLabels = Callable[[str], Mapping[str, str]]
HostPort = tuple[str, str, int]  # (IP, protocol, port)

DEFAULT_SCHEDULER = "default-scheduler"
PARSED = 8192  # templates remembered


class AffinityTerm(NamedTuple):
    """One term of Pod (anti-)affinity.  `weight` is 0 for a required one."""

    selector: Selector
    topology_key: str
    namespaces: frozenset[str]
    namespace_selector: Selector
    weight: int = 0

    def matches(self, pod: PodInfo, labels_of: NamespaceLabels) -> bool:
        """Is `pod` one of those that the term speaks of?"""
        namespace = pod.namespace
        if namespace not in self.namespaces and not self.namespace_selector.matches(labels_of(namespace)):
            return False
        return self.selector.matches(pod.labels)


def _term(term: Obj, namespace: str, weight: int = 0) -> AffinityTerm:
    names = term.get("namespaces") or []
    by_labels = term.get("namespaceSelector")
    if not names and by_labels is None:
        names = [namespace]
    return AffinityTerm(
        from_label_selector(term.get("labelSelector")),
        term.get("topologyKey", ""),
        frozenset(names),
        from_label_selector(by_labels),
        weight,
    )


def _terms(affinity: Obj | None, namespace: str) -> tuple[tuple[AffinityTerm, ...], tuple[AffinityTerm, ...]]:
    """(required, preferred) terms."""
    affinity = affinity or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
    preferred = affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    return (
        tuple(_term(term, namespace) for term in required),
        tuple(_term(term["podAffinityTerm"], namespace, term.get("weight", 0)) for term in preferred),
    )


def _host_ports(spec: Obj) -> tuple[HostPort, ...]:
    running = list(spec.get("containers") or ())
    running += [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
    return tuple(
        (port.get("hostIP") or "0.0.0.0", port.get("protocol") or "TCP", port["hostPort"])
        for container in running
        for port in container.get("ports") or ()
        if port.get("hostPort")
    )


def _images(spec: Obj) -> tuple[str, ...]:
    containers = (*(spec.get("initContainers") or ()), *(spec.get("containers") or ()))
    volumes = tuple((v["image"] or {}).get("reference", "") for v in spec.get("volumes") or () if "image" in v)
    return tuple(container.get("image", "") for container in containers) + volumes


class Template:
    """All that Pods of one template have in common and the scheduler asks about.  `id` tells templates apart."""

    _ids = itertools.count(1)

    def __init__(self, pod: Obj) -> None:
        meta, spec = pod["metadata"], pod["spec"]
        affinity = spec.get("affinity") or {}
        self.id = next(self._ids)
        self.compiled: dict[str, Any] = {}  # what plugins made of it
        self.namespace: str = meta.get("namespace", "")
        self.labels: dict[str, str] = meta.get("labels") or {}
        self.node_selector: dict[str, str] = spec.get("nodeSelector") or {}
        self.node_affinity: Obj = affinity.get("nodeAffinity") or {}
        self.tolerations: list[Obj] = spec.get("tolerations") or []
        self.spread: list[Obj] = spec.get("topologySpreadConstraints") or []
        self.host_ports = _host_ports(spec)
        self.images = _images(spec)
        self.claims = tuple(
            volume["persistentVolumeClaim"]["claimName"]
            for volume in spec.get("volumes") or ()
            if volume.get("persistentVolumeClaim")
        )
        self.requests: Resources = {}
        self.assumed: Resources = {}
        self.required_affinity: tuple[AffinityTerm, ...] = ()
        self.preferred_affinity: tuple[AffinityTerm, ...] = ()
        self.required_anti_affinity: tuple[AffinityTerm, ...] = ()
        self.preferred_anti_affinity: tuple[AffinityTerm, ...] = ()
        self.problem = ""  # what cannot be read; the Pod is then not scheduled
        try:
            self._parse(pod, affinity)
        except ValueError as error:
            self.problem = f"parsing the Pod: {error}"
        self.has_affinity = bool(affinity.get("podAffinity") or affinity.get("podAntiAffinity"))
        # Pods of a StatefulSet differ in their labels, but not in what filters and scores of a single node ask about,
        # and not in where they may be.
        self.where = repr((self.node_selector, self.node_affinity, self.tolerations))
        self.needs = repr((self.requests, self.assumed, self.host_ports, self.where))
        self.company = repr((self.namespace, self.labels, affinity.get("podAffinity"), affinity.get("podAntiAffinity")))

    def _parse(self, pod: Obj, affinity: Obj) -> None:
        """What can go wrong: quantities and selectors."""
        self.requests = pod_requests(pod)
        self.assumed = pod_requests(pod, assume=True)
        self.required_affinity, self.preferred_affinity = _terms(affinity.get("podAffinity"), self.namespace)
        required, preferred = _terms(affinity.get("podAntiAffinity"), self.namespace)
        self.required_anti_affinity, self.preferred_anti_affinity = required, preferred


# What tells templates apart; the names of token volumes, for one, are random and do not.
FIELDS = ("overhead", "resources", "affinity", "nodeSelector", "tolerations", "topologySpreadConstraints")


def _of_container(container: Obj) -> tuple[Any, ...]:
    return tuple(container.get(name) for name in ("name", "image", "resources", "ports", "restartPolicy"))


_templates: dict[str, Template] = {}


def _template(pod: Obj) -> Template:
    meta, spec = pod["metadata"], pod["spec"]
    statuses = (pod.get("status") or {}).get("containerStatuses")
    resized = statuses and [(s.get("name"), s.get("resources"), s.get("allocatedResources")) for s in statuses]
    volumes = [v for v in spec.get("volumes") or () if "persistentVolumeClaim" in v or "image" in v]
    containers = [_of_container(c) for c in spec.get("containers") or ()]
    starting = [_of_container(c) for c in spec.get("initContainers") or ()]
    fields = [spec.get(name) for name in FIELDS]
    key = repr(
        (
            meta.get("namespace"),
            meta.get("labels"),
            meta.get("ownerReferences"),
            containers,
            starting,
            volumes,
            fields,
            resized,
        )
    )
    template = _templates.get(key)
    if template is None:
        if len(_templates) >= PARSED:
            _templates.clear()
        template = _templates[key] = Template(pod)
    return template


class PodInfo:
    """One Pod.  `info["spec"]` is the API object's own; `info.requests` and the like are parsed.

    A PodInfo never changes: when the Pod does, there is a new one.
    """

    __slots__ = ("pod", "key", "namespace", "name", "uid", "template", "node_name", "priority", "terminating")

    def __init__(self, pod: Obj, template: Template | None = None) -> None:
        meta, spec = pod["metadata"], pod["spec"]
        self.pod = pod
        self.namespace: str = meta.get("namespace", "")
        self.name: str = meta["name"]
        self.key = f"{self.namespace}/{self.name}"
        self.uid: str = meta.get("uid", "")
        self.template = template or _template(pod)
        self.node_name: str = spec.get("nodeName") or ""
        self.priority: int = spec.get("priority") or 0
        self.terminating = meta.get("deletionTimestamp") is not None

    def __getitem__(self, field: str) -> Any:
        return self.pod[field]

    def get(self, field: str, default: Any = None) -> Any:
        return self.pod.get(field, default)

    @property
    def labels(self) -> dict[str, str]:
        return self.template.labels

    @property
    def requests(self) -> Resources:
        """What it asks for: {"cpu": thousandths, "memory": bytes, ...}."""
        return self.template.requests

    @property
    def scheduler_name(self) -> str:
        return self.pod["spec"].get("schedulerName") or DEFAULT_SCHEDULER

    @property
    def nominated_node(self) -> str:
        return (self.pod.get("status") or {}).get("nominatedNodeName") or ""

    def on(self, node: str) -> PodInfo:
        """The same Pod, as if it were bound to `node`."""
        spec = self.pod["spec"]
        return PodInfo({**self.pod, "spec": {**spec, "nodeName": node}}, self.template)

    def same_needs(self, pod: Obj) -> bool:
        """Does `pod` ask for the same as this one?  Cheap, and may say no where the answer is yes."""
        old, new = self.pod, pod
        return (
            (old["spec"] is new["spec"] or old["spec"] == new["spec"])
            and old["metadata"].get("labels") == new["metadata"].get("labels")
            and self.terminating == (new["metadata"].get("deletionTimestamp") is not None)
            and not any("resources" in s for s in (new.get("status") or {}).get("containerStatuses") or ())
        )

    def __repr__(self) -> str:
        return f"PodInfo({self.key})"
