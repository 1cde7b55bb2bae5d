"""The client over HTTP, to any Kubernetes that a kubeconfig names: kind, a real control plane, `controlplane up`.

Requests go through the official `kubernetes` package.  Each watch reads in a thread of its own and posts what it reads
to the loop, so that handlers run one at a time there, as everywhere.  *Note*: a request holds up the loop until it is
answered.

    loop = WallLoop()
    scheduler = MyScheduler(loop, RemoteClient(loop))   # the current context of the kubeconfig
    scheduler.start()
    loop.run_for(3600)
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from controlplane.client.base import (
    ApiError,
    Client,
    CloseHandler,
    Disconnected,
    EventHandler,
    Obj,
    Resource,
    Watch,
    watch_query,
)
from controlplane.clock import WallLoop

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

TIMEOUT = 30.0  # seconds until a request counts as lost
SILENCE = 330.0  # seconds of silence after which a watch counts as broken


class RemoteClient(Client):
    """A client of the cluster that `context` of a kubeconfig names: the current one, and the usual file, if not given.

    `api` takes an `ApiClient` of the kubernetes package instead.  Raises ValueError for a kubeconfig that is none.
    """

    def __init__(
        self,
        loop: WallLoop,
        *,
        context: str | None = None,
        kubeconfig: str | None = None,
        api: ApiClient | None = None,
        user: str = "",
    ) -> None:
        from kubernetes import config  # 0.3 s to import: for those who leave this process

        try:
            load: Any = config.new_client_from_config  # it has no types
            self.api: ApiClient = api or load(config_file=kubeconfig, context=context)
        except config.ConfigException as error:
            raise ValueError(f"no cluster to talk to: {error}") from None
        self.loop = loop
        self.user = user or "kubeconfig"
        self._resources: list[Resource] = []
        self._names: dict[str, Resource] = {}

    # Discovery ------------------------------------------------------------------------------------------------------

    def resource(self, name: str) -> Resource:
        found = self._names.get(name)
        if found is None:
            self._discover()
            found = self._names.get(name)
        if found is None:
            raise _not_found(f"the server doesn't have a resource type {name!r}")
        return found

    def resource_for(self, api_version: str, kind: str) -> Resource:
        for fresh in (False, True):
            if fresh or not self._resources:
                self._discover()
            for resource in self._resources:
                if (resource.api_version, resource.kind) == (api_version, kind):
                    return resource
        raise _not_found(f"no matches for kind {kind!r} in version {api_version!r}")

    def _discover(self) -> None:
        versions = ["/api/v1"]
        for group in self.request("GET", "/apis")["groups"]:
            preferred = group["preferredVersion"]["groupVersion"]
            others = [v["groupVersion"] for v in group["versions"] if v["groupVersion"] != preferred]
            versions += [f"/apis/{version}" for version in (preferred, *others)]
        self._resources = []
        for path in versions:
            try:
                listed = self.request("GET", path)
            except ApiError:
                continue  # a group whose server is away, as kubectl passes over it
            group, _, version = listed["groupVersion"].rpartition("/")
            self._resources += [
                Resource(group, version, row["kind"], row["name"], row["namespaced"])
                for row in listed["resources"]
                if "/" not in row["name"]
            ]
        self._names = {}
        for resource in self._resources:
            full = f"{resource.plural}.{resource.group}"
            for name in (resource.plural, full.rstrip("."), f"{resource.plural}.{resource.version}.{resource.group}"):
                self._names.setdefault(name, resource)

    # Requests -------------------------------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Any:
        response = self._open(method, path, query, body, content_type, TIMEOUT)
        text = response.data.decode()
        return json.loads(text) if response.headers.get("content-type", "").startswith("application/json") else text

    def _open(
        self, method: str, path: str, query: dict[str, str] | None, body: Any, content_type: str, timeout: float
    ) -> Any:
        """The answer, its body unread; ApiError for a refusal, Disconnected if there is no answer.

        The kubernetes package sets up the connection, its certificates and who we are; how it takes requests differs
        from one of its releases to the next, so they go to the connection itself.
        """
        from urllib3.exceptions import HTTPError

        headers = {"Accept": "application/json", "User-Agent": "controlplane"}
        for name, value in self.api.default_headers.items():
            headers.setdefault(name, value)
        settings = self.api.configuration
        token = settings.auth_settings().get("BearerToken")
        if token and token.get("value"):
            headers["Authorization"] = token["value"]
        if body is not None:
            headers["Content-Type"] = content_type
        url = settings.host + path + (f"?{urlencode(query)}" if query else "")
        data = None if body is None else json.dumps(body)
        try:
            answer = self.api.rest_client.pool_manager.request(
                method, url, body=data, headers=headers, timeout=timeout, retries=False, preload_content=False
            )
        except (HTTPError, OSError) as error:
            raise Disconnected(str(error)) from None
        if answer.status >= 400:
            raise _refused(answer.status, answer.data)
        return answer

    # Watches --------------------------------------------------------------------------------------------------------

    def watch(
        self,
        resource: str,
        handler: EventHandler,
        namespace: str | None = None,
        *,
        resource_version: str = "",
        label_selector: str = "",
        field_selector: str = "",
        bookmarks: bool = True,
        on_close: CloseHandler | None = None,
    ) -> Watch:
        query = watch_query(resource_version, label_selector, field_selector, bookmarks)
        path = self.resource(resource).path(namespace)
        response = self._open("GET", path, query, None, "", SILENCE)
        return _RemoteWatch(self.loop, response, handler, on_close)


class _RemoteWatch(Watch):
    """Reads events in a thread; tells of them on the loop."""

    def __init__(self, loop: WallLoop, response: Any, handler: EventHandler, on_close: CloseHandler | None) -> None:
        self._loop = loop
        self._response = response
        self._handler = handler
        self._on_close = on_close
        self._stopped = False
        threading.Thread(target=self._read, name="watch", daemon=True).start()

    def stop(self) -> None:
        """End the connection: the thread that reads it is told by that, and closes it."""
        self._stopped = True
        connection = getattr(self._response, "connection", None)
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def _read(self) -> None:
        error: ApiError | None = None
        rest = b""
        try:
            for chunk in self._response.stream(amt=None, decode_content=True):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in filter(None, lines):
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        error = ApiError(event["object"])
                        break
                    self._loop.post(self._tell, event["type"], event["object"])
                if error is not None:
                    break
        except Exception as problem:  # whatever ends the connection, the informer connects again
            error = Disconnected(str(problem))
        self._response.close()
        self._loop.post(self._end, error)

    def _tell(self, type: str, obj: Obj) -> None:
        if not self._stopped:
            self._handler(type, obj)

    def _end(self, error: ApiError | None) -> None:
        if not self._stopped:
            self._stopped = True
            if self._on_close is not None:
                self._on_close(error)


def _refused(code: int, body: bytes) -> ApiError:
    """The Status in a refusal, or one made of it."""
    text = body.decode(errors="replace").strip()
    try:
        status = json.loads(text)
    except ValueError:
        status = None
    if isinstance(status, dict) and status.get("kind") == "Status":
        return ApiError(status)
    return ApiError({"kind": "Status", "code": code, "reason": "", "message": text})


def _not_found(message: str) -> ApiError:
    return ApiError({"kind": "Status", "code": 404, "reason": "NotFound", "message": message})
