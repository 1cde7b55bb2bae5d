"""DynamicResources: only its part in a refusal (upstream: plugins/dynamicresources).

*Note*: resource claims and device classes are left out here; without any claim upstream's PostFilter has nothing to
take back, and says so in front of what preemption says.
"""

from __future__ import annotations

from controlplane.scheduler.framework import CycleState, Nominated, Plugin
from controlplane.scheduler.pod_info import PodInfo
from controlplane.scheduler.status import FitError, Status, unschedulable

NOTHING = unschedulable("no new claims to deallocate", plugin="DynamicResources")


class DynamicResources(Plugin):
    def events_to_register(self) -> tuple[()]:
        return ()

    def post_filter(self, state: CycleState, pod: PodInfo, error: FitError) -> tuple[Nominated | None, Status | None]:
        return None, NOTHING
