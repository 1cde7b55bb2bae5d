"""What a new cluster has, and what of it comes back."""

from __future__ import annotations

from controlplane.apiserver.server import ApiServer
from controlplane.client.local import LocalClient
from controlplane.clock import Loop


def test_the_servers_own_service_comes_back():
    server = ApiServer(Loop())
    client = LocalClient(server)
    services = "/api/v1/namespaces/default/services"
    client.request("DELETE", f"{services}/kubernetes")
    assert client.request("GET", services)["items"] == []
    server.loop.run_for(11)
    (item,) = client.request("GET", services)["items"]
    assert item["metadata"]["name"] == "kubernetes" and item["spec"]["clusterIP"] == "10.96.0.1"


def test_a_second_server_on_the_same_store_finds_everything():
    first = ApiServer(Loop())
    client = LocalClient(first)
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    definition = {
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Cluster",
            "names": {"plural": "things", "kind": "Thing"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }
    client.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", body=definition)
    thing = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "t"}, "size": 1}
    client.request("POST", "/apis/example.com/v1/things", body=thing)
    second = LocalClient(ApiServer(Loop(), first.store))
    assert second.request("GET", "/apis/example.com/v1/things/t")["size"] == 1
    assert len(second.request("GET", "/api/v1/namespaces")["items"]) == 4


def test_a_second_server_makes_uids_of_its_own():
    first = ApiServer(Loop())
    maps = "/api/v1/namespaces/default/configmaps"
    one = LocalClient(first).request("POST", maps, body={"metadata": {"name": "one"}})
    two = LocalClient(ApiServer(Loop(), first.store)).request("POST", maps, body={"metadata": {"name": "two"}})
    assert one["metadata"]["uid"] != two["metadata"]["uid"]
