"""Watches that lose, repeat and delay events."""

from controlplane.apiserver.server import ApiServer
from controlplane.client.base import Client
from controlplane.client.faults import LATEST, SlowClient, UnreliableClient
from controlplane.client.local import LocalClient
from controlplane.clock import Loop

NAMES = [f"n{number:02}" for number in range(30)]


def heard(loop: Loop, client: Client, inner: Client, seconds: float) -> list[str]:
    """The names of the ConfigMaps in the order of their events."""
    names: list[str] = []
    client.watch("configmaps", lambda type, obj: names.append(obj["metadata"]["name"]), "default", bookmarks=False)
    for name in NAMES:
        inner.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}, "default")
    loop.run_for(seconds)
    return names


def test_an_unreliable_client_loses_and_repeats() -> None:
    loop = Loop(seed=1)
    inner = LocalClient(ApiServer(loop))
    names = heard(loop, UnreliableClient(loop, inner), inner, 1)
    assert {names.count(name) for name in NAMES} == {0, 1, 2}
    assert names == sorted(names)


def test_a_slow_client_keeps_the_order() -> None:
    loop = Loop(seed=1)
    inner = LocalClient(ApiServer(loop))
    client = SlowClient(loop, inner)
    names = heard(loop, client, inner, LATEST)
    assert 0 < len(names) < len(NAMES)
    loop.run_for(LATEST * len(NAMES))
    assert names == NAMES


def test_requests_pass_through() -> None:
    loop = Loop()
    client = SlowClient(loop, LocalClient(ApiServer(loop)))
    assert client.list("configmaps")["items"] == []
