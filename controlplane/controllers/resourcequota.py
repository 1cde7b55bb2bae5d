"""The resource quota controller: counts what a namespace uses (upstream: pkg/controller/resourcequota, pkg/quota/v1).

Admission refuses what would go beyond; this controller corrects the count when things are deleted or change by
themselves.

*Note*: of scopes, only those of Pods (Terminating, NotTerminating, BestEffort, NotBestEffort) are known here.
"""

from __future__ import annotations

from typing import ClassVar

from controlplane.client.base import Obj, Objs
from controlplane.client.informer import key_of
from controlplane.controllers.base import Controller
from controlplane.controllers.pod_owner import namespace_of
from controlplane.controllers.pods import is_finished
from controlplane.quantity import Quantity

RESYNC = 300.0  # seconds; --resource-quota-sync-period
COUNTED = (
    "pods",
    "services",
    "configmaps",
    "secrets",
    "persistentvolumeclaims",
    "replicationcontrollers",
    "resourcequotas",
)
ALSO_COUNTED = ("deployments.apps", "replicasets.apps", "statefulsets.apps", "jobs.batch", "cronjobs.batch")


class ResourceQuotaController(Controller):
    """Keeps `status.used` and `status.hard` of each ResourceQuota true."""

    name = "resourcequota-controller"
    watches: ClassVar = {
        "resourcequotas": "self",
        "pods": "on_pod",
        "services": "on_count",
        "configmaps": "on_count",
        "secrets": "on_count",
        "persistentvolumeclaims": "on_count",
    }

    def prepare(self) -> None:
        self.quotas = self.informer("resourcequotas")
        self.quotas.add_index("namespace", namespace_of)
        for resource in (*COUNTED, *ALSO_COUNTED):
            self.informer(resource).add_index("namespace", namespace_of)

    def started(self) -> None:
        self.every(RESYNC, self._resync)

    def _resync(self) -> None:
        for quota in self.quotas.list():
            self.enqueue(key_of(quota))

    def on_pod(self, type: str, old: Obj | None, new: Obj | None) -> list[str]:
        """A Pod's use ends when it is deleted or has finished; its creation, admission has counted."""
        if not len(self.quotas) or (new is not None and (old is None or is_finished(old) or not is_finished(new))):
            return []
        return self._of(new if new is not None else old or {})

    def on_count(self, type: str, old: Obj | None, new: Obj | None) -> list[str]:
        return self._of(old) if new is None and old is not None else []

    def _of(self, obj: Obj) -> list[str]:
        namespace = obj["metadata"]["namespace"]
        return [f"{namespace}/{quota['metadata']['name']}" for quota in self.quotas.by_index("namespace", namespace)]

    def reconcile(self, key: str) -> float | None:
        quota = self.quotas.get(key)
        if quota is None:
            return None
        namespace, hard = quota["metadata"]["namespace"], quota["spec"].get("hard") or {}
        pods = [
            pod
            for pod in self.informer("pods").by_index("namespace", namespace)
            if not is_finished(pod) and in_scope(quota, pod)
        ]
        used = {name: self._usage(name, namespace, pods) for name in hard}
        status = {"hard": hard, "used": used}
        if status != quota.get("status"):
            self.client.update_status({**quota, "status": status})
        return None

    def _usage(self, name: str, namespace: str, pods: Objs) -> str:
        if name in ("pods", "count/pods"):
            return str(len(pods))
        resource = name.removeprefix("count/")
        if resource in COUNTED or resource in ALSO_COUNTED:
            return str(len(self.informer(resource).by_index("namespace", namespace)))
        if name in ("services.loadbalancers", "services.nodeports"):
            return str(self._services(name, namespace))
        if name == "requests.storage":
            claims = self.informer("persistentvolumeclaims").by_index("namespace", namespace)
            return _sum(
                [((c["spec"].get("resources") or {}).get("requests") or {}).get("storage", "0") for c in claims]
            )
        part, _, what = name.partition(".") if name.startswith(("requests.", "limits.")) else ("requests", "", name)
        return _sum([amount for pod in pods for amount in pod_amounts(pod, part, what)])

    def _services(self, name: str, namespace: str) -> int:
        services = self.informer("services").by_index("namespace", namespace)
        if name == "services.loadbalancers":
            return sum(s["spec"].get("type") == "LoadBalancer" for s in services)
        return sum(1 for s in services for port in s["spec"].get("ports") or () if port.get("nodePort"))


def in_scope(quota: Obj, pod: Obj) -> bool:
    for scope in quota["spec"].get("scopes") or ():
        terminating = pod["spec"].get("activeDeadlineSeconds") is not None
        best_effort = pod.get("status", {}).get("qosClass") == "BestEffort"
        holds = {
            "Terminating": terminating,
            "NotTerminating": not terminating,
            "BestEffort": best_effort,
            "NotBestEffort": not best_effort,
        }
        if not holds.get(scope, True):
            return False
    return True


def pod_amounts(pod: Obj, part: str, what: str) -> list[str]:
    """What a Pod asks for: the sum of its containers, or its largest init container if that is more."""

    def of(containers: Objs) -> list[str]:
        return [amounts[what] for c in containers if what in (amounts := (c.get("resources") or {}).get(part) or {})]

    running, starting = of(pod["spec"]["containers"]), of(pod["spec"].get("initContainers") or [])
    largest = max((Quantity.parse(a).nanos for a in starting), default=0)
    if largest > sum(Quantity.parse(a).nanos for a in running):
        running = [next(a for a in starting if Quantity.parse(a).nanos == largest)]
    overhead = (pod["spec"].get("overhead") or {}).get(what)
    return [*running, overhead] if overhead else running


def _sum(amounts: list[str]) -> str:
    parsed = [Quantity.parse(str(amount)) for amount in amounts]
    total = sum(q.nanos for q in parsed)
    return str(Quantity(total, parsed[0].format if parsed else "DecimalSI"))
