"""The node lifecycle controller: notices nodes that went silent (upstream: pkg/controller/nodelifecycle).

A kubelet renews its Lease every 10 s.  Every 5 s this looks at all nodes; one whose Lease (or status) has not changed
for 50 s gets the conditions Unknown, its Pods are marked not ready, and it is tainted: NoSchedule at once, NoExecute
through a queue that is slow on purpose, so that a mistake about many nodes does not empty a cluster.
"""

from __future__ import annotations

from typing import Any, ClassVar

from controlplane.client.base import ApiError, Obj
from controlplane.clock import parse_time, rfc3339
from controlplane.controllers.base import Controller
from controlplane.controllers.node_taints import (
    NOT_READY,
    UNREACHABLE,
    condition_taints,
    is_ours,
    same_taint,
)
from controlplane.controllers.node_zones import Zone, zone_of, zone_state
from controlplane.controllers.pods import condition

MONITOR_PERIOD = 5.0  # seconds; --node-monitor-period
GRACE = 50.0  # --node-monitor-grace-period
CLOCK_TOLERANCE = 0.001  # seconds; sums of floats
STARTUP_GRACE = 60.0  # --node-startup-grace-period
TAINT_PERIOD = 0.1  # seconds between passes over the nodes to be tainted NoExecute
LEASE_NAMESPACE = "kube-node-lease"
WATCHED = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")


class _Health:
    """What was last seen of a node, and when that was news by our own clock: clocks of nodes are not to be trusted."""

    __slots__ = ("lease", "heartbeat", "seen", "ready")

    def __init__(self, seen: float) -> None:
        self.lease: Any = None
        self.heartbeat: Any = None
        self.seen = seen
        self.ready = ""


class NodeLifecycleController(Controller):
    """Keeps the conditions, labels and taints of nodes true when their kubelets cannot."""

    name = "node-controller"
    watches: ClassVar = {"nodes": "on_node"}

    def prepare(self) -> None:
        self.nodes = self.informer("nodes")
        self.leases = self.informer("leases", LEASE_NAMESPACE)
        self.pods = self.informer("pods")
        self.pods.add_index("node", on_node)
        self._health: dict[str, _Health] = {}
        self._zones: dict[str, Zone] = {}
        self._marked: dict[str, str] = {}  # node -> its Ready condition when its Pods were last looked at
        self._passing = False

    def started(self) -> None:
        self.every(MONITOR_PERIOD, self._monitor)

    def on_node(self, type: str, old: Obj | None, new: Obj | None) -> list[str]:
        if new is None:
            return []
        if old is not None and _facts(old) == _facts(new):
            return []
        return [new["metadata"]["name"]]

    # NoSchedule taints and labels, at once ----------------------------------------------------------------------------

    def reconcile(self, key: str) -> float | None:
        node = self.nodes.get(key)
        if node is None:
            return None
        wanted = condition_taints(node)
        have = node["spec"].get("taints") or []
        ours = [taint for taint in have if is_ours(taint)]
        if [(t["key"], t["effect"]) for t in ours] != [(t["key"], t["effect"]) for t in wanted]:
            stamp = rfc3339(self.loop.now())
            fresh = [next((t for t in ours if same_taint(t, w)), {**w, "timeAdded": stamp}) for w in wanted]
            self._set_taints(node, [t for t in have if not is_ours(t)] + fresh)
        labels = node["metadata"].get("labels") or {}
        missing = {new: labels[old] for old, new in _LABELS if labels.get(old) and labels.get(new) != labels[old]}
        if missing:
            self.client.patch("nodes", key, {"metadata": {"labels": missing}})
        return None

    def _set_taints(self, node: Obj, taints: list[Obj]) -> None:
        meta = node["metadata"]
        self.client.patch(
            "nodes",
            meta["name"],
            {"metadata": {"resourceVersion": meta["resourceVersion"]}, "spec": {"taints": taints}},
        )

    # Health, every five seconds ---------------------------------------------------------------------------------------

    def _monitor(self) -> None:
        nodes = {node["metadata"]["name"]: node for node in self.nodes.list()}
        for name in [name for name in self._health if name not in nodes]:
            del self._health[name]
            self._marked.pop(name, None)
            self._say_node({"metadata": {"name": name}}, "RemovingNode", f"Removing Node {name} from Controller")
        states: dict[str, list[Obj]] = {}
        for name, node in nodes.items():
            if name not in self._health:
                self._say_node(node, "RegisteredNode", f"Registered Node {name} in Controller")
            try:
                node = self._check(node)
            except ApiError as error:
                self._report_error(name, error)
                continue
            states.setdefault(zone_of(node), []).append(node)
        self._handle_disruption(states)
        self._start_pass()

    def _check(self, node: Obj) -> Obj:
        """Judge one node: write its conditions if it is silent, mark its Pods, put it in line for its taint."""
        name, now = node["metadata"]["name"], self.loop.now()
        observed = condition(node, "Ready")
        health = self._health.get(name)
        if health is None:
            created = parse_time(node["metadata"]["creationTimestamp"])
            health = self._health[name] = _Health(now if observed is not None else created)
        heartbeat = observed.get("lastHeartbeatTime") if observed is not None else None
        lease = self.leases.get(f"{LEASE_NAMESPACE}/{name}")
        renewed = (lease.get("spec") or {}).get("renewTime") if lease is not None else None
        if heartbeat not in (None, health.heartbeat) or renewed not in (None, health.lease):
            health.seen = now
        health.heartbeat, health.lease = heartbeat, renewed
        before = observed["status"] if observed is not None else ""
        # Upstream asks whether the grace period is over a little later each round, since a round takes time: at the
        # tenth round it is.  Virtual rounds take none, so the round that falls on the end of the period counts.
        if now >= health.seen + (GRACE if observed is not None else STARTUP_GRACE) - CLOCK_TOLERANCE:
            node = self._mark_silent(node)
        ready = (condition(node, "Ready") or {}).get("status", "")
        if ready and ready != "True" and before == "True":
            self._say_node(node, "NodeNotReady", f"Node {name} status is now: NodeNotReady", plain=True)
        if ready and ready != "True" and self._marked.get(name) != ready:
            self._mark_pods(name)
        self._marked[name] = ready
        self._queue_taint(node, ready)
        return node

    def _mark_silent(self, node: Obj) -> Obj:
        stamp, status = rfc3339(self.loop.now()), node.get("status", {})
        conditions = list(status.get("conditions") or [])
        for type in WATCHED:
            at = next((i for i, c in enumerate(conditions) if c["type"] == type), None)
            if at is None:
                conditions.append(
                    {
                        "type": type,
                        "status": "Unknown",
                        "reason": "NodeStatusNeverUpdated",
                        "message": "Kubelet never posted node status.",
                        "lastHeartbeatTime": node["metadata"]["creationTimestamp"],
                        "lastTransitionTime": stamp,
                    }
                )
            elif conditions[at]["status"] != "Unknown":
                conditions[at] = {
                    **conditions[at],
                    "status": "Unknown",
                    "reason": "NodeStatusUnknown",
                    "message": "Kubelet stopped posting node status.",
                    "lastTransitionTime": stamp,
                }
        if conditions == (status.get("conditions") or []):
            return node
        return self.client.update_status({**node, "status": {**status, "conditions": conditions}})

    def _mark_pods(self, name: str) -> None:
        """No kubelet says so, but Pods on a silent node must not get requests."""
        stamp = rfc3339(self.loop.now())
        for pod in self.pods.by_index("node", name):
            ready = condition(pod, "Ready")
            if ready is None or ready["status"] != "True":
                continue
            status = pod["status"]
            conditions = [
                {**c, "status": "False", "lastTransitionTime": stamp} if c["type"] == "Ready" else c
                for c in status["conditions"]
            ]
            self.event(pod, "Warning", "NodeNotReady", "Node is not ready")
            try:
                self.client.update_status({**pod, "status": {**status, "conditions": conditions}})
            except ApiError as error:
                if not error.not_found:
                    self._marked.pop(name, None)
                    raise

    # NoExecute taints, slowly -----------------------------------------------------------------------------------------

    def _queue_taint(self, node: Obj, ready: str) -> None:
        name, zone = node["metadata"]["name"], self._zone(node)
        keys = {t["key"] for t in node["spec"].get("taints") or () if t["effect"] == "NoExecute"}
        if ready in ("False", "Unknown"):
            wanted, other = (NOT_READY, UNREACHABLE) if ready == "False" else (UNREACHABLE, NOT_READY)
            if other in keys:
                self._taint(node, wanted)
            elif wanted not in keys:
                zone.waiting[name] = None
        elif ready == "True":
            zone.waiting.pop(name, None)
            if keys & {NOT_READY, UNREACHABLE}:
                self._taint(node, None)

    def _taint(self, node: Obj, key: str | None) -> None:
        """Have this NoExecute taint, and not the other."""
        rest = [
            t
            for t in node["spec"].get("taints") or ()
            if not (t["effect"] == "NoExecute" and t["key"] in (NOT_READY, UNREACHABLE))
        ]
        if key is not None:
            rest.append({"key": key, "effect": "NoExecute", "timeAdded": rfc3339(self.loop.now())})
        self._set_taints(self.client.get("nodes", node["metadata"]["name"]), rest)

    def _zone(self, node: Obj) -> Zone:
        name = zone_of(node)
        if name not in self._zones:
            self._zones[name] = Zone(self.loop.now())
        return self._zones[name]

    def _start_pass(self) -> None:
        if not self._passing and any(zone.waiting and zone.rate for zone in self._zones.values()):
            self._passing = True
            self.loop.call_later(TAINT_PERIOD, self._pass)

    def _pass(self) -> None:
        self._passing = False
        if self.running:
            for zone in self._zones.values():
                while zone.waiting and zone.take(self.loop.now()):
                    name = next(iter(zone.waiting))
                    self._guard(name, lambda zone=zone, name=name: self._taint_next(zone, name))  # type: ignore[misc]
            self._start_pass()

    def _taint_next(self, zone: Zone, name: str) -> None:
        node = self.nodes.get(name)
        ready = (condition(node, "Ready") or {}).get("status") if node is not None else "True"
        if node is not None and ready in ("False", "Unknown"):
            self._taint(node, NOT_READY if ready == "False" else UNREACHABLE)
        zone.waiting.pop(name, None)

    def _handle_disruption(self, states: dict[str, list[Obj]]) -> None:
        """Slow down where many nodes of a zone look dead; if all do everywhere, the fault is ours: stop, and take
        the taints back."""
        found = {
            name: zone_state([(condition(n, "Ready") or {}).get("status") for n in nodes])
            for name, nodes in states.items()
        }
        was_all_down = bool(self._zones) and all(z.state == "FullDisruption" for z in self._zones.values())
        all_down = bool(found) and all(state == "FullDisruption" for state in found.values())
        for name in [name for name in self._zones if name not in found]:
            del self._zones[name]
        for name, state in found.items():
            self._zones.setdefault(name, Zone(self.loop.now())).enter(state, len(states[name]), all_down)
        if all_down and not was_all_down:
            for nodes in states.values():
                for node in nodes:
                    self._guard(node["metadata"]["name"], lambda node=node: self._spare(node))  # type: ignore[misc]
        elif was_all_down and not all_down:
            for health in self._health.values():
                health.seen = self.loop.now()

    def _spare(self, node: Obj) -> None:
        if any(
            t["effect"] == "NoExecute" and t["key"] in (NOT_READY, UNREACHABLE)
            for t in node["spec"].get("taints") or ()
        ):
            self._taint(node, None)

    def _say_node(self, node: Obj, reason: str, message: str, plain: bool = False) -> None:
        name = node["metadata"]["name"]
        about = {"kind": "Node", "apiVersion": "v1", "metadata": {"name": name, "uid": node["metadata"].get("uid", "")}}
        self.event(about, "Normal", reason, message if plain else f"Node {name} event: {message}")


_LABELS = (
    ("beta.kubernetes.io/os", "kubernetes.io/os"),
    ("beta.kubernetes.io/arch", "kubernetes.io/arch"),
    ("failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region"),
    ("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"),
)


def _facts(node: Obj) -> tuple[Any, ...]:
    """What taints and labels follow from."""
    states = [(c["type"], c["status"]) for c in node.get("status", {}).get("conditions") or ()]
    return node["spec"], node["metadata"].get("labels"), states


def on_node(pod: Obj) -> list[str]:
    """Index of Pods by their node."""
    node = pod["spec"].get("nodeName")
    return [node] if node else []
