"""The plugins that a profile can name (upstream: plugins/registry.go)."""

from __future__ import annotations

from controlplane.scheduler.framework import Plugin
from controlplane.scheduler.plugins.balanced_allocation import NodeResourcesBalancedAllocation
from controlplane.scheduler.plugins.default_binder import DefaultBinder
from controlplane.scheduler.plugins.default_preemption import DefaultPreemption
from controlplane.scheduler.plugins.dynamic_resources import DynamicResources
from controlplane.scheduler.plugins.image_locality import ImageLocality
from controlplane.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from controlplane.scheduler.plugins.node_affinity import NodeAffinity
from controlplane.scheduler.plugins.node_name import NodeName
from controlplane.scheduler.plugins.node_ports import NodePorts
from controlplane.scheduler.plugins.node_resources_fit import NodeResourcesFit
from controlplane.scheduler.plugins.node_unschedulable import NodeUnschedulable
from controlplane.scheduler.plugins.pod_topology_spread import PodTopologySpread
from controlplane.scheduler.plugins.queue_plugins import PrioritySort, SchedulingGates
from controlplane.scheduler.plugins.taint_toleration import TaintToleration
from controlplane.scheduler.plugins.volume_binding import VolumeBinding

REGISTRY: dict[str, type[Plugin]] = {
    plugin.name: plugin
    for plugin in (
        SchedulingGates,
        PrioritySort,
        NodeUnschedulable,
        NodeName,
        TaintToleration,
        NodeAffinity,
        NodePorts,
        NodeResourcesFit,
        VolumeBinding,
        PodTopologySpread,
        InterPodAffinity,
        DynamicResources,
        DefaultPreemption,
        NodeResourcesBalancedAllocation,
        ImageLocality,
        DefaultBinder,
    )
}
