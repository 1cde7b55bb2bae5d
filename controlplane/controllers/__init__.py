"""The controllers of kube-controller-manager, one file each."""

from controlplane.controllers.base import Controller
from controlplane.controllers.daemonset import DaemonSetController
from controlplane.controllers.deployment import DeploymentController
from controlplane.controllers.endpointslice import EndpointSliceController
from controlplane.controllers.garbage_collector import GarbageCollector
from controlplane.controllers.job import JobController
from controlplane.controllers.manager import ControllerManager, ReconcileError
from controlplane.controllers.namespace import NamespaceController
from controlplane.controllers.node_lifecycle import NodeLifecycleController
from controlplane.controllers.replicaset import ReplicaSetController
from controlplane.controllers.statefulset import StatefulSetController
from controlplane.controllers.taint_eviction import TaintEvictionController

DEFAULT_CONTROLLERS: list[type[Controller]] = [
    EndpointSliceController,
    GarbageCollector,
    NamespaceController,
    DeploymentController,
    ReplicaSetController,
    StatefulSetController,
    JobController,
    DaemonSetController,
    NodeLifecycleController,
    TaintEvictionController,
]

__all__ = [
    "DEFAULT_CONTROLLERS", "Controller", "ControllerManager", "DaemonSetController", "DeploymentController",
    "EndpointSliceController", "GarbageCollector", "JobController", "NamespaceController", "NodeLifecycleController",
    "ReconcileError", "ReplicaSetController", "StatefulSetController", "TaintEvictionController",
]
