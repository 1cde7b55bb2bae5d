"""Which backend an Ingress picks: the tables of the Ingress documentation."""

import pytest

from controlplane.client.base import Obj
from controlplane.traffic.ingress_rules import Backend, PathRule, Routes

ANY = Backend("default/web", 80)


@pytest.mark.parametrize(
    ("type", "rule", "path", "matches"),
    [
        ("Prefix", "/", "/anything", True),
        ("Exact", "/foo", "/foo", True),
        ("Exact", "/foo", "/bar", False),
        ("Exact", "/foo", "/foo/", False),
        ("Exact", "/foo/", "/foo", False),
        ("Prefix", "/foo", "/foo", True),
        ("Prefix", "/foo", "/foo/", True),
        ("Prefix", "/foo/", "/foo", True),
        ("Prefix", "/foo/", "/foo/", True),
        ("Prefix", "/aaa/bb", "/aaa/bbb", False),
        ("Prefix", "/aaa/bbb", "/aaa/bbb", True),
        ("Prefix", "/aaa/bbb/", "/aaa/bbb", True),
        ("Prefix", "/aaa/bbb", "/aaa/bbb/", True),
        ("Prefix", "/aaa/bbb", "/aaa/bbb/ccc", True),
        ("Prefix", "/aaa/bbb", "/aaa/bbbxyz", False),
        ("Prefix", "/aaa", "/ccc", False),
    ],
)
def test_paths(type: str, rule: str, path: str, matches: bool) -> None:
    assert PathRule(rule, type == "Exact", ANY).matches(path) == matches


def ingress(name: str, *rules: tuple[str, str, str, str], default: str = "", at: str = "2026-01-01T00:00:00Z") -> Obj:
    """Rules are (host, path type, path, service)."""
    spec: Obj = {
        "rules": [
            {
                **({"host": host} if host else {}),
                "http": {
                    "paths": [
                        {
                            "path": path,
                            "pathType": type,
                            "backend": {"service": {"name": service, "port": {"number": 80}}},
                        }
                    ]
                },
            }
            for host, type, path, service in rules
        ]
    }
    if default:
        spec["defaultBackend"] = {"service": {"name": default, "port": {"name": "http"}}}
    return {"metadata": {"name": name, "namespace": "default", "creationTimestamp": at}, "spec": spec}


def chosen(routes: Routes, host: str, path: str) -> str | None:
    backend = routes.match(host, path)
    return backend.service.removeprefix("default/") if backend else None


def test_the_longest_path_wins_and_exact_wins_a_tie() -> None:
    routes = Routes(
        [
            ingress(
                "i",
                ("", "Prefix", "/", "root"),
                ("", "Prefix", "/aaa", "long"),
                ("", "Prefix", "/foo", "prefix"),
                ("", "Exact", "/foo", "exact"),
            )
        ]
    )
    assert [chosen(routes, "x", path) for path in ("/aaa/ccc", "/ccc", "/foo", "/foo/", "/foo?a=1")] == [
        "long",
        "root",
        "exact",
        "prefix",
        "exact",
    ]


def test_exact_hosts_go_before_wildcards_and_those_before_none() -> None:
    routes = Routes(
        [
            ingress(
                "i",
                ("", "Prefix", "/", "any"),
                ("*.foo.com", "Prefix", "/", "wild"),
                ("bar.foo.com", "Prefix", "/", "exact"),
            )
        ]
    )
    assert [chosen(routes, host, "/") for host in ("bar.foo.com", "baz.foo.com", "baz.bar.foo.com", "foo.com")] == [
        "exact",
        "wild",
        "any",
        "any",
    ]
    assert routes.hosts == ["bar.foo.com"]


def test_the_default_backend_gets_what_no_rule_matches() -> None:
    routes = Routes([ingress("i", ("a.com", "Prefix", "/shop", "shop"), default="fallback")])
    assert chosen(routes, "a.com", "/shop/1") == "shop"
    assert routes.match("a.com", "/other") == Backend("default/fallback", "http")
    assert Routes([ingress("i", ("a.com", "Prefix", "/shop", "shop"))]).match("a.com", "/") is None


def test_the_oldest_ingress_wins() -> None:
    old, new = (
        ingress(name, ("a.com", "Prefix", "/", name), at=f"2026-01-0{day}T00:00:00Z")
        for name, day in (("old", 1), ("new", 2))
    )
    assert chosen(Routes([new, old]), "a.com", "/") == chosen(Routes([old, new]), "a.com", "/") == "old"


def test_a_rule_without_paths_and_a_backend_that_is_no_service_are_ignored() -> None:
    odd = ingress("i")
    odd["spec"]["rules"] = [
        {"host": "a.com"},
        {
            "host": "b.com",
            "http": {
                "paths": [{"path": "/", "pathType": "Prefix", "backend": {"resource": {"kind": "Bucket", "name": "b"}}}]
            },
        },
    ]
    assert Routes([odd]).match("b.com", "/") is None
