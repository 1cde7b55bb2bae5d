"""The autoscaler follows the load: up at once, down after a while, and never faster than its policies."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.client.base import ApiError, Client, Obj
from controlplane.clock import Loop, rfc3339
from controlplane.controllers import hpa_behavior as behavior
from tests.controllers.plane import Plane
from tests.faults import CALM, FaultyClient


class Metrics(FaultyClient):
    """Serves metrics.k8s.io: every running Pod uses `cpu`."""

    cpu: str | None = "100m"

    def request(self, method: str, path: str, **rest: Any) -> Any:
        if "/metrics.k8s.io/" not in path or self.cpu is None:
            return self.inner.request(method, path, **rest)
        namespace = path.split("/")[5]
        stamp = rfc3339(self.loop.now())
        pods = self.inner.list("pods", namespace, label_selector=rest["query"]["labelSelector"])["items"]
        return {
            "items": [
                {
                    "metadata": pod["metadata"],
                    "timestamp": stamp,
                    "window": "10s",
                    "containers": [{"name": "app", "usage": {"cpu": self.cpu}}],
                }
                for pod in pods
                if pod["status"]["phase"] == "Running"
            ]
        }


@pytest.fixture
def plane() -> Plane:
    def wrap(loop: Loop, inner: Client) -> Client:
        return Metrics(loop, inner, CALM)

    plane = Plane(wrap=wrap)
    container = {"name": "app", "image": "app:v1", "resources": {"requests": {"cpu": "100m"}}}
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    plane.create(
        "apps/v1/Deployment", "web", {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    )
    plane.run(400)  # past the time in which the CPU of starting up does not count
    return plane


def autoscale(plane: Plane, **spec: Any) -> None:
    metric = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
    }
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    plane.create(
        "autoscaling/v2/HorizontalPodAutoscaler",
        "web",
        {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 10, "metrics": [metric], **spec},
    )


def size(plane: Plane) -> int:
    return int(plane.get("deployments", "web")["spec"]["replicas"])


def state(plane: Plane) -> dict[str, tuple[str, str]]:
    status = plane.get("horizontalpodautoscalers.autoscaling", "web")["status"]
    return {c["type"]: (c["status"], c["reason"]) for c in status["conditions"]}


def test_load_scales_up_and_its_end_scales_down_after_five_minutes(plane: Plane) -> None:
    autoscale(plane)
    plane.run(2)
    assert size(plane) == 4  # 100 % used, 50 % wanted
    status = plane.get("horizontalpodautoscalers.autoscaling", "web")["status"]
    assert status["currentMetrics"][0]["resource"]["current"] == {"averageUtilization": 100, "averageValue": "100m"}
    assert (
        "HorizontalPodAutoscaler/web SuccessfulRescale: New size: 4; reason: cpu resource utilization (percentage "
        "of request) above target" in plane.events()
    )
    plane.controllers_client.cpu = "50m"
    plane.run(100)
    settled = size(plane)
    plane.controllers_client.cpu = "5m"
    plane.run(240)
    assert size(plane) == settled
    assert state(plane)["AbleToScale"] == ("True", "ScaleDownStabilized")
    plane.run(120)
    assert size(plane) == 1
    assert state(plane)["ScalingActive"] == ("True", "ValidMetricFound")


def test_what_it_finds_is_kept_for_five_minutes(plane: Plane) -> None:
    plane.controllers_client.cpu = "5m"
    autoscale(plane)
    plane.run(290)
    assert size(plane) == 2
    plane.run(30)
    assert size(plane) == 1


def test_the_bounds_hold(plane: Plane) -> None:
    plane.controllers_client.cpu = "900m"
    autoscale(plane, maxReplicas=5)
    plane.run(60)
    assert size(plane) == 5
    assert state(plane)["ScalingLimited"] == ("True", "TooManyReplicas")


def test_without_metrics_it_says_so_and_does_nothing(plane: Plane) -> None:
    plane.controllers_client.cpu = None
    autoscale(plane)
    plane.run(60)
    assert size(plane) == 2
    assert state(plane)["ScalingActive"] == ("False", "FailedGetResourceMetric")
    assert plane.events("FailedComputeMetricsReplicas")


def test_a_target_that_is_missing(plane: Plane) -> None:
    autoscale(plane, scaleTargetRef={"apiVersion": "apps/v1", "kind": "Deployment", "name": "none"})
    plane.run(5)
    assert state(plane) == {"AbleToScale": ("False", "FailedGetScale")}


def hpa(**spec: Any) -> Obj:
    return {"spec": {"minReplicas": 1, "maxReplicas": 100, **spec}}


def test_scaling_up_doubles_or_adds_four_in_fifteen_seconds() -> None:
    memory = behavior.Memory()
    assert behavior.limited(memory, hpa(), 0, 1, 100)[0] == 5
    assert behavior.limited(memory, hpa(), 0, 10, 100)[0] == 20
    memory.scaled(0, 10, 20)
    assert behavior.limited(memory, hpa(), 5, 20, 100)[:2] == (20, "ScaleUpLimit")
    assert behavior.limited(memory, hpa(), 16, 20, 100)[0] == 40


def test_policies_of_ones_own() -> None:
    slow = {
        "scaleDown": {
            "policies": [
                {"type": "Pods", "value": 2, "periodSeconds": 60},
                {"type": "Percent", "value": 10, "periodSeconds": 60},
            ],
            "selectPolicy": "Min",
        },
        "scaleUp": {"selectPolicy": "Disabled"},
    }
    memory = behavior.Memory()
    assert behavior.limited(memory, hpa(behavior=slow), 0, 10, 1)[:2] == (9, "ScaleDownLimit")
    assert behavior.limited(memory, hpa(behavior=slow), 0, 50, 1)[0] == 48
    assert behavior.limited(memory, hpa(behavior=slow), 0, 10, 50)[0] == 10


def test_a_window_takes_the_least_eager() -> None:
    memory = behavior.Memory()
    up = {"scaleUp": {"stabilizationWindowSeconds": 60}}
    for now, desired in ((0, 5), (30, 8), (50, 9)):
        found = behavior.stabilized(memory, hpa(behavior=up), now, 4, desired)
    assert found[:2] == (5, "ScaleUpStabilized")
    assert behavior.stabilized(memory, hpa(behavior=up), 100, 4, 9)[0] == 9


def test_metrics_of_pods_are_not_known(plane: Plane) -> None:
    metric = {
        "type": "Pods",
        "pods": {"metric": {"name": "x"}, "target": {"type": "AverageValue", "averageValue": "1"}},
    }
    autoscale(plane, metrics=[metric])
    plane.run(5)
    assert state(plane)["ScalingActive"][0] == "False"
    with pytest.raises(ApiError):
        plane.get("horizontalpodautoscalers.autoscaling", "other")
