"""Each command of kubectl, the newest one, prints what it prints against Kubernetes."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DESCRIBED = [
    ("configmap", ("create", "configmap", "x", "--from-literal=a=b"), "Data\n====\na:"),
    ("secret", ("create", "secret", "generic", "x", "--from-literal=a=b"), "a:  1 bytes"),
    ("service", ("create", "service", "nodeport", "x", "--tcp=80"), "NodePort:"),
    ("service", ("create", "service", "loadbalancer", "x", "--tcp=80"), "LoadBalancer"),
    ("serviceaccount", ("create", "serviceaccount", "x"), "Image pull secrets:"),
    ("role", ("create", "role", "x", "--verb=get", "--resource=pods"), "pods       []                 []"),
    ("rolebinding", ("create", "rolebinding", "x", "--clusterrole=view", "--user=jane"), "User  jane"),
    ("job", ("create", "job", "x", "--image=job:ok"), "Completions:"),
    ("cronjob", ("create", "cronjob", "x", "--image=job:ok", "--schedule=0 0 1 1 *"), "0 0 1 1 *"),
    ("quota", ("create", "quota", "x", "--hard=pods=10,cpu=2"), "pods"),
    ("pdb", ("create", "poddisruptionbudget", "x", "--selector=a=b", "--min-available=1"), "Min available:  1"),
    ("ingress", ("create", "ingress", "x", "--rule=a.example/x*=web:80"), "a.example"),
    ("deployment", ("create", "deployment", "x", "--image=nginx:1"), "StrategyType:           RollingUpdate"),
    ("pod", ("run", "x", "--image=nginx:1"), "Containers:"),
]


@pytest.mark.parametrize(("kind", "create", "shown"), DESCRIBED, ids=lambda value: str(value)[:30])
def test_create_then_describe_then_delete(kubectl, kind, create, shown):
    assert kubectl(*create).strip().endswith("/x created")
    assert kubectl("get", kind, "-o", "name").strip().split("/")[-1]
    described = kubectl("describe", kind, "x")
    assert described.startswith("Name:") and shown in described
    assert '"x" deleted' in kubectl("delete", kind, "x", "--timeout=30s")


@pytest.mark.parametrize(
    ("kind", "create"),
    [
        ("clusterrole", ("--verb=get", "--resource=pods")),
        ("clusterrolebinding", ("--clusterrole=view", "--group=dev")),
        ("priorityclass", ("--value=7",)),
        ("namespace", ()),
    ],
)
def test_kinds_that_are_in_no_namespace(kubectl, kind, create):
    name = f"x-{int(time.time() * 1000)}"
    kubectl("create", kind, name, *create)
    assert kubectl("describe", kind, name).startswith("Name:")
    kubectl("delete", kind, name, "--timeout=20s")


def deployed(kubectl: Any, name: str = "web", image: str = "nginx:1", replicas: int = 2) -> None:
    kubectl("create", "deployment", name, f"--image={image}", f"--replicas={replicas}")
    kubectl("rollout", "status", f"deployment/{name}", "--timeout=30s")


def test_forms_of_get(kubectl):
    deployed(kubectl)
    wide = kubectl("get", "pods", "-o", "wide").splitlines()
    assert wide[0].split()[:9] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE", "NOMINATED", "NODE"]
    assert "10.244." in wide[1] and "node-" in wide[1]
    assert kubectl("get", "deployment", "web", "-o", "jsonpath={.status.readyReplicas}") == "2"
    assert "kind: Deployment" in kubectl("get", "deployment", "web", "-o", "yaml")
    assert "deployment.apps/web" in kubectl("get", "all")
    names = kubectl("get", "pods", "--sort-by=.metadata.name", "-o", "name").split()
    assert names == sorted(names) and len(names) == 2
    assert kubectl("get", "namespaces", "-A", "--no-headers").count("Active") >= 4
    custom = kubectl("get", "pods", "-o", "custom-columns=N:.metadata.name,I:.spec.containers[0].image")
    assert custom.split()[:2] == ["N", "I"] and custom.count("nginx:1") == 2
    assert "No resources found" in kubectl.run("get", "pods", "-l", "app=none").stderr
    assert kubectl("get", "pods", "--field-selector=status.phase=Running", "-o", "name").count("pod/") == 2
    assert kubectl("get", "pods", "--chunk-size=1", "-o", "name").count("pod/") == 2


def test_watch(kubectl, cluster):
    watching = subprocess.Popen(
        [*kubectl._command, "get", "configmaps", "-w", "-o", "name"],
        env=kubectl._environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert watching.stdout is not None
        first = watching.stdout.readline() if "kube-root-ca" in kubectl("get", "configmaps", "-o", "name") else ""
        assert first in ("", "configmap/kube-root-ca.crt\n")
        kubectl("create", "configmap", "seen")
        assert watching.stdout.readline() == "configmap/seen\n"
    finally:
        watching.terminate()
        watching.wait(10)


def test_rollouts(kubectl):
    deployed(kubectl)
    kubectl("annotate", "deployment/web", "kubernetes.io/change-cause=first")
    kubectl("set", "image", "deployment/web", "nginx=nginx:2")
    kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    assert kubectl("rollout", "history", "deployment/web").split("\n")[1].startswith("REVISION")
    assert "nginx:1" in kubectl("rollout", "history", "deployment/web", "--revision=1")
    assert "rolled back" in kubectl("rollout", "undo", "deployment/web")
    kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    assert kubectl("get", "deployment", "web", "-o", "jsonpath={..image}") == "nginx:1"
    assert "paused" in kubectl("rollout", "pause", "deployment/web")
    assert "resumed" in kubectl("rollout", "resume", "deployment/web")
    assert "restarted" in kubectl("rollout", "restart", "deployment/web")
    assert "successfully rolled out" in kubectl("rollout", "status", "deployment/web", "--timeout=30s")


def test_changes(kubectl):
    deployed(kubectl, replicas=1)
    assert kubectl("scale", "deployment/web", "--replicas=2") == "deployment.apps/web scaled\n"
    assert kubectl("scale", "deployment/web", "--current-replicas=2", "--replicas=1").endswith("scaled\n")
    assert "Expected replicas to be 5" in kubectl.fails("scale", "deploy/web", "--current-replicas=5", "--replicas=1")
    assert kubectl("label", "deployment/web", "tier=front").endswith("labeled\n")
    assert "already has a value" in kubectl.fails("label", "deployment/web", "tier=back")
    assert kubectl("annotate", "deployment/web", "note=x").endswith("annotated\n")
    kubectl("patch", "deployment", "web", "-p", '{"spec":{"replicas":2}}')
    kubectl("patch", "deployment", "web", "--type=merge", "-p", '{"spec":{"replicas":3}}')
    replace = '[{"op":"replace","path":"/spec/replicas","value":1}]'
    kubectl("patch", "deployment", "web", "--type=json", "-p", replace)
    assert kubectl("get", "deployment", "web", "-o", "jsonpath={.spec.replicas}") == "1"
    for command in (("env", "A=B"), ("resources", "--limits=cpu=1"), ("serviceaccount", "default")):
        assert "updated" in kubectl("set", command[0], "deployment/web", *command[1:])
    kubectl("expose", "deployment", "web", "--port=80")
    assert "updated" in kubectl("set", "selector", "service/web", "app=other")


def test_replace_and_edit(kubectl):
    kubectl("create", "configmap", "c", "--from-literal=a=1")
    stored = json.loads(kubectl("get", "configmap", "c", "-o", "json"))
    stored["data"]["a"] = "two"
    assert kubectl("replace", "-f", "-", stdin=json.dumps(stored)) == "configmap/c replaced\n"
    assert "the object has been modified" in kubectl.fails("replace", "-f", "-", stdin=json.dumps(stored))
    kubectl._environment["EDITOR"] = "sed -i s/two/three/"
    assert kubectl("edit", "configmap", "c") == "configmap/c edited\n"
    assert kubectl("get", "configmap", "c", "-o", "jsonpath={.data.a}") == "three"


def test_waits(kubectl):
    kubectl("run", "p", "--image=nginx:1")
    assert "condition met" in kubectl("wait", "--for=condition=Ready", "pod/p", "--timeout=20s")
    assert "condition met" in kubectl("wait", "--for=jsonpath={.status.phase}=Running", "pod/p", "--timeout=5s")
    assert "timed out" in kubectl.fails("wait", "--for=condition=Nope", "pod/p", "--timeout=1s")
    kubectl("delete", "pod", "p", "--wait=false")
    kubectl("wait", "--for=delete", "pod/p", "--timeout=30s")


def test_three_ways_to_delete(kubectl):
    deployed(kubectl, "orphaned", replicas=1)
    kubectl("delete", "deployment", "orphaned", "--cascade=orphan")
    assert "orphaned" in kubectl("get", "replicasets", "-o", "name")
    deployed(kubectl, "front", replicas=1)
    kubectl("delete", "deployment", "front", "--cascade=foreground", "--timeout=30s")
    assert "front" not in kubectl("get", "replicasets,pods", "-o", "name")
    kubectl("run", "p", "--image=nginx:1")
    assert "force deleted" in kubectl("delete", "pod", "p", "--force", "--grace-period=0")
    kubectl("create", "configmap", "a")
    assert "deleted" in kubectl("delete", "configmaps", "--all")


def test_into_a_pod(kubectl):
    kubectl("run", "p", "--image=nginx:1")
    kubectl("wait", "--for=condition=Ready", "pod/p", "--timeout=20s")
    assert kubectl("logs", "p") == "listening\n"
    assert kubectl("logs", "p", "--timestamps", "--tail=1").endswith("Z listening\n")
    assert kubectl("exec", "p", "--", "echo", "hello") == "hello\n"
    done = kubectl.run("exec", "p", "--", "sh", "-c", "echo out; exit 3")
    assert done.stdout == "out\n" and done.returncode == 3
    assert "previous terminated container" in kubectl.fails("logs", "p", "--previous")
    kubectl("create", "job", "j", "--image=busybox", "--", "sh", "-c", "echo one; sleep 1; echo two")
    kubectl("wait", "--for=condition=Ready", "pod", "-l", "job-name=j", "--timeout=20s")
    assert kubectl("logs", "-f", "job/j") == "one\ntwo\n"
    kubectl("wait", "--for=condition=Complete", "job/j", "--timeout=20s")


def test_usage(kubectl):
    kubectl("run", "p", "--image=nginx:1")
    kubectl("wait", "--for=condition=Ready", "pod/p", "--timeout=20s")
    nodes = kubectl("top", "nodes").splitlines()
    assert nodes[0].split() == ["NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)"] and len(nodes) == 3
    assert kubectl("top", "pods", "--containers").split()[:4] == ["POD", "NAME", "CPU(cores)", "MEMORY(bytes)"]


def test_events(kubectl):
    kubectl("run", "p", "--image=nginx:1")
    kubectl("wait", "--for=condition=Ready", "pod/p", "--timeout=20s")
    reasons = kubectl("events", "--for", "pod/p")
    assert "Scheduled" in reasons and "Started" in reasons
    assert "Scheduled" in kubectl("get", "events", "--field-selector=involvedObject.name=p")


def test_nodes(kubectl):
    deployed(kubectl, replicas=2)
    assert kubectl("cordon", "node-b") == "node/node-b cordoned\n"
    try:
        assert "SchedulingDisabled" in kubectl("get", "node", "node-b")
        assert "node/node-b drained" in kubectl("drain", "node-b", "--force", "--timeout=40s")
        kubectl("rollout", "status", "deployment/web", "--timeout=30s")
        assert "node-b" not in kubectl("get", "pods", "-o", "wide", "--field-selector=status.phase=Running")
    finally:
        assert kubectl("uncordon", "node-b") == "node/node-b uncordoned\n"
    assert kubectl("taint", "nodes", "node-b", "a=b:NoSchedule") == "node/node-b tainted\n"
    assert "a=b:NoSchedule" in kubectl("describe", "node", "node-b")
    assert kubectl("taint", "nodes", "node-b", "a-") == "node/node-b untainted\n"


def test_who_may_do_what(kubectl):
    assert kubectl("auth", "can-i", "--list").split()[:2] == ["Resources", "Non-Resource"]
    assert "kubernetes-admin" in kubectl("auth", "whoami")
    assert kubectl("auth", "can-i", "delete", "nodes") == "yes\n"


def test_what_there_is_to_know(kubectl):
    assert "Server Version: v1.36" in kubectl("version")
    assert "is running at" in kubectl("cluster-info")
    assert "apps/v1" in kubectl("api-versions").split()
    assert "FIELDS:" in kubectl("explain", "deployment.spec", "--recursive")
    assert kubectl("get", "--raw", "/readyz") == "ok"


def test_a_certificate_is_asked_for_approved_and_used(kubectl, tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "jane")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    asked = {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": "jane"},
        "spec": {
            "request": base64.b64encode(request.public_bytes(serialization.Encoding.PEM)).decode(),
            "signerName": "kubernetes.io/kube-apiserver-client",
            "usages": ["client auth"],
        },
    }
    kubectl("create", "-f", "-", stdin=json.dumps(asked))
    try:
        assert kubectl("certificate", "approve", "jane").endswith("jane approved\n")
        kubectl("wait", "--for=jsonpath={.status.certificate}", "csr/jane", "--timeout=10s")
        assert "Approved,Issued" in kubectl("get", "csr", "jane")
        signed = kubectl("get", "csr", "jane", "-o", "jsonpath={.status.certificate}")
    finally:
        kubectl("delete", "csr", "jane")
    (tmp_path / "jane.crt").write_bytes(base64.b64decode(signed))
    plain = serialization.NoEncryption()
    (tmp_path / "jane.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    pair = (f"--client-certificate={tmp_path / 'jane.crt'}", f"--client-key={tmp_path / 'jane.key'}")
    kubectl("config", "set-credentials", "jane", *pair)
    assert "jane" in kubectl("--user=jane", "auth", "whoami")


DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: crontabs.test.example.com}
spec:
  group: test.example.com
  scope: Namespaced
  names: {plural: crontabs, singular: crontab, kind: CronTab, shortNames: [ct]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}}
    additionalPrinterColumns: [{name: Spec, type: string, jsonPath: .spec.cronSpec}]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [cronSpec]
            properties:
              cronSpec: {type: string, description: When it runs.}
              replicas: {type: integer, minimum: 1, maximum: 10, default: 1}
"""
RESOURCE = """
apiVersion: test.example.com/v1
kind: CronTab
metadata: {name: mine}
spec: {cronSpec: "* * * * */5"}
"""


def test_a_kind_of_ones_own(kubectl):
    assert "created" in kubectl("apply", "-f", "-", stdin=DEFINITION)
    try:
        kubectl("wait", "--for=condition=Established", "crd/crontabs.test.example.com", "--timeout=5s")
        assert kubectl("apply", "-f", "-", stdin=RESOURCE) == "crontab.test.example.com/mine created\n"
        assert kubectl("get", "ct").split() == ["NAME", "SPEC", "mine", *["*", "*", "*", "*", "*/5"]]
        assert "When it runs." in kubectl("explain", "ct.spec.cronSpec")
        kubectl("scale", "ct", "mine", "--replicas=5")
        assert kubectl("get", "ct", "mine", "-o", "jsonpath={.spec.replicas}") == "5"
        said = kubectl.fails("patch", "ct", "mine", "--type=merge", "-p", '{"spec":{"replicas":50}}')
        assert "spec.replicas in body should be less than or equal to 10" in said
        wrong = RESOURCE.replace("cronSpec", "cronSpecs")
        assert "cronSpecs" in kubectl.fails("apply", "-f", "-", stdin=wrong)
    finally:
        kubectl("delete", "crd", "crontabs.test.example.com", "--timeout=20s")
    assert "could not find the requested resource" in kubectl.fails("get", "ct")
