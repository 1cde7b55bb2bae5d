"""Who may do what: roles, bindings, reviews, and acting as somebody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from controlplane import demo
from controlplane.apiserver import rbac
from controlplane.apiserver.api import UserInfo
from controlplane.apiserver.server import ApiServer
from controlplane.client.base import ApiError
from controlplane.client.local import LocalClient
from controlplane.clock import Loop, WallLoop
from controlplane.cluster import Cluster
from controlplane.conditions import available, nodes_ready
from tests.apiserver.serving import Served, serving

GROUP = "/apis/rbac.authorization.k8s.io/v1"
AUTHORIZATION = "/apis/authorization.k8s.io/v1"
REF = "rbac.authorization.k8s.io"


@pytest.fixture
def server() -> ApiServer:
    server = ApiServer(Loop())
    rbac.enable(server)
    return server


@pytest.fixture
def admin(server: ApiServer) -> LocalClient:
    return LocalClient(server)


def jane(server: ApiServer, *groups: str) -> LocalClient:
    return LocalClient(server, UserInfo("jane", (*groups, "system:authenticated")))


def bind(admin: LocalClient, role: str, subject: dict, namespace: str = "", kind: str = "ClusterRole") -> None:
    path = f"{GROUP}/namespaces/{namespace}/rolebindings" if namespace else f"{GROUP}/clusterrolebindings"
    ref = {"apiGroup": REF, "kind": kind, "name": role}
    body = {"metadata": {"generateName": "b-"}, "roleRef": ref, "subjects": [subject]}
    admin.request("POST", path, body=body)


def role(admin: LocalClient, name: str, *rules: dict) -> None:
    admin.request("POST", f"{GROUP}/namespaces/default/roles", body={"metadata": {"name": name}, "rules": list(rules)})


USER = {"kind": "User", "apiGroup": REF, "name": "jane"}


def test_nobody_may_do_anything_unasked(server):
    with pytest.raises(ApiError) as refused:
        jane(server).request("GET", "/api/v1/namespaces/default/pods")
    assert refused.value.code == 403
    assert refused.value.message == (
        'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"'
    )
    with pytest.raises(ApiError, match='cannot get resource "nodes" in API group "" at the cluster scope'):
        jane(server).request("GET", "/api/v1/nodes/n")


def test_view_shows_and_does_not_change(server, admin):
    bind(admin, "view", USER, "default")
    client = jane(server)
    assert client.request("GET", "/api/v1/namespaces/default/pods")["items"] == []
    assert client.request("GET", "/api/v1/namespaces/default")["metadata"]["name"] == "default"
    for method, path in (
        ("GET", "/api/v1/namespaces/default/secrets"),
        ("GET", "/api/v1/namespaces/kube-system/pods"),
        ("GET", "/api/v1/pods"),
        ("DELETE", "/api/v1/namespaces/default/pods/p"),
    ):
        with pytest.raises(ApiError) as refused:
            client.request(method, path)
        assert refused.value.code == 403


def test_edit_changes_and_admin_gives_away(server, admin):
    bind(admin, "edit", {"kind": "Group", "apiGroup": REF, "name": "dev"}, "default")
    dev = jane(server, "dev")
    dev.request("POST", "/api/v1/namespaces/default/configmaps", body={"metadata": {"name": "c"}})
    with pytest.raises(ApiError, match="cannot create resource"):
        role(dev, "r", {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]})
    bind(admin, "admin", USER, "default")
    role(jane(server), "r", {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]})


def test_nobody_grants_more_than_they_have(server, admin):
    bind(admin, "admin", USER, "default")
    client = jane(server)
    with pytest.raises(ApiError) as refused:
        role(client, "more", {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list"]})
    assert refused.value.code == 403
    assert refused.value.message == (
        'roles.rbac.authorization.k8s.io "more" is forbidden: user "jane" (groups=["system:authenticated"]) is '
        "attempting to grant RBAC permissions not currently held:\n"
        '{APIGroups:[""], Resources:["nodes"], Verbs:["get" "list"]}'
    )
    bind(client, "view", {"kind": "User", "apiGroup": REF, "name": "joe"}, "default")
    with pytest.raises(ApiError, match="not currently held"):
        bind(client, "cluster-admin", USER, "default")
    role(admin, "binder", {"apiGroups": [REF], "resources": ["clusterroles"], "verbs": ["bind"]})
    bind(admin, "binder", USER, "default", "Role")
    bind(client, "cluster-admin", USER, "default")


def test_rules_can_name_objects_and_subresources(server, admin):
    role(
        admin,
        "narrow",
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["mine"], "verbs": ["get", "list"]},
        {"apiGroups": ["apps"], "resources": ["*/scale"], "verbs": ["*"]},
    )
    bind(admin, "narrow", USER, "default", "Role")
    for name in ("mine", "other"):
        admin.request("POST", "/api/v1/namespaces/default/configmaps", body={"metadata": {"name": name}})
    client = jane(server)
    assert client.request("GET", "/api/v1/namespaces/default/configmaps/mine")
    listed = client.request(
        "GET", "/api/v1/namespaces/default/configmaps", query={"fieldSelector": "metadata.name=mine"}
    )
    assert [item["metadata"]["name"] for item in listed["items"]] == ["mine"]
    for path in ("/api/v1/namespaces/default/configmaps/other", "/api/v1/namespaces/default/configmaps"):
        with pytest.raises(ApiError) as refused:
            client.request("GET", path)
        assert refused.value.code == 403
    with pytest.raises(ApiError) as missing:
        client.request("GET", "/apis/apps/v1/namespaces/default/deployments/d/scale")
    assert missing.value.code == 404


def test_a_service_account_is_a_subject(server, admin):
    bind(admin, "view", {"kind": "ServiceAccount", "name": "robot", "namespace": "default"})
    robot = LocalClient(server, UserInfo("system:serviceaccount:default:robot", ("system:authenticated",)))
    assert robot.request("GET", "/api/v1/pods")["items"] == []


def test_a_binding_to_nothing_says_so(server, admin):
    bind(admin, "absent", USER, "default")
    with pytest.raises(ApiError, match=r'RBAC: clusterrole\.rbac\.authorization\.k8s\.io "absent" not found'):
        jane(server).request("GET", "/api/v1/namespaces/default/pods")


def can_i(client: LocalClient, **attributes: str) -> dict[str, Any]:
    body = {"spec": {"resourceAttributes": attributes}}
    return client.request("POST", f"{AUTHORIZATION}/selfsubjectaccessreviews", body=body)["status"]


def test_reviews_answer_truthfully(server, admin):
    bind(admin, "view", USER, "default")
    client = jane(server)
    assert can_i(client, verb="list", resource="pods", namespace="default")["allowed"] is True
    assert can_i(client, verb="delete", resource="pods", namespace="default") == {"allowed": False}
    assert can_i(admin, verb="*", resource="*") == {"allowed": True}
    reason = can_i(client, verb="get", resource="services", namespace="default")["reason"]
    assert reason.startswith('RBAC: allowed by RoleBinding "b-') and reason.endswith(
        'of ClusterRole "view" to User "jane"'
    )
    paths = {"spec": {"nonResourceAttributes": {"verb": "get", "path": "/healthz"}}}
    assert client.request("POST", f"{AUTHORIZATION}/selfsubjectaccessreviews", body=paths)["status"]["allowed"]
    asked = {"spec": {"user": "jane", "resourceAttributes": {"verb": "get", "resource": "nodes"}}}
    assert admin.request("POST", f"{AUTHORIZATION}/subjectaccessreviews", body=asked)["status"] == {"allowed": False}
    rules = client.request("POST", f"{AUTHORIZATION}/selfsubjectrulesreviews", body={"spec": {"namespace": "default"}})
    assert any("pods" in rule["resources"] for rule in rules["status"]["resourceRules"])


@pytest.mark.parametrize("spec", [{}, {"resourceAttributes": {}, "nonResourceAttributes": {}}])
def test_a_review_asks_one_thing(admin, spec):
    with pytest.raises(ApiError) as refused:
        admin.request("POST", f"{AUTHORIZATION}/selfsubjectaccessreviews", body={"spec": spec})
    assert refused.value.code == 422


def test_a_token_is_good_until_its_account_is_gone(server, admin):
    accounts = "/api/v1/namespaces/default/serviceaccounts"
    admin.request("POST", accounts, body={"metadata": {"name": "robot"}})
    made = admin.request("POST", f"{accounts}/robot/token", body={"spec": {"expirationSeconds": 600}})
    token = made["status"]["token"]

    def review() -> dict[str, Any]:
        path = "/apis/authentication.k8s.io/v1/tokenreviews"
        return admin.request("POST", path, body={"spec": {"token": token}})["status"]

    assert review()["user"]["username"] == "system:serviceaccount:default:robot"
    server.loop.run_for(601)
    assert "authenticated" not in review()
    with pytest.raises(ApiError, match="may not specify a duration less than 10 minutes"):
        admin.request("POST", f"{accounts}/robot/token", body={"spec": {"expirationSeconds": 60}})
    token = admin.request("POST", f"{accounts}/robot/token", body={"spec": {}})["status"]["token"]
    assert review()["authenticated"]
    admin.request("DELETE", f"{accounts}/robot")
    assert "authenticated" not in review()


@pytest.mark.parametrize("token", ["x", "a.b.c", "é", "..", "eyJhbGciOiJub25lIn0.e30."])
def test_what_is_no_token_is_nobody(server, token):
    assert server.tokens.check(token) is None


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    def make(loop: WallLoop) -> ApiServer:
        server = ApiServer(loop)
        rbac.enable(server)
        return server

    with serving(tmp_path_factory.mktemp("served"), make) as running:
        yield running


def test_an_administrator_can_be_somebody_else(served):
    headers = {"Impersonate-User": "jane", "Impersonate-Group": "dev"}
    answer = served.call("GET", "/api/v1/nodes", headers=headers)
    assert answer.status == 403 and 'User "jane" cannot list resource "nodes"' in answer.json["message"]
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    said = served.call("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review, headers=headers)
    assert said.json["status"]["userInfo"] == {"username": "jane", "groups": ["dev", "system:authenticated"]}
    assert served.call("GET", "/api/v1/nodes", headers={"Impersonate-Group": "dev"}).status == 400


def test_others_can_not(served):
    account = {"metadata": {"name": "robot"}}
    served.call("POST", "/api/v1/namespaces/default/serviceaccounts", account)
    made = served.call("POST", "/api/v1/namespaces/default/serviceaccounts/robot/token", {"spec": {}})
    token = made.json["status"]["token"]
    answer = served.call("GET", "/api/v1/nodes", headers={"Impersonate-User": "kubernetes-admin"}, token=token)
    assert answer.status == 403
    assert answer.json["message"] == (
        'users "kubernetes-admin" is forbidden: User "system:serviceaccount:default:robot" cannot impersonate '
        'resource "users" in API group "" at the cluster scope'
    )


def test_nodes_go_on_when_rbac_is_switched_on() -> None:
    cluster = Cluster(nodes=2)
    cluster.run_until(nodes_ready(2))
    rbac.enable(cluster.server)
    cluster.apply(demo.APP)
    cluster.run_until(available("deployment/web"))
    cluster.run_for("3m")
    assert nodes_ready(2)(cluster.client) == ""
    refused = {(e.user, e.verb, e.resource, e.subresource) for e in cluster.log if e.code == 403}
    assert not refused
