"""Objects of any kind, made at random from the schema: mostly wrong, never of the wrong type."""

from __future__ import annotations

import random
from typing import Any

from controlplane.apiserver.schema import Type, type_of

TEXTS = (
    "",
    "a",
    "b",
    "Bad_Name",
    "a.b/c",
    "a/b/c",
    "*",
    "..",
    "/x",
    "10.0.0.1",
    "fe80::1%eth0",
    "::1",
    "10.0.0.0/8",
    "x" * 64,
    "x y",
    "é\n",
    "ClusterIP",
    "LoadBalancer",
    "NodePort",
    "ExternalName",
    "None",
    "RollingUpdate",
    "Recreate",
    "OnDelete",
    "Always",
    "Never",
    "OnFailure",
    "In",
    "NotIn",
    "Exists",
    "Equal",
    "TCP",
    "Prefix",
    "Resource",
    "Utilization",
    "ServiceAccount",
    "User",
    "Pod",
    "Container",
    "Indexed",
    "Localhost",
    "IPv4",
    "FQDN",
    "0 0 * * *",
    "@every 1h",
    "a-b-c/d/e",
    "batch.kubernetes.io/job-name",
    "v1",
    "Webhook",
    "object",
    "array",
    "metadata.labels['a']",
    "metadata.name",
    "limits.cpu",
    "25%",
    "200%",
    "kubernetes.io/tls",
    "BestEffort",
)
NUMBERS = (-1, 0, 1, 2, 80, 600, 70_000, 2**31 - 1, 2**40)
QUANTITIES = ("0", "1", "-1", "100m", "1Gi", "500n", "1.5", "1e3", "12E")
PLAIN = {
    "bool": (True, False),
    "quantity": QUANTITIES,
    "int-or-string": (0, 1, -1, 80, "10%", "x", ""),
    "time": ("2026-01-01T00:00:00Z",),
    "micro-time": ("2026-01-01T00:00:00.000000Z",),
    "bytes": ("", "eyJhIjoxfQ=="),
    "float64": (0.5,),
}


def value(of: Type, rng: random.Random, depth: int = 0) -> Any:
    """Something that the decoder takes for a value of the type; None where nothing is known of the type."""
    if depth > 9:
        return None
    if of.kind == "struct":
        thin = 0.5 if depth < 4 else 0.25
        made = {f.name: value(f.type, rng, depth + 1) for f in of.fields.values() if rng.random() < thin}
        return {k: v for k, v in made.items() if v is not None}
    if of.kind in ("list", "map"):
        assert of.elem is not None
        items = [value(of.elem, rng, depth + 1) for _ in range(rng.randrange(3))]
        items = [i for i in items if i is not None]
        return items if of.kind == "list" else {rng.choice((*TEXTS, "cpu", "memory", "storage")): i for i in items}
    if of.kind == "string":
        return rng.choice(TEXTS)
    if of.kind in PLAIN:
        return rng.choice(PLAIN[of.kind])
    if of.kind.startswith("uint"):
        return 1
    return rng.choice(NUMBERS if of.kind == "int64" else NUMBERS[:-1]) if of.kind.startswith("int") else None


def any_object(api_version: str, kind: str, rng: random.Random) -> dict[str, Any]:
    """A decoded object of the kind, with a name."""
    of = type_of(api_version, kind)
    assert of is not None
    made = value(of, rng)
    made["metadata"] = {**(made.get("metadata") or {}), "name": "x", "namespace": "default", "resourceVersion": "1"}
    made.update(apiVersion=api_version, kind=kind)
    decoded = of.decode(made, "Ignore", None)[0]
    assert isinstance(decoded, dict)
    return decoded
