"""GET pods/NAME/log: what a container wrote (kubernetes: pkg/registry/core/pod/rest/log.go).

*Note*: a log that is followed is asked for again five times a second; upstream's kubelet watches the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controlplane.apiserver import errors, fields
from controlplane.apiserver.api import Response
from controlplane.apiserver.kubelets import KubeletApi, container_of, kubelet_of
from controlplane.apiserver.options import parse_bool, parse_int
from controlplane.apiserver.registry import Call
from controlplane.clock import Timer, parse_time

if TYPE_CHECKING:
    from controlplane.apiserver.server import ApiServer

Obj = dict[str, Any]

TEXT = "text/plain"
PERIOD = 0.2  # seconds between two looks at a log that is followed


@dataclass(frozen=True, slots=True)
class LogOptions:
    """PodLogOptions: `since` in seconds since the Unix epoch, `limit` in bytes."""

    container: str = ""
    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    since: float = 0.0
    tail: int | None = None
    limit: int | None = None


def log_options(query: Mapping[str, str], now: float) -> LogOptions:
    """The options of a request; 422 if one of them is wrong (pkg/apis/core/validation: ValidatePodLogOptions)."""
    numbers = {name: parse_int(query[name]) for name in ("tailLines", "limitBytes", "sinceSeconds") if name in query}
    problems = []
    if numbers.get("tailLines", 0) < 0:
        problems.append(fields.invalid("tailLines", numbers["tailLines"], "must be greater than or equal to 0"))
    if numbers.get("limitBytes", 1) < 1:
        problems.append(fields.invalid("limitBytes", numbers["limitBytes"], "must be greater than 0"))
    if "sinceSeconds" in numbers and query.get("sinceTime"):
        problems.append(fields.forbidden("", "at most one of `sinceTime` or `sinceSeconds` may be specified"))
    elif numbers.get("sinceSeconds", 1) < 1:
        problems.append(fields.invalid("sinceSeconds", numbers["sinceSeconds"], "must be greater than 0"))
    if problems:
        raise errors.invalid("", "PodLogOptions", query.get("pod", ""), problems)
    since = now - numbers["sinceSeconds"] if "sinceSeconds" in numbers else 0.0
    if query.get("sinceTime"):
        try:
            since = parse_time(query["sinceTime"])
        except ValueError:
            raise errors.bad_request(f"parsing time {fields.go_quote(query['sinceTime'])}: cannot parse") from None
    return LogOptions(
        query.get("container", ""),
        parse_bool(query.get("follow", "")),
        parse_bool(query.get("previous", "")),
        parse_bool(query.get("timestamps", "")),
        since,
        numbers.get("tailLines"),
        numbers.get("limitBytes"),
    )


def handle(server: ApiServer, call: Call, verb: str) -> Response:
    """The log as text, or a stream of it."""
    options = log_options(call.request.query, server.now())
    pod, api = kubelet_of(server, call, "containerLogs")
    container = container_of(pod, options.container)
    stream = LogStream(server, pod, api, container, options)
    first = stream.read()
    if options.follow:
        return Response(200, content_type=TEXT, stream=stream)
    return Response(200, first if options.limit is None else first[: options.limit], content_type=TEXT)


class LogStream:
    """A log that is followed until its container ends, as an `api.ByteStream`."""

    def __init__(self, server: ApiServer, pod: Obj, api: KubeletApi, container: str, options: LogOptions) -> None:
        self._server = server
        self._pod = pod["metadata"]
        self._api = api
        self._container = container
        self._options = options
        self._seen: str | None = None  # the last line that was passed on, with its time
        self._left = options.limit
        self._timer: Timer | None = None
        self._deliver: Callable[[bytes], None] = lambda data: None
        self._closed: Callable[[], None] = lambda: None

    def read(self) -> bytes:
        """All that a request without `follow` gets.  StatusError 400 in the kubelet's words."""
        options = self._options
        try:
            text = self._api.logs(
                self._pod["namespace"],
                self._pod["name"],
                self._container,
                previous=options.previous,
                tail=options.tail,
                since=options.since,
                timestamps=options.timestamps,
            )
        except LookupError as problem:
            raise errors.bad_request(str(problem)) from None
        return text.encode()

    def attach(self, deliver: Callable[[bytes], None], closed: Callable[[], None]) -> None:
        self._deliver, self._closed = deliver, closed
        self._look(self._options.tail)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._closed = lambda: None

    def _look(self, tail: int | None = None) -> None:
        """Pass on what is new."""
        over = self._is_over()
        try:
            lines = self._new_lines(tail)
        except LookupError:
            lines, over = [], True
        if lines:
            self._seen = lines[-1]
            shown = lines if self._options.timestamps else [line.partition(" ")[2] for line in lines]
            data = "".join(f"{line}\n" for line in shown).encode()
            if self._left is not None:
                data, over = data[: self._left], over or len(data) >= self._left
                self._left -= len(data)
            self._deliver(data)
        if over:
            closed = self._closed
            self.stop()
            closed()
        else:
            self._timer = self._server.loop.call_later(PERIOD, self._look)

    def _new_lines(self, tail: int | None) -> list[str]:
        """The lines after the last one that was passed on, each with its time."""
        text = self._api.logs(
            self._pod["namespace"],
            self._pod["name"],
            self._container,
            previous=self._options.previous,
            tail=tail,
            since=self._options.since,
            timestamps=True,
        )
        lines = text.splitlines()
        for i in range(len(lines) - 1, -1, -1):
            if lines[i] == self._seen:
                return lines[i + 1 :]
        return lines

    def _is_over(self) -> bool:
        """Whether the container has ended, for now or for good."""
        if self._options.previous:
            return True
        pod = self._server.read("pods", self._pod["name"], self._pod["namespace"])
        if pod is None or pod["metadata"]["uid"] != self._pod["uid"]:
            return True
        status = pod.get("status") or {}
        for field in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"):
            for one in status.get(field) or ():
                if one["name"] == self._container:
                    return "running" not in (one.get("state") or {})
        return False
