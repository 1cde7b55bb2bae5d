"""Getting a container's image onto the machine (upstream: pkg/kubelet/images/image_manager.go)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from controlplane.clock import Loop
from controlplane.node.backoff import Backoff
from controlplane.node.container_slot import ContainerSlot
from controlplane.node.runtime import Failure, Image, Obj, Runtime

if TYPE_CHECKING:
    from controlplane.client.events import EventRecorder

ImageDone = Callable[[Image | Failure], None]


class ImagePuller:
    """Pulls what `imagePullPolicy` asks for, with events, and waits longer after each failure."""

    def __init__(
        self, loop: Loop, runtime: Runtime, recorder: EventRecorder, on_image: Callable[[], None] = lambda: None
    ) -> None:
        self.loop = loop
        self.runtime = runtime
        self.recorder = recorder
        self.on_image = on_image  # told when there is one more image on the machine
        self.backoff = Backoff(loop)
        self._failures: dict[str, str] = {}  # key -> why the last pull failed

    def ensure(self, pod: Obj, slot: ContainerSlot, done: ImageDone) -> None:
        """Hand the image to `done`, at once if it is there and may be used, or the failure."""
        name = slot.spec["image"]
        policy = slot.spec.get("imagePullPolicy") or "IfNotPresent"
        present = self.runtime.image(name)
        if present is not None and policy != "Always":
            self._event(
                pod,
                slot,
                "Normal",
                "Pulled",
                f'Container image "{name}" already present on machine and can be accessed by the pod',
            )
            done(present)
            return
        if policy == "Never":
            message = f'Container image "{name}" is not present with pull policy of Never'
            self._event(pod, slot, "Warning", "ErrImageNeverPull", message)
            done(Failure("ErrImageNeverPull", message))
            return
        key = self.key(pod, slot)
        if self.backoff.since_raised(key) > 0:
            self._event(pod, slot, "Normal", "BackOff", f'Back-off pulling image "{name}"')
            done(
                Failure(
                    "ImagePullBackOff", f'Back-off pulling image "{name}": ErrImagePull: {self._failures.get(key, "")}'
                )
            )
            return
        self._event(pod, slot, "Normal", "Pulling", f'Pulling image "{name}"')
        asked = self.loop.now()
        self.runtime.pull_image(name, lambda result: self._pulled(pod, slot, asked, result, done))

    def _pulled(self, pod: Obj, slot: ContainerSlot, asked: float, result: Image | Failure, done: ImageDone) -> None:
        name, key = slot.spec["image"], self.key(pod, slot)
        if isinstance(result, Failure):
            self._event(pod, slot, "Warning", "Failed", f'Failed to pull image "{name}": {result.message}')
            self.backoff.raise_delay(key, self.loop.now())
            self._failures[key] = result.message
        else:
            took = go_duration(self.loop.now() - asked)
            self._event(
                pod,
                slot,
                "Normal",
                "Pulled",
                f'Successfully pulled image "{name}" in {took} ({took} including '
                f"waiting). Image size: {result.size} bytes.",
            )
            self.forget(pod, slot)
            self.on_image()
        done(result)

    def key(self, pod: Obj, slot: ContainerSlot) -> str:
        return f"{pod['metadata']['uid']}_{slot.spec['image']}"

    def forget(self, pod: Obj, slot: ContainerSlot) -> None:
        """The image came, or the Pod is gone."""
        key = self.key(pod, slot)
        self.backoff.forget(key)
        self._failures.pop(key, None)

    def _event(self, pod: Obj, slot: ContainerSlot, type: str, reason: str, message: str) -> None:
        self.recorder.event(pod, type, reason, message, slot.field_path)


def go_duration(seconds: float) -> str:
    """A duration as Go prints it, to the millisecond.

    >>> go_duration(1.663), go_duration(0.316), go_duration(80), go_duration(300), go_duration(0)
    ('1.663s', '316ms', '1m20s', '5m0s', '0s')
    """
    millis = round(seconds * 1000)
    if millis == 0:
        return "0s"
    if millis < 1000:
        return f"{millis}ms"
    minutes, rest = divmod(millis, 60_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{rest / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text
