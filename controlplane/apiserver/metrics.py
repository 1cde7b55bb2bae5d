"""metrics.k8s.io: what nodes and Pods use just now, as the kubelets say (kubernetes-sigs/metrics-server).

*Note*: upstream's metrics server is a program of its own, behind the API server, and samples every 15 seconds; here the
API server asks the kubelets when it is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from controlplane.apiserver import errors, presenting
from controlplane.apiserver.api import Response
from controlplane.apiserver.codec import encode
from controlplane.apiserver.negotiation import negotiate
from controlplane.apiserver.options import list_options
from controlplane.apiserver.registry import Call
from controlplane.apiserver.resources import ResourceInfo
from controlplane.apiserver.selectors import label_selector
from controlplane.apiserver.storage import Page
from controlplane.apiserver.watch_cache import Entry

if TYPE_CHECKING:
    from controlplane.apiserver.server import ApiServer

Obj = dict[str, Any]

GROUP, VERSION = "metrics.k8s.io", "v1beta1"
API_VERSION = f"{GROUP}/{VERSION}"
WINDOW = "15s"
READ = ("get", "list")
NODES = ResourceInfo(
    GROUP, VERSION, "NodeMetrics", "nodes", singular="", namespaced=False, verbs=READ, list_kind="NodeMetricsList"
)
PODS = ResourceInfo(
    GROUP, VERSION, "PodMetrics", "pods", singular="", namespaced=True, verbs=READ, list_kind="PodMetricsList"
)


def install(server: ApiServer) -> None:
    """Serve the metrics of all kubelets that are, and will be, registered.  Idempotent."""
    for info in (NODES, PODS):
        if server.resources.find(info.group, info.version, info.plural) is None:
            server.resources.add(info)
        server.virtual[info.group, info.plural] = handle


def handle(server: ApiServer, call: Call, verb: str) -> Response:
    """GET of one object or of a list."""
    form = negotiate(call.request.headers.get("accept", ""))
    found = _of_nodes(server) if call.info is NODES else _of_pods(server, call.namespace)
    if verb == "get":
        for obj in found:
            if obj["metadata"]["name"] == call.name:
                return presenting.one(server, call, form, 200, obj, None)
        raise errors.not_found(call.info, call.name)
    options = list_options(call.request.query)
    if options.label_selector:
        selector = label_selector(options.label_selector)
        found = [obj for obj in found if selector.matches(obj["metadata"].get("labels"))]
    if not form.kind:
        body = {"kind": call.info.list_kind, "apiVersion": API_VERSION, "metadata": {}, "items": found}
        return Response(200, body)
    entries = [Entry(b"", obj, encode(obj), 0) for obj in found]
    return presenting.page(server, call, form, Page(entries, 0, "", None))


def _summaries(server: ApiServer) -> Iterator[tuple[str, Obj]]:
    """(node, its kubelet's summary) of every node that answers."""
    for name in sorted(server.kubelets):
        api = server.kubelets[name]()
        if api is not None:
            yield name, api.summary()


def _of_nodes(server: ApiServer) -> list[Obj]:
    found = []
    for name, summary in _summaries(server):
        node = server.read("nodes", name)
        if node is not None:
            meta = {"name": name, "labels": node["metadata"].get("labels") or {}}
            found.append(_metrics("NodeMetrics", meta, summary["node"], usage=_usage(summary["node"])))
    return found


def _of_pods(server: ApiServer, namespace: str) -> list[Obj]:
    found = []
    for _, summary in _summaries(server):
        for row in summary["pods"]:
            ref = row["podRef"]
            if namespace and ref["namespace"] != namespace:
                continue
            pod = server.read("pods", ref["name"], ref["namespace"])
            if pod is None or pod["metadata"]["uid"] != ref["uid"]:
                continue
            meta = {"name": ref["name"], "namespace": ref["namespace"], "labels": pod["metadata"].get("labels") or {}}
            containers = [{"name": c["name"], "usage": _usage(c)} for c in row["containers"]]
            found.append(_metrics("PodMetrics", meta, row["containers"][0], containers=containers))
    return sorted(found, key=lambda obj: (obj["metadata"]["namespace"], obj["metadata"]["name"]))


def _metrics(kind: str, meta: Obj, measured: Obj, **more: Any) -> Obj:
    time = measured["cpu"]["time"]
    meta = {**meta, "creationTimestamp": time}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": meta, "timestamp": time, "window": WINDOW, **more}


def _usage(measured: Obj) -> Obj:
    """As quantities: nanocores, and KiB."""
    return {
        "cpu": f"{measured['cpu']['usageNanoCores']}n",
        "memory": f"{measured['memory']['workingSetBytes'] // 1024}Ki",
    }
