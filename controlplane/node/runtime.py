"""What a kubelet asks of a container runtime (upstream: the Container Runtime Interface, k8s.io/cri-api).

Two runtimes fit: `simulated_runtime` plays containers on the loop's clock; one that starts processes needs nothing
more. Every call returns at once.  What takes time reports through its callback, on the loop and never inside the
call. Containers outlive the kubelet: one that stops and starts again finds them through `sandbox` and `containers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

Obj = dict[str, Any]
Objs = list[Obj]


class Failure(NamedTuple):
    """Why something did not work: `reason` as a waiting container shows it ("ErrImagePull", "RunContainerError")."""

    reason: str
    message: str


@dataclass(slots=True)
class Sandbox:
    """What the containers of one Pod share: its network, and so its address."""

    id: str
    pod_uid: str
    ip: str


@dataclass(slots=True)
class Container:
    """One attempt at running one container.  The runtime keeps it up to date; a kubelet only reads it.

    Times are seconds since the Unix epoch, 0.0 for "not yet".
    """

    id: str
    pod_uid: str
    name: str
    attempt: int
    image: str
    image_id: str
    state: Literal["created", "running", "exited"] = "created"
    started_at: float = 0.0
    finished_at: float = 0.0
    exit_code: int = 0
    reason: str = ""  # "Completed", "Error", "OOMKilled"
    message: str = ""


class Image(NamedTuple):
    """An image that is on the machine."""

    name: str
    id: str
    size: int  # bytes


class ProbeResult(NamedTuple):
    """How a probe ended, with the text that the event shows if it failed."""

    ok: bool
    output: str = ""


class ExecResult(NamedTuple):
    """How a command in a container ended."""

    exit_code: int
    stdout: str = ""
    stderr: str = ""


class Usage(NamedTuple):
    """What a container or a machine uses right now."""

    cpu: float  # cores
    memory: int  # bytes, the working set
    storage: int = 0  # bytes written to the container's own disk


Volumes = dict[str, dict[str, bytes]]  # volume -> path in it -> content
SandboxDone = Callable[[Sandbox | Failure], None]
PullDone = Callable[[Image | Failure], None]
StartDone = Callable[[Failure | None], None]
ProbeDone = Callable[[ProbeResult], None]
ExecDone = Callable[[ExecResult | Failure], None]
OnExit = Callable[[Container], None]


class Runtime(Protocol):
    """The containers of one machine."""

    name: str  # the scheme of container ids: "containerd"
    version: str

    def attach(self, pod_cidr: str, on_exit: OnExit) -> None:
        """A kubelet takes over: tell it of containers that end.  `pod_cidr` "" leaves addresses to the network.

        Called again when the kubelet has learnt the range of its Pods' addresses.
        """

    def detach(self) -> None:
        """The kubelet is gone; the containers go on."""

    def power_off(self) -> None:
        """The machine loses power: everything that ran is gone, silently.  Images stay on disk."""

    def run_sandbox(self, pod: Obj, volumes: Volumes, done: SandboxDone) -> None:
        """Set up the Pod's network and give it an address; lay its volumes out for the containers that mount them."""

    def stop_sandbox(self, pod_uid: str) -> None:
        """Kill what is left of the Pod and free its address; its logs stay.  Idempotent."""

    def remove_pod(self, pod_uid: str) -> None:
        """The Pod is gone from the API: forget its containers and their logs too.  Idempotent."""

    def sandbox(self, pod_uid: str) -> Sandbox | None:
        """The Pod's sandbox, if it is up."""

    def image(self, name: str) -> Image | None:
        """The image, if it is on the machine."""

    def images(self) -> list[Image]:
        """All images on the machine, in the order in which they came."""

    def pull_image(self, name: str, done: PullDone) -> None:
        """Fetch an image."""

    def create_container(self, pod: Obj, spec: Obj, attempt: int, env: Mapping[str, str]) -> Container | Failure:
        """Prepare the container `spec` (of the Pod's spec) to run for the `attempt`-th time, counted from 0."""

    def start_container(self, container_id: str, done: StartDone) -> None:
        """Run it.  Its state is "running" when `done(None)` is called."""

    def stop_container(self, container_id: str, grace: float) -> None:
        """SIGTERM now and SIGKILL in `grace` seconds; again with a shorter grace to hurry.  `on_exit` tells when."""

    def remove_container(self, container_id: str) -> None:
        """Forget a container that ended, with its log."""

    def containers(self, pod_uid: str) -> list[Container]:
        """The Pod's containers, oldest attempt first."""

    def pod_uids(self) -> list[str]:
        """Every Pod of which anything is here, if only a log."""

    def probe(self, container_id: str, probe: Obj, timeout: float, done: ProbeDone) -> None:
        """Try `httpGet`, `tcpSocket`, `grpc` or `exec` of a probe or hook, whose port is a number by now."""

    def exec(self, container_id: str, command: list[str], done: ExecDone, stdin: str = "") -> None:
        """Run a command inside the container."""

    def logs(self, container_id: str) -> list[tuple[float, str]]:
        """(time, line) of everything the container has written."""

    def usage(self, container_id: str) -> Usage:
        """What the container uses now; zero if it does not run."""

    def node_usage(self) -> Usage:
        """What the whole machine uses now."""
