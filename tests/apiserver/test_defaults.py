"""What the server adds to objects that leave things out, as a real one did."""

from __future__ import annotations

import pytest

from controlplane.apiserver.defaults.pod import pull_policy
from tests.apiserver.checked import created, decoded, of_kind, pod, workload

POD_SPEC = {
    "dnsPolicy": "ClusterFirst",
    "restartPolicy": "Always",
    "schedulerName": "default-scheduler",
    "securityContext": {},
    "terminationGracePeriodSeconds": 30,
}
CONTAINER = {
    "imagePullPolicy": "IfNotPresent",
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "resources": {},
}


def test_a_pod() -> None:
    new, errors = created(pod())
    assert errors == []
    assert new["spec"] == {
        **POD_SPEC,
        "enableServiceLinks": True,
        "containers": [{"name": "a", "image": "i:1", **CONTAINER}],
    }
    assert new["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    assert new["metadata"]["generation"] == 1


def test_a_template_gets_what_pods_get_but_for_what_only_pods_need() -> None:
    spec = decoded(workload("Deployment"))["spec"]["template"]["spec"]
    assert spec == {**POD_SPEC, "containers": [{"name": "a", "image": "i:1", **CONTAINER}]}
    limited = workload(
        "Deployment", pod_spec={"containers": [{"name": "a", "image": "i", "resources": {"limits": {"cpu": "1"}}}]}
    )
    assert decoded(limited)["spec"]["template"]["spec"]["containers"][0]["resources"] == {"limits": {"cpu": "1"}}


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1.25", "IfNotPresent"),
        ("r.io:5000/a/b", "Always"),
        ("r.io:5000/a/b:v1", "IfNotPresent"),
        ("a@sha256:" + "0" * 64, "IfNotPresent"),
        ("", "IfNotPresent"),
        ("UPPER/case", "Always"),
        ("bad image", "IfNotPresent"),
        ("f" * 64, "IfNotPresent"),
        ("a:latest@sha256:" + "0" * 64, "Always"),
    ],
)
def test_pull_policy(image: str, policy: str) -> None:
    assert pull_policy(image) == policy


def test_probes_and_handlers() -> None:
    new = decoded(
        pod(
            livenessProbe={"httpGet": {"port": 80}},
            readinessProbe={"grpc": {"port": 1}, "periodSeconds": 3},
            lifecycle={"preStop": {"httpGet": {"port": 1}}},
            ports=[{"containerPort": 1}],
            env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
        )
    )
    container = new["spec"]["containers"][0]
    numbers = {"timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3}
    assert container["livenessProbe"] == {
        "httpGet": {"path": "/", "port": 80, "scheme": "HTTP"},
        "periodSeconds": 10,
        **numbers,
    }
    assert container["readinessProbe"] == {"grpc": {"port": 1, "service": ""}, "periodSeconds": 3, **numbers}
    assert container["lifecycle"]["preStop"]["httpGet"]["scheme"] == "HTTP"
    assert container["ports"] == [{"containerPort": 1, "protocol": "TCP"}]
    assert container["env"][0]["valueFrom"]["fieldRef"]["apiVersion"] == "v1"


def test_requests_follow_limits() -> None:
    new = decoded(pod(resources={"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}))
    assert new["spec"]["containers"][0]["resources"]["requests"] == {"cpu": "500m", "memory": "1Gi"}


def test_amounts_are_kept_to_a_thousandth() -> None:
    new = decoded(pod(resources={"requests": {"cpu": "1500u", "memory": "0.0001"}}))
    assert new["spec"]["containers"][0]["resources"]["requests"] == {"cpu": "2m", "memory": "1m"}


def test_volumes() -> None:
    volumes = [
        {"name": "a"},
        {"name": "b", "hostPath": {"path": "/x"}},
        {"name": "c", "secret": {"secretName": "s"}},
        {"name": "d", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
    ]
    a, b, c, d = decoded(pod({"volumes": volumes}))["spec"]["volumes"]
    assert a == {"name": "a", "emptyDir": {}}
    assert b["hostPath"] == {"path": "/x", "type": ""}
    assert c["secret"] == {"secretName": "s", "defaultMode": 420}
    assert d["projected"] == {
        "defaultMode": 420,
        "sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}}],
    }


def test_the_network_of_the_host_makes_ports_of_the_host() -> None:
    new = decoded(pod({"hostNetwork": True}, ports=[{"containerPort": 80}]))
    assert new["spec"]["containers"][0]["ports"][0]["hostPort"] == 80


def test_old_and_new_names_go_together() -> None:
    spec = decoded(pod({"serviceAccount": "a"}))["spec"]
    assert spec["serviceAccountName"] == spec["serviceAccount"] == "a"
    node = decoded(of_kind("v1", "Node", spec={"podCIDR": "10.0.0.0/24"}))
    assert node["spec"]["podCIDRs"] == ["10.0.0.0/24"]
    status = {"podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.2"}]}
    assert decoded({**pod(), "status": status})["status"]["podIPs"] == [{"ip": "10.0.0.1"}]


def test_workloads() -> None:
    deployment = decoded(workload("Deployment"))["spec"]
    assert deployment["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
    }
    assert (deployment["replicas"], deployment["revisionHistoryLimit"], deployment["progressDeadlineSeconds"]) == (
        1,
        10,
        600,
    )
    assert decoded(workload("Deployment", {"strategy": {"type": "Recreate"}}))["spec"]["strategy"] == {
        "type": "Recreate"
    }
    stateful = decoded(workload("StatefulSet", {"serviceName": "s"}))["spec"]
    assert stateful["podManagementPolicy"] == "OrderedReady"
    assert stateful["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
    assert stateful["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    daemons = decoded(workload("DaemonSet"))["spec"]
    assert daemons["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}


def test_jobs() -> None:
    template = {"spec": {"containers": [{"name": "a", "image": "i"}], "restartPolicy": "Never"}}
    job = decoded(of_kind("batch/v1", "Job", spec={"template": template}))["spec"]
    assert {k: v for k, v in job.items() if k != "template"} == {
        "backoffLimit": 6,
        "completionMode": "NonIndexed",
        "completions": 1,
        "parallelism": 1,
        "podReplacementPolicy": "TerminatingOrFailed",
        "suspend": False,
    }
    assert (
        "completions" not in decoded(of_kind("batch/v1", "Job", spec={"template": template, "parallelism": 2}))["spec"]
    )
    cron = decoded(
        of_kind("batch/v1", "CronJob", spec={"schedule": "* * * * *", "jobTemplate": {"spec": {"template": template}}})
    )["spec"]
    assert (cron["concurrencyPolicy"], cron["suspend"]) == ("Allow", False)
    assert (cron["successfulJobsHistoryLimit"], cron["failedJobsHistoryLimit"]) == (3, 1)
    assert "backoffLimit" not in cron["jobTemplate"]["spec"]


def test_services() -> None:
    ports = [{"port": 80}, {"port": 81, "targetPort": "x", "name": "x"}]
    spec = decoded(of_kind("v1", "Service", spec={"ports": ports}))["spec"]
    assert spec["ports"] == [
        {"port": 80, "protocol": "TCP", "targetPort": 80},
        {"port": 81, "protocol": "TCP", "targetPort": "x", "name": "x"},
    ]
    assert (spec["type"], spec["sessionAffinity"], spec["internalTrafficPolicy"]) == ("ClusterIP", "None", "Cluster")
    assert "externalTrafficPolicy" not in spec
    balanced = decoded(of_kind("v1", "Service", spec={"type": "LoadBalancer", "sessionAffinity": "ClientIP"}))["spec"]
    assert (balanced["externalTrafficPolicy"], balanced["allocateLoadBalancerNodePorts"]) == ("Cluster", True)
    assert balanced["sessionAffinityConfig"] == {"clientIP": {"timeoutSeconds": 10800}}


def test_the_smaller_kinds() -> None:
    assert decoded(of_kind("v1", "Secret", stringData={"a": "b"})) | {"metadata": {}} == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {},
        "type": "Opaque",
        "data": {"a": "Yg=="},
    }
    assert decoded(of_kind("v1", "Namespace"))["metadata"]["labels"] == {"kubernetes.io/metadata.name": "x"}
    claim = decoded(of_kind("v1", "PersistentVolumeClaim"))
    assert (claim["spec"]["volumeMode"], claim["status"]["phase"]) == ("Filesystem", "Pending")
    assert decoded(of_kind("storage.k8s.io/v1", "StorageClass", provisioner="p"))["reclaimPolicy"] == "Delete"
    policy = of_kind("networking.k8s.io/v1", "NetworkPolicy", spec={"egress": [{}]})
    assert decoded(policy)["spec"]["policyTypes"] == ["Ingress", "Egress"]
    binding = of_kind(
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        roleRef={"kind": "Role", "name": "r"},
        subjects=[{"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "name": "s"}],
    )
    assert [s.get("apiGroup") for s in decoded(binding)["subjects"]] == ["rbac.authorization.k8s.io", None]
    limits = of_kind("v1", "LimitRange", spec={"limits": [{"type": "Container", "max": {"cpu": "2"}}]})
    assert decoded(limits)["spec"]["limits"][0]["defaultRequest"] == {"cpu": "2"}


def test_autoscalers() -> None:
    spec = {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "web"}, "behavior": {"scaleDown": {}}}
    new = decoded(of_kind("autoscaling/v2", "HorizontalPodAutoscaler", spec=spec))["spec"]
    assert new["metrics"] == [
        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}
    ]
    assert new["behavior"]["scaleUp"]["stabilizationWindowSeconds"] == 0
    assert new["behavior"]["scaleDown"] == {
        "selectPolicy": "Max",
        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
    }
