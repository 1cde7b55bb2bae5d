"""The same session with every version of kubectl: each speaks to the server in its own way."""

from __future__ import annotations

import json

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "nginx:1", ports: [{containerPort: 80}]}
"""


def test_a_session(each_kubectl):
    kubectl = each_kubectl
    assert "deployments" in kubectl("api-resources")
    assert kubectl("apply", "-f", "-", stdin=DEPLOYMENT) == "deployment.apps/web created\n"
    assert kubectl("apply", "-f", "-", stdin=DEPLOYMENT) == "deployment.apps/web unchanged\n"
    assert "successfully rolled out" in kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    table = kubectl("get", "pods", "-l", "app=web")
    assert table.split()[:5] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"] and table.count("Running") == 2
    changed = DEPLOYMENT.replace("replicas: 2", "replicas: 1")
    assert "-  replicas: 2\n+  replicas: 1\n" in kubectl.run("diff", "-f", "-", stdin=changed).stdout
    assert kubectl("apply", "-f", "-", stdin=changed) == "deployment.apps/web configured\n"
    assert kubectl("expose", "deployment", "web", "--port=80") == "service/web exposed\n"
    assert kubectl("create", "configmap", "c", "--from-literal=a=b") == "configmap/c created\n"
    assert kubectl("autoscale", "deployment", "web", "--max=3", "--cpu-percent=50").endswith("web autoscaled\n")
    assert kubectl("set", "image", "deployment/web", "web=nginx:2") == "deployment.apps/web image updated\n"
    kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    assert kubectl("get", "deployment", "web", "-o", "jsonpath={..image}") == "nginx:2"
    assert "Scaled up replica set" in kubectl("describe", "deployment", "web")
    assert "Container image name" in kubectl("explain", "pod.spec.containers.image")
    assert kubectl("auth", "can-i", "create", "pods") == "yes\n"
    assert kubectl("create", "token", "default").count(".") == 2
    assert "listening" in kubectl("logs", "deployment/web")
    assert 'deployment.apps "web" deleted' in kubectl("delete", "deployment", "web", "--timeout=30s")
    assert "NotFound" in kubectl.fails("get", "deployment", "web")


def test_what_a_strict_client_refuses(each_kubectl):
    wrong = DEPLOYMENT.replace("replicas:", "replica:")
    assert 'unknown field "spec.replica"' in each_kubectl.fails("apply", "-f", "-", stdin=wrong)


def test_server_side_apply_and_its_conflicts(each_kubectl):
    kubectl = each_kubectl
    apply = ("apply", "--server-side", "-f", "-")
    assert kubectl(*apply, stdin=DEPLOYMENT) == "deployment.apps/web serverside-applied\n"
    kubectl("scale", "deployment", "web", "--replicas=3")
    said = kubectl.fails(*apply, stdin=DEPLOYMENT)
    assert "conflict with" in said and ".spec.replicas" in said
    kubectl(*apply, "--force-conflicts", stdin=DEPLOYMENT)
    assert json.loads(kubectl("get", "deployment", "web", "-o", "json"))["spec"]["replicas"] == 2
