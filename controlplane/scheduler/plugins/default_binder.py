"""DefaultBinder: POST pods/NAME/binding (upstream: plugins/defaultbinder)."""

from __future__ import annotations

from controlplane.client.base import ApiError
from controlplane.scheduler.framework import CycleState, Plugin
from controlplane.scheduler.pod_info import PodInfo
from controlplane.scheduler.status import Code, Status


class DefaultBinder(Plugin):
    def bind(self, state: CycleState, pod: PodInfo, node: str) -> Status | None:
        try:
            self.handle.client.bind(pod.name, pod.namespace, node, uid=pod.uid)
        except ApiError as error:
            return Status(Code.ERROR, str(error), plugin=self.name)
        return None
