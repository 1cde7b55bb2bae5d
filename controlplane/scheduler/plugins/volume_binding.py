"""VolumeBinding: the claims of a Pod must be there and bound (upstream: plugins/volumebinding).

*Note*: upstream also chooses PersistentVolumes for claims that wait for their first consumer, and asks provisioners to
make them; here such a claim is let through when its class provisions, and what a bound volume says about nodes is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from controlplane.client.base import Obj
from controlplane.scheduler.events import NODE_ADD, NODE_LABEL, PV, PVC, STORAGE_CLASS, EventHint
from controlplane.scheduler.framework import CycleState, Plugin
from controlplane.scheduler.handle import Handle
from controlplane.scheduler.node_info import NodeInfo
from controlplane.scheduler.plugins.node_affinity import Term
from controlplane.scheduler.pod_info import PodInfo
from controlplane.scheduler.status import SKIP, Status, unresolvable

NAME = "VolumeBinding"
CONFLICT = unresolvable("node(s) didn't match PersistentVolume's node affinity", plugin=NAME)
UNBOUND = unresolvable("pod has unbound immediate PersistentVolumeClaims", plugin=NAME)
LOST = unresolvable("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)", plugin=NAME)
NO_VOLUME = unresolvable("node(s) didn't find available persistent volumes to bind", plugin=NAME)


class VolumeBinding(Plugin):
    def __init__(self, args: Obj, handle: Handle) -> None:
        super().__init__(args, handle)
        self._claims = handle.lister("persistentvolumeclaims")
        self._volumes = handle.lister("persistentvolumes")
        self._classes = handle.lister("storageclasses.storage.k8s.io")

    def events_to_register(self) -> tuple[EventHint, ...]:
        return tuple(EventHint(event) for event in (PVC, PV, STORAGE_CLASS, NODE_ADD, NODE_LABEL))

    def pre_filter(self, state: CycleState, pod: PodInfo) -> tuple[Sequence[str] | None, Status | None]:
        if not pod.template.claims:
            return None, SKIP
        terms: list[list[Term]] = []
        waiting: list[Obj] = []
        lost = False
        for name in pod.template.claims:
            claim = self._claims.get(f"{pod.namespace}/{name}")
            if claim is None:
                return None, unresolvable(f'persistentvolumeclaim "{name}" not found', plugin=NAME)
            if claim["metadata"].get("deletionTimestamp"):
                return None, unresolvable(f'persistentvolumeclaim "{name}" is being deleted', plugin=NAME)
            bound_to = claim["spec"].get("volumeName") or ""
            volume = self._volumes.get(bound_to)
            if bound_to and volume is None:
                lost = True
            elif volume is not None:
                required = ((volume["spec"].get("nodeAffinity") or {}).get("required") or {}).get("nodeSelectorTerms")
                if required:
                    terms.append([Term(term) for term in required])
            elif not self._waits(claim):
                return None, UNBOUND
            else:
                waiting.append(claim)
        state[NAME] = (terms, all(map(self._provisioned, waiting)), lost)
        return None, None

    def _class(self, claim: Obj) -> Obj:
        return self._classes.get(claim["spec"].get("storageClassName") or "") or {}

    def _waits(self, claim: Obj) -> bool:
        return bool(self._class(claim).get("volumeBindingMode") == "WaitForFirstConsumer")

    def _provisioned(self, claim: Obj) -> bool:
        return self._class(claim).get("provisioner", "") not in ("", "kubernetes.io/no-provisioner")

    def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status | None:
        terms, provisioned, lost = state[NAME]
        for alternatives in terms:
            if not any(term.matches(node.name, node.labels) for term in alternatives):
                return CONFLICT
        if lost:
            return LOST
        return None if provisioned else NO_VOLUME
