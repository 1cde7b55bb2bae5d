"""pods/NAME/exec and attach: a command in a container, over one connection with several channels.

(kubernetes: pkg/registry/core/pod/rest/subresources.go; apimachinery: pkg/util/remotecommand)

*Note*: over a WebSocket only, as kubectl speaks it since 1.31; SPDY, which older ones speak, is left out here, and so
are port-forward and the proxies to Pods, Services and nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from controlplane.apiserver import errors
from controlplane.apiserver.api import Response
from controlplane.apiserver.codec import encode
from controlplane.apiserver.kubelets import KubeletApi, container_of, kubelet_of
from controlplane.apiserver.options import parse_bool
from controlplane.apiserver.pod_logs import LogOptions, LogStream
from controlplane.apiserver.registry import Call
from controlplane.apiserver.streams import Session

if TYPE_CHECKING:
    from controlplane.apiserver.server import ApiServer

Obj = dict[str, Any]

STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
PROTOCOLS: tuple[str, ...] = ("v5.channel.k8s.io", "v4.channel.k8s.io")


def exec_(server: ApiServer, call: Call, verb: str) -> Response:
    """GET pods/NAME/exec?command=...&stdin&stdout&stderr&container="""
    query, lists = call.request.query, call.request.lists
    command = lists.get("command") or ([query["command"]] if query.get("command") else [])
    if not command:
        raise errors.bad_request("you must specify at least 1 command for the container")
    pod, api = kubelet_of(server, call, "exec")
    container = container_of(pod, query.get("container", ""))
    _check_running(pod, container)
    wants = {name: parse_bool(query.get(name, "")) for name in ("stdin", "stdout", "stderr", "tty")}
    return Response(101, upgrade=Exec(api, call.namespace, call.name, container, command, wants))


def attach(server: ApiServer, call: Call, verb: str) -> Response:
    """GET pods/NAME/attach: the output of what runs already."""
    pod, api = kubelet_of(server, call, "attach")
    container = container_of(pod, call.request.query.get("container", ""))
    _check_running(pod, container)
    stream = LogStream(server, pod, api, container, LogOptions(container, follow=True, since=server.now()))
    return Response(101, upgrade=Attach(stream))


def _check_running(pod: Obj, container: str) -> None:
    if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        phase = pod["status"]["phase"]
        raise errors.bad_request(f"cannot exec into a container in a completed pod; current phase is {phase}")


class Exec:
    """One command.  What is written to it is collected first: the runtimes take it in one piece."""

    protocols = PROTOCOLS

    def __init__(
        self, api: KubeletApi, namespace: str, pod: str, container: str, command: list[str], wants: dict[str, bool]
    ) -> None:
        self._run: Callable[[str], None] = lambda stdin: api.exec(namespace, pod, command, self._done, container, stdin)
        self._wants = wants
        self._stdin = bytearray()
        self._session: Session | None = None
        self._started = False

    def start(self, session: Session) -> None:
        self._session = session
        if not self._wants["stdin"] or self._wants["tty"]:
            self._begin()

    def receive(self, channel: int, data: bytes) -> None:
        if channel == STDIN and not self._started:
            self._stdin += data
        elif channel == CLOSE and data == bytes([STDIN]):  # nothing more will be written
            self._begin()

    def gone(self) -> None:
        self._session = None

    def _begin(self) -> None:
        if self._started:
            return
        self._started = True
        try:
            self._run(self._stdin.decode("utf-8", "replace"))
        except LookupError as problem:
            self._end(failure(f"Internal error occurred: {problem}", "InternalError"))

    def _done(self, outcome: Any) -> None:
        if not hasattr(outcome, "exit_code"):
            self._end(failure(f"Internal error occurred: {outcome.message}", "InternalError"))
            return
        if self._session is not None:
            for channel, text, name in ((STDOUT, outcome.stdout, "stdout"), (STDERR, outcome.stderr, "stderr")):
                if text and self._wants[name]:
                    self._session.send(channel, text.encode())
        code = outcome.exit_code
        if code == 0:
            self._end({"metadata": {}, "status": "Success"})
        else:
            causes = [{"reason": "ExitCode", "message": str(code)}]
            message = f"command terminated with non-zero exit code: exit status {code}"
            self._end({**failure(message, "NonZeroExitCode"), "details": {"causes": causes}})

    def _end(self, status: Obj) -> None:
        if self._session is not None:
            self._session.send(ERROR, encode(status))
            self._session.close()
            self._session = None


class Attach:
    """What a container writes from now on, until it ends."""

    protocols = PROTOCOLS

    def __init__(self, stream: LogStream) -> None:
        self._stream = stream

    def start(self, session: Session) -> None:
        def over() -> None:
            session.send(ERROR, encode({"metadata": {}, "status": "Success"}))
            session.close()

        self._stream.attach(lambda data: session.send(STDOUT, data), over)

    def receive(self, channel: int, data: bytes) -> None:
        """*Note*: what is typed goes nowhere: a simulated container reads nothing."""

    def gone(self) -> None:
        self._stream.stop()


def failure(message: str, reason: str) -> Obj:
    return {"metadata": {}, "status": "Failure", "message": message, "reason": reason}
