"""The controllers of kube-controller-manager, one file each."""

from controlplane.controllers.base import Controller
from controlplane.controllers.cronjob import CronJobController
from controlplane.controllers.daemonset import DaemonSetController
from controlplane.controllers.deployment import DeploymentController
from controlplane.controllers.disruption import DisruptionController
from controlplane.controllers.endpointslice import EndpointSliceController
from controlplane.controllers.garbage_collector import GarbageCollector
from controlplane.controllers.hpa import HorizontalPodAutoscalerController
from controlplane.controllers.job import JobController
from controlplane.controllers.manager import ControllerManager, ReconcileError
from controlplane.controllers.namespace import NamespaceController
from controlplane.controllers.node_ipam import NodeIpamController
from controlplane.controllers.node_lifecycle import NodeLifecycleController
from controlplane.controllers.persistentvolume import PersistentVolumeController
from controlplane.controllers.podgc import PodGCController
from controlplane.controllers.replicaset import ReplicaSetController
from controlplane.controllers.replication import ReplicationManager
from controlplane.controllers.resourcequota import ResourceQuotaController
from controlplane.controllers.serviceaccount import ServiceAccountController
from controlplane.controllers.statefulset import StatefulSetController
from controlplane.controllers.storage_protection import PVCProtectionController, PVProtectionController
from controlplane.controllers.taint_eviction import TaintEvictionController
from controlplane.controllers.ttl_after_finished import TTLAfterFinishedController

DEFAULT_CONTROLLERS: list[type[Controller]] = [
    EndpointSliceController,
    ReplicationManager,
    PodGCController,
    ResourceQuotaController,
    NamespaceController,
    ServiceAccountController,
    GarbageCollector,
    DaemonSetController,
    JobController,
    DeploymentController,
    ReplicaSetController,
    HorizontalPodAutoscalerController,
    DisruptionController,
    StatefulSetController,
    CronJobController,
    PersistentVolumeController,
    PVCProtectionController,
    PVProtectionController,
    NodeIpamController,
    NodeLifecycleController,
    TaintEvictionController,
    TTLAfterFinishedController,
]

__all__ = [
    "DEFAULT_CONTROLLERS",
    "Controller",
    "ControllerManager",
    "CronJobController",
    "DaemonSetController",
    "DeploymentController",
    "DisruptionController",
    "EndpointSliceController",
    "GarbageCollector",
    "HorizontalPodAutoscalerController",
    "JobController",
    "NamespaceController",
    "NodeIpamController",
    "NodeLifecycleController",
    "PVCProtectionController",
    "PVProtectionController",
    "PersistentVolumeController",
    "PodGCController",
    "ReconcileError",
    "ReplicaSetController",
    "ReplicationManager",
    "ResourceQuotaController",
    "ServiceAccountController",
    "StatefulSetController",
    "TTLAfterFinishedController",
    "TaintEvictionController",
]
