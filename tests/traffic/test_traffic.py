"""Requests through the network, Services, load balancers and Ingresses, and what happens when parts of it fail."""

import pytest

from controlplane.traffic.load import Clients, Load, parse_url
from tests.traffic.site import VIP, Site

LB = "http://203.0.113.100/"
EVERYBODY = {"default/a1", "default/a2", "default/b1", "default/b2"}


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("http://shop.example/", "internet"),
        (LB, "internet"),
        ("http://192.168.0.3:30080/", "internet"),
        (f"http://{VIP}/", "a"),
        ("http://web/", "b"),
        ("http://web.default.svc.cluster.local/", "a"),
        ("http://shop.example/", "a"),
        (LB, "b"),
    ],
)
def test_every_way_in_reaches_all_pods(url: str, source: str) -> None:
    tally = Site().send(url, 200, source)
    assert (tally.sent, tally.ok, tally.failed) == (200, 200, 0)
    assert set(tally.by_pod) == EVERYBODY and tally.by_version == {"v1": 200}
    assert tally.by_node.total() == 200


@pytest.mark.parametrize(
    ("url", "source", "error"),
    [
        ("http://nobody.example/", "internet", "no such host"),
        ("http://web/", "internet", "no such host"),
        (f"http://{VIP}/", "internet", "i/o timeout"),
        ("http://10.244.0.1:8080/", "internet", "i/o timeout"),
        ("http://192.168.0.2:30081/", "internet", "connection refused"),
        ("http://10.244.9.9/", "a", "i/o timeout"),
        ("http://203.0.113.7/", "internet", "i/o timeout"),
    ],
)
def test_addresses_that_lead_nowhere(url: str, source: str, error: str) -> None:
    assert Site().send(url, 5, source).errors == {error: 5}


def test_the_client_hears_what_the_app_says() -> None:
    site = Site()
    for app in site.apps.values():
        app.status = 503
    assert site.send("http://shop.example/").errors == {"HTTP 503": 100}
    assert site.apps["a1"].seen[0] == ("shop.example", "/", "198.51.100.1")


def test_ingress_tries_the_next_pod_when_one_refuses_or_is_dead() -> None:
    site = Site()
    site.apps["a1"].status = 0
    tally = site.send("http://shop.example/")
    assert tally.failed == 0 and set(tally.by_pod) == EVERYBODY - {"default/a1"}
    site.apps["a1"].status = 200
    site.network.node_down("b")
    tally = site.send("http://shop.example/")
    assert tally.failed == 0 and set(tally.by_pod) == {"default/a1", "default/a2"}
    assert max(tally.latencies) > 5, "a dead node costs the time until connecting is given up"
    site.network.node_down("a")
    assert site.send("http://shop.example/", 10).errors == {"HTTP 502: i/o timeout": 10}


def test_ingress_without_endpoints_without_rule_and_with_a_pod_that_hangs() -> None:
    site = Site()
    assert site.send("http://203.0.113.1/", 5).errors == {"HTTP 404": 5}
    site.endpoints([], terminating=("a1",))
    assert site.send("http://shop.example/", 5).by_pod == {"default/a1": 5}
    site.endpoints([])
    assert site.send("http://shop.example/", 5).errors == {"HTTP 503: no endpoints": 5}
    site.endpoints(["a1"])
    site.apps["a1"].answers = False
    assert site.send("http://shop.example/", 5, timeout=90.0).errors == {"HTTP 504: the Pod did not answer in time": 5}


def test_ingress_classes() -> None:
    site = Site()
    for name, controller in (("ours", "controlplane.example/ingress"), ("theirs", "example.com/other")):
        site.api.create("ingressclasses", {"metadata": {"name": name}, "spec": {"controller": controller}})
        site.add_ingress(name, host=f"{name}.example", ingressClassName=name)
    assert site.send("http://ours.example/").ok == 100
    assert site.send("http://theirs.example/").errors == {"no such host": 100}
    assert "status" not in (site.api.get("ingresses", "theirs") or {})
    ours = site.api.get("ingresses", "ours")
    assert ours is not None and ours["status"]["loadBalancer"] == {"ingress": [{"ip": "203.0.113.1"}]}


def test_a_controller_that_stops_takes_its_address_with_it() -> None:
    site = Site()
    site.ingress.stop()
    assert site.send("http://shop.example/", 5).errors == {"i/o timeout": 5}
    site.ingress.start()
    site.loop.run_for(1)
    assert site.send("http://shop.example/", 5).ok == 5


def test_a_load_balancer_avoids_dead_nodes_and_those_without_a_pod() -> None:
    site = Site(externalTrafficPolicy="Local")
    site.endpoints(["b1", "b2"])
    assert site.send(LB).by_node == {"b": 100}
    site.endpoints(["a1", "b2"])
    site.network.node_down("b")
    clients = Clients(site.loop, site.network, LB)
    clients.send(100)
    site.loop.run_for(10)
    assert clients.tally.errors.keys() == {"i/o timeout"}, "until the next health check"
    assert site.send(LB).by_node == {"a": 100}


def test_a_service_that_is_no_load_balancer_any_more() -> None:
    site = Site()
    service = site.api.get("services", "web")
    assert service is not None and service["status"]["loadBalancer"]["ingress"][0]["ip"] == "203.0.113.100"
    other = site.service("other", clusterIP="10.96.0.11")
    site.loop.run_for(1)
    assert (site.api.get("services", "other") or {})["status"]["loadBalancer"]["ingress"][0]["ip"] == "203.0.113.101"
    site.api.store(
        "services",
        {**service, "metadata": {**service["metadata"]}, "spec": {**service["spec"], "type": "ClusterIP"}},
        "MODIFIED",
    )
    site.loop.run_for(1)
    assert (site.api.get("services", "web") or {})["status"]["loadBalancer"] == {}
    assert site.send(LB, 5).errors == {"i/o timeout": 5}
    assert other["metadata"]["name"] == "other"


def test_a_cut_between_two_nodes() -> None:
    site = Site()
    site.network.cut("a", "b")
    tally = site.send(f"http://{VIP}/", 200, "a")
    assert set(tally.by_pod) == {"default/a1", "default/a2"} and tally.errors.keys() == {"i/o timeout"}
    site.network.heal("a", "b")
    assert site.send(f"http://{VIP}/", 100, "a").ok == 100


def test_an_answer_is_lost_if_the_machine_dies_in_the_middle_of_it() -> None:
    site = Site()
    site.apps["a1"].latency = 10.0
    clients = Clients(site.loop, site.network, "http://10.244.0.1:8080/", source="b", timeout=15.0)
    clients.send(3)
    site.loop.run_for(5)
    site.network.node_down("a")
    site.loop.run_for(20)
    assert clients.tally.errors == {"timeout awaiting response": 3}


def test_a_pod_that_is_gone_refuses() -> None:
    site = Site()
    site.network.detach("10.244.0.1")
    assert site.send("http://10.244.0.1:8080/", 3, "b").errors == {"i/o timeout": 3}


def test_dns_of_headless_services() -> None:
    site = Site()
    site.service("db", clusterIP="None", type="ClusterIP")
    site.endpoints(["a1", "b1"], service="db")
    lookups = [site.network.resolve("db.default", "a") for _ in range(4)]
    assert lookups == ["10.244.0.1", "10.244.1.1"] * 2
    assert site.network.resolve("b1.db.default.svc.cluster.local", "a") == "10.244.1.1"
    assert site.network.resolve("b2.db.default.svc.cluster.local", "a") is None
    assert site.network.resolve("web.default.svc.cluster.local.", "a") == VIP


def test_a_steady_load() -> None:
    site = Site()
    load = Load(site.loop, site.network, "http://shop.example/", rate=20)
    load.start()
    load.start()
    site.loop.run_for(10)
    load.stop()
    site.loop.run_for(5)
    assert load.tally.sent == load.tally.ok == 201
    assert [second.versions["v1"] for second in load.tally.timeline][1:9] == [20] * 8
    load.start()
    site.loop.run_for(1)
    assert load.tally.sent > 201
    text = load.tally.summary()
    assert text.startswith("222 requests: ") and "  Pod default/a1: " in text and "  version v1: " in text


def test_loads_that_make_no_sense() -> None:
    site = Site()
    with pytest.raises(ValueError, match="rate: 0 requests a second"):
        Load(site.loop, site.network, "http://shop.example/", rate=0)
    for url in ("ftp://shop.example/", "http://", ""):
        with pytest.raises(ValueError, match="is not a URL"):
            Clients(site.loop, site.network, url)
    assert parse_url("shop.example:8080") == ("shop.example", 8080, "/")


def test_the_same_seed_gives_the_same_spread() -> None:
    first, again, other = (Site(seed).send(f"http://{VIP}/", 200, "a").by_pod for seed in (1, 1, 2))
    assert first == again != other
