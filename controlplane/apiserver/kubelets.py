"""The API server's way to the kubelets, which is the one thing that it asks of anybody.

Logs, commands in containers and what a Pod uses are not in the store: the kubelet of the Pod's node has them.  Who puts
a cluster together registers, in `ApiServer.kubelets`, how to reach each node's.
(kubernetes: pkg/registry/core/pod/strategy.go, pkg/kubelet/client)

*Note*: a kubelet that cannot be reached is answered with 503 here, where upstream says 500.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from controlplane.apiserver import errors
from controlplane.apiserver.registry import Call

if TYPE_CHECKING:
    from controlplane.apiserver.server import ApiServer

Obj = dict[str, Any]
KUBELET_PORT = 10250


class KubeletApi(Protocol):
    """What a kubelet answers.  All of it raises LookupError, in upstream's words, where there is no such container."""

    def logs(
        self,
        namespace: str,
        pod: str,
        container: str = "",
        *,
        previous: bool = False,
        tail: int | None = None,
        since: float = 0.0,
        timestamps: bool = False,
    ) -> str: ...

    def exec(
        self,
        namespace: str,
        pod: str,
        command: list[str],
        done: Callable[[Any], None],
        container: str = "",
        stdin: str = "",
    ) -> None: ...

    def summary(self) -> Obj: ...


Reach = Callable[[], KubeletApi | None]  # None while the node cannot be reached


def kubelet_of(server: ApiServer, call: Call, path: str) -> tuple[Obj, KubeletApi]:
    """(the Pod that the call names, its node's kubelet).  `path` is what the kubelet is asked for, for messages."""
    pod = server.registry(call.info).entry(call.namespace, call.name).obj
    node = pod["spec"].get("nodeName")
    if not node:
        raise errors.bad_request(f"pod {call.name} does not have a host assigned")
    found = server.read("nodes", node)
    if found is None:
        raise errors.StatusError(404, "NotFound", f'nodes "{node}" not found', {"name": node, "kind": "nodes"})
    reach = server.kubelets.get(node)
    api = reach() if reach is not None else None
    if api is None:
        addresses = (found.get("status") or {}).get("addresses") or []
        ip = next((a["address"] for a in addresses if a["type"] == "InternalIP"), node)
        address = f"{ip}:{KUBELET_PORT}"
        url = f"https://{address}/{path}/{call.namespace}/{call.name}"
        raise errors.unavailable(f'Get "{url}": dial tcp {address}: connect: connection refused')
    return pod, api


def container_of(pod: Obj, wanted: str) -> str:
    """The container that is meant: the only one, if none is named."""
    spec, name = pod["spec"], pod["metadata"]["name"]
    own, init, debug = (
        [c["name"] for c in spec.get(field) or ()] for field in ("containers", "initContainers", "ephemeralContainers")
    )
    if wanted:
        if wanted not in (*own, *init, *debug):
            raise errors.bad_request(f"container {wanted} is not valid for pod {name}")
        return wanted
    if len(own) == 1:
        return str(own[0])
    message = f"a container name must be specified for pod {name}, choose one of: [{' '.join(own)}]"
    if init:
        message += f" or one of the init containers: [{' '.join(init)}]"
    if debug:
        message += f" or one of the ephemeral containers: [{' '.join(debug)}]"
    raise errors.bad_request(message)
