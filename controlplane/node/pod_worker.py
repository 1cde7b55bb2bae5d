"""One Pod on its node: what should run, what runs, and the step from one to the other.

`sync` looks at the Pod and its containers as they are, whatever happened before, and starts what is missing: the
sandbox, the init containers one after another, sidecars among them, then the others.  Upstream:
pkg/kubelet/pod_workers.go and kuberuntime's computePodActions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from controlplane.clock import Timer, parse_time
from controlplane.node.container_slot import ContainerSlot
from controlplane.node.container_start import RELIST, start_or_wait
from controlplane.node.pod_adoption import adopt
from controlplane.node.pod_resources import requests
from controlplane.node.pod_status import Facts, initialized, pod_status, rejected_status
from controlplane.node.pod_termination import Termination
from controlplane.node.probes import Prober, ProbeType
from controlplane.node.runtime import Container, Failure, Obj, Sandbox, Volumes

if TYPE_CHECKING:
    from controlplane.node.kubelet import Kubelet

SANDBOX_RETRY = 10.0  # seconds until a sandbox that could not be made is tried again


class PodWorker:
    """Runs one Pod.  `status` is what it should look like in the API; `kubelet.statuses` carries it there."""

    def __init__(self, kubelet: Kubelet, pod: Obj) -> None:
        meta, spec = pod["metadata"], pod["spec"]
        self.kubelet = kubelet
        self.pod = pod
        self.uid: str = meta["uid"]
        self.key = f"{meta['namespace']}/{meta['name']}"
        self.static = False  # is it from a manifest on the node,
        self.mirror: Obj | None = None  # and where it is, what of it is in the API?
        self.full_name = f"{meta['name']}_{meta['namespace']}({self.uid})"  # how messages call it
        self.since = kubelet.loop.now()
        known = pod.get("status") or {}
        self.start_time = parse_time(known["startTime"]) if known.get("startTime") else self.since
        self.slots = [
            ContainerSlot(c, "sidecar" if c.get("restartPolicy") == "Always" else "init")
            for c in spec.get("initContainers") or ()
        ]
        self.slots += [ContainerSlot(c, "app") for c in spec["containers"]]
        self.slots += [ContainerSlot(c, "ephemeral") for c in spec.get("ephemeralContainers") or ()]
        self.requests = requests(pod)
        self.reserved = False  # do the requests count against the node?
        self.sandbox: Sandbox | None = None
        self.status: Obj = known
        self.sent: Obj | None = None  # the status that was last written,
        self.stored: Obj | None = None  # and what the API server made of it
        self.ending: Termination | None = None
        self.finished = False  # nothing runs any more and nothing ever will
        self.settled = False  # is `status` the last word, whatever the containers look like?
        self.removed = False  # the Pod is gone from the API, before it had ended
        self.closed = False  # the kubelet has let go of this worker
        self.verdict: tuple[str, str] | None = None  # (reason, message) if the kubelet itself failed the Pod
        self.disruption = ""
        self._sandbox_asked = False
        self._deadline: Timer | None = None

    @property
    def policy(self) -> str:
        return self.pod["spec"].get("restartPolicy") or "Always"

    @property
    def pod_ip(self) -> str:
        return self.sandbox.ip if self.sandbox is not None else ""

    def container(self, name: str) -> ContainerSlot | None:
        return next((slot for slot in self.slots if slot.spec["name"] == name), None)

    # What the API says ----------------------------------------------------------------------------------------------

    def update(self, pod: Obj) -> None:
        """The Pod has changed in the API, perhaps only by what we wrote ourselves."""
        if self.static:
            self.mirror = pod
            self.publish()
            return
        old, self.pod = self.pod, pod
        meta, spec = pod["metadata"], pod["spec"]
        if self.finished:
            self.publish()
        if meta.get("deletionTimestamp"):
            self.terminate(float(meta.get("deletionGracePeriodSeconds") or 0))
        if self.finished:
            return
        if self.ending is not None:
            self.publish()
            return
        if spec is not old["spec"] and spec != old["spec"]:
            self._new_spec(spec)
        self._watch_deadline()
        self.sync()
        self.publish()

    def _new_spec(self, spec: Obj) -> None:
        """Images and resources can change, and ephemeral containers can come; a new image means a new container."""
        debug = spec.get("ephemeralContainers") or ()
        specs = {c["name"]: c for c in [*(spec.get("initContainers") or ()), *spec["containers"], *debug]}
        self.slots += [ContainerSlot(c, "ephemeral") for c in debug if self.container(c["name"]) is None]
        for slot in self.slots:
            new, old = specs.get(slot.spec["name"], slot.spec), slot.spec
            slot.spec = new
            if new["image"] == old["image"]:
                continue
            if slot.running:
                self.stop_slot(slot, f"Container {slot.name} definition changed, will be restarted")
            elif slot.retry is not None:  # it waits because of the old image
                slot.retry.cancel()
                slot.retry = None
        self.kubelet.reserve(self, requests(self.pod))

    def _watch_deadline(self) -> None:
        limit = self.pod["spec"].get("activeDeadlineSeconds")
        if limit is not None and self._deadline is None:
            left = self.start_time + float(limit) - self.kubelet.loop.now()
            self._deadline = self.kubelet.later(max(left, 0.0), self._past_deadline)

    def _past_deadline(self) -> None:
        if self.ending is None and not self.closed:
            message = "Pod was active on the node longer than the specified deadline"
            self.event("Normal", "DeadlineExceeded", message)
            self.fail("DeadlineExceeded", message, self.grace())

    # Towards running ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Take the Pod on: find what already runs of it, and go on from there."""
        adopt(self)
        if self.pod["metadata"].get("deletionTimestamp"):
            self.terminate(float(self.pod["metadata"].get("deletionGracePeriodSeconds") or 0))
            return
        self._watch_deadline()
        self.sync()
        self.publish()

    def start_finished(self) -> None:
        """The Pod had ended before this kubelet started: only its logs are of interest, and its deletion."""
        self.finished = self.settled = True
        self.sent = self.stored = self.status
        adopt(self)
        if self.pod["metadata"].get("deletionTimestamp"):
            self.kubelet.statuses.remove(self)

    def sync(self) -> None:
        """Do what can be done now towards what the Pod's spec asks for."""
        if self.ending is not None or self.closed or self.finished:
            return
        if self._over():
            self.ending = Termination(self, self.grace())
            return
        if self.sandbox is None:
            if not self._sandbox_asked and (self.kubelet.has_network or self.pod["spec"].get("hostNetwork")):
                self._sandbox_asked = True
                self.kubelet.with_volumes(self, self._make_sandbox)
            return
        for slot in self._missing():
            if not slot.busy and slot.retry is None:
                start_or_wait(self, slot)

    def _over(self) -> bool:
        """Will no container be started again?"""
        policy = self.policy
        apps_over = True
        for slot in self.slots:
            if slot.kind == "init" and slot.current is not None and slot.current.exit_code and slot.done(policy):
                return True
            if slot.kind == "app" and not slot.done(policy):
                apps_over = False
        return apps_over

    def _make_sandbox(self, volumes: Volumes) -> None:
        if self.ending is None and not self.closed:
            self.kubelet.runtime.run_sandbox(self.pod, volumes, self._sandbox_done)

    def _sandbox_done(self, result: Sandbox | Failure) -> None:
        self._sandbox_asked = False
        if self.closed:
            if self.kubelet.running and self.uid not in self.kubelet.workers:  # else another worker takes it over
                self.kubelet.runtime.remove_pod(self.uid)
        elif self.ending is not None:
            self.kubelet.runtime.stop_sandbox(self.uid)
        elif isinstance(result, Failure):
            self.event("Warning", result.reason, f"Failed to create pod sandbox: {result.message}")
            self._sandbox_asked = True
            self.kubelet.later(SANDBOX_RETRY, self.kubelet.with_volumes, self, self._make_sandbox)
        else:
            self.sandbox = result
            self.sync()

    def _missing(self) -> Iterator[ContainerSlot]:
        """The containers whose turn it is and that do not run."""
        through = initialized(self.slots)
        yield from (slot for slot in self.slots if slot.kind == "ephemeral" and slot.current is None)
        for slot in self.slots:
            current = slot.current
            if slot.kind == "init":
                if through or (current is not None and current.state == "exited" and current.exit_code == 0):
                    continue
                if not slot.running:
                    yield slot
                return
            if slot.kind == "ephemeral":
                continue
            if current is None or (current.state == "exited" and slot.restarts_after(current.exit_code, self.policy)):
                yield slot
            if slot.kind == "sidecar" and not slot.started and not through:
                return

    def container_started(self, slot: ContainerSlot) -> None:
        """Told by `ContainerStart`: the container runs."""
        self.probe(slot, "startupProbe" not in slot.spec, "readinessProbe" not in slot.spec)
        self.sync()
        self.publish()

    def probe(self, slot: ContainerSlot, started: bool, ready: bool) -> None:
        """Start the probes of a container that runs; until they say otherwise it is `started` and `ready`."""
        spec, container = slot.spec, slot.current
        assert container is not None
        slot.started, slot.ready = started, started and ready
        if "startupProbe" in spec or "livenessProbe" in spec or "readinessProbe" in spec:
            slot.prober = Prober(self.kubelet.loop, slot, container, self, self.kubelet.runtime.probe, self.since)
            slot.prober.start()

    # What happens to containers -------------------------------------------------------------------------------------

    def container_exited(self, container: Container) -> None:
        slot = self.container(container.name)
        if slot is None or slot.current is not container or self.closed:
            return
        slot.busy = slot.stopping = slot.started = False
        slot.ready = slot.kind == "init" and container.exit_code == 0
        if slot.prober is not None:
            slot.prober.stop()
            slot.prober = None
        if self.ending is not None:
            self.ending.proceed()
        elif slot.done(self.policy) or (slot.kind == "init" and slot.ready):
            self.sync()
        else:
            self.kubelet.later(RELIST, self.sync)
        if not self.finished:
            self.publish()

    def probe_failed(self, slot: ContainerSlot, type: ProbeType, output: str) -> None:
        self.event("Warning", "Unhealthy", f"{type.capitalize()} probe failed: {output}", slot)

    def probe_changed(self, slot: ContainerSlot, type: ProbeType, ok: bool) -> None:
        if self.closed:
            return
        if type == "readiness":
            slot.ready = ok
        elif type == "startup" and ok:
            slot.started = True
            slot.ready = "readinessProbe" not in slot.spec
            if slot.prober is not None:
                slot.prober.container_started()
            self.sync()
        elif not ok:
            self.stop_slot(slot, f"Container {slot.name} failed {type} probe, will be restarted", type)
        self.publish()

    def stop_slot(self, slot: ContainerSlot, message: str, probe: str = "") -> None:
        """Stop one container, so that it is started again."""
        own = (slot.spec.get(f"{probe}Probe") or {}).get("terminationGracePeriodSeconds") if probe else None
        if not slot.stopping:
            Termination.stop(self, slot, float(own) if own is not None else self.grace(), message)

    # The end --------------------------------------------------------------------------------------------------------

    def grace(self) -> float:
        """terminationGracePeriodSeconds."""
        return float(self.pod["spec"].get("terminationGracePeriodSeconds", 30))

    def terminate(self, grace: float) -> None:
        """The Pod shall go: stop its containers, then delete it from the API."""
        if self.finished:
            self.kubelet.statuses.remove(self)
        elif self.ending is not None:
            self.ending.hurry(grace)
        else:
            self.ending = Termination(self, grace)

    def fail(self, reason: str, message: str, grace: float, disruption: str = "") -> None:
        """The kubelet itself ends the Pod; it stays in the API as Failed."""
        self.verdict, self.disruption = (reason, message), disruption
        if self.ending is None:
            self.ending = Termination(self, grace)
        self.publish()

    def reject(self, reason: str, message: str) -> None:
        """The kubelet does not take the Pod on; it stays in the API as Failed."""
        self.finished = self.settled = True
        self.status = rejected_status(self.pod, reason, message, self.kubelet.loop.now())
        self.publish()

    def end(self) -> None:
        """Told by `Termination`: nothing runs any more."""
        self.finished = True
        self.sandbox = None
        self.kubelet.runtime.stop_sandbox(self.uid)
        self.kubelet.release(self)
        if self.removed:
            self.kubelet.forget(self)
            return
        self.publish()
        if self.pod["metadata"].get("deletionTimestamp"):
            self.kubelet.statuses.remove(self)

    def close(self) -> None:
        """The kubelet stops or the Pod is gone: no callback may do anything from now on."""
        self.closed = True
        for slot in self.slots:
            if slot.prober is not None:
                slot.prober.stop()
            if slot.retry is not None:
                slot.retry.cancel()
        if self._deadline is not None:
            self._deadline.cancel()

    # Telling --------------------------------------------------------------------------------------------------------

    def publish(self) -> None:
        """Bring the status in the API up to date, if it differs."""
        if self.closed or self.removed:
            return
        if not self.settled:
            self.status = pod_status(self._facts(), self.slots, self.status)
        in_api = self.mirror if self.static else self.pod
        if in_api is not None and (self.status != self.sent or in_api.get("status") != self.stored):
            self.kubelet.statuses.write(self)

    def _facts(self) -> Facts:
        kubelet, sandbox = self.kubelet, self.sandbox
        return Facts(
            self.pod,
            kubelet.address,
            self.pod_ip,
            sandbox is not None,
            self.start_time,
            self.finished,
            kubelet.loop.now(),
            self.verdict,
            self.disruption,
        )

    def written(self, stored: Obj, status: Obj) -> None:
        """The API server has taken `status`, and has made `stored` of the Pod."""
        self.sent, self.stored = status, stored.get("status")
        if self.static:
            self.mirror = stored
        else:
            self.pod = stored

    def echo(self, pod: Obj) -> None:
        """What we wrote comes back over the watch: keep this object, which others share, instead of our own copy."""
        self.pod, self.stored = pod, pod.get("status")

    def event(self, type: str, reason: str, message: str, slot: ContainerSlot | None = None) -> None:
        self.kubelet.recorder.event(self.pod, type, reason, message, slot.field_path if slot is not None else "")
