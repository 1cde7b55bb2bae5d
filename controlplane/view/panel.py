"""A panel to play with: each button does what a kubectl command does, and says which one, under a map that follows.

panel.show(cluster)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from controlplane.client.base import ApiError
from controlplane.view.live import LiveMap

if TYPE_CHECKING:
    from controlplane.cluster import Cluster

TIMES = ("1s", "10s", "1m", "5m", "10m")


class Panel:
    """What one can do to a cluster; `said` is the command of the last deed, and what it answered."""

    def __init__(self, cluster: Cluster, namespace: str = "default") -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.map = LiveMap(cluster.history)
        self.said = widgets.HTML()
        self.workload = widgets.Dropdown(description="Deployment")
        self.replicas = widgets.BoundedIntText(4, min=0, max=100, description="replicas")
        self.image = widgets.Text("app:v2", description="image")
        self.pod = widgets.Dropdown(description="Pod")
        self.node = widgets.Dropdown(description="node")
        self.time = widgets.Dropdown(options=TIMES, value="10s", description="let pass")
        rows = [
            [self.workload, self.replicas, self._button("scale", self.scale)],
            [self.image, self._button("set image", self.set_image), self.pod, self._button("delete Pod", self.delete)],
            [
                self.node,
                self._button("drain", self.drain),
                self._button("uncordon", self.uncordon),
                self._button("power off", self.power_off),
                self._button("power on", self.power_on),
                self._button("cut link", self.cut),
                self._button("heal link", self.heal),
            ],
            [self.time, self._button("run", self.run)],
        ]
        wrap = widgets.Layout(flex_flow="row wrap")
        self.whole = widgets.VBox([*(widgets.HBox(row, layout=wrap) for row in rows), self.said, self.map])
        self.refresh()

    def _button(self, name: str, deed: Callable[[], str]) -> Any:
        button = widgets.Button(description=name, layout=widgets.Layout(width="auto"))
        button.on_click(lambda _: self.do(deed))
        return button

    def do(self, deed: Callable[[], str]) -> None:
        """Do it, say the command, let the cluster react, and show what came of it."""
        try:
            told = deed()
        except (ApiError, LookupError) as error:
            told = f"# {error}"
        self.said.value = f"<pre>{told.replace('&', '&amp;').replace('<', '&lt;')}</pre>"
        self.refresh()

    def refresh(self) -> None:
        """The choices and the map as they are now."""
        client = self.cluster.client
        for choice, resource, where in (
            (self.workload, "deployments", self.namespace),
            (self.pod, "pods", self.namespace),
            (self.node, "nodes", None),
        ):
            names = [obj["metadata"]["name"] for obj in client.list_shared(resource, where)[0]]
            if list(choice.options) != names:
                kept = choice.value
                choice.options = names
                choice.value = kept if kept in names else (names[0] if names else None)
        self.map.update()

    # What one can do ------------------------------------------------------------------------------------------------

    def scale(self) -> str:
        patch = {"spec": {"replicas": self.replicas.value}}
        self.cluster.client.patch("deployments", self.workload.value, patch, self.namespace, type="merge")
        self.cluster.run_for(1)
        return f"kubectl scale deployment/{self.workload.value} --replicas={self.replicas.value}"

    def set_image(self) -> str:
        deployment = self.cluster.client.get("deployments", self.workload.value, self.namespace)
        container = deployment["spec"]["template"]["spec"]["containers"][0]["name"]
        pod = {"containers": [{"name": container, "image": self.image.value}]}
        patch = {"spec": {"template": {"spec": pod}}}
        self.cluster.client.patch("deployments", self.workload.value, patch, self.namespace, type="strategic")
        self.cluster.run_for(1)
        return f"kubectl set image deployment/{self.workload.value} {container}={self.image.value}"

    def delete(self) -> str:
        name = self.pod.value
        self.cluster.client.delete("pods", name, self.namespace)
        self.cluster.run_for(1)
        return f"kubectl delete pod {name}"

    def drain(self) -> str:
        client, node = self.cluster.client, self.node.value
        client.patch("nodes", node, {"spec": {"unschedulable": True}}, type="merge")
        for pod in client.list_shared("pods")[0]:
            meta = pod["metadata"]
            owners = [owner["kind"] for owner in meta.get("ownerReferences") or []]
            if pod["spec"].get("nodeName") == node and "DaemonSet" not in owners:
                where = {"name": meta["name"], "namespace": meta["namespace"]}
                eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": where}
                path = client.resource("pods").path(meta["namespace"], meta["name"], "eviction")
                client.request("POST", path, body=eviction)
        self.cluster.run_for(1)
        return f"kubectl drain {node} --ignore-daemonsets"

    def uncordon(self) -> str:
        self.cluster.client.patch("nodes", self.node.value, {"spec": {"unschedulable": None}}, type="merge")
        return f"kubectl uncordon {self.node.value}"

    def power_off(self) -> str:
        self.cluster.kill_node(self.node.value)
        return f"# no kubectl command: the power of {self.node.value} is cut"

    def power_on(self) -> str:
        self.cluster.restart_node(self.node.value)
        self.cluster.run_for(1)
        return f"# no kubectl command: {self.node.value} is switched on"

    def cut(self) -> str:
        self.cluster.partition(self.node.value)
        return f"# no kubectl command: {self.node.value} is cut off from the API server"

    def heal(self) -> str:
        self.cluster.heal(self.node.value)
        self.cluster.run_for(1)
        return f"# no kubectl command: {self.node.value} reaches the API server again"

    def run(self) -> str:
        self.cluster.run_for(self.time.value)
        return f"sleep {self.time.value}"


def show(cluster: Cluster) -> Any:
    """The panel as a widget."""
    return Panel(cluster).whole
