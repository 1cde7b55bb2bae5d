"""Service accounts' tokens: what a Pod says who it is with (pkg/serviceaccount/jwt.go, claims.go).

*Note*: upstream signs with RS256, so that others can check tokens by its public key; here only the server that made a
token can check it (HS256).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from typing import TYPE_CHECKING, Any

from controlplane.apiserver import decoding, errors, fields
from controlplane.apiserver.api import Response, UserInfo
from controlplane.apiserver.codec import DecodeError, decode, encode
from controlplane.apiserver.negotiation import negotiate
from controlplane.apiserver.options import write_options
from controlplane.apiserver.presenting import one
from controlplane.apiserver.registry import Call
from controlplane.clock import rfc3339

if TYPE_CHECKING:
    from controlplane.apiserver.server import ApiServer

Obj = dict[str, Any]

ISSUER = "https://kubernetes.default.svc.cluster.local"
SHORTEST = 600  # seconds
LONGEST = 1 << 32
DEFAULT = 3600
BOUND = {("v1", "Pod"): "pods", ("v1", "Secret"): "secrets", ("v1", "Node"): "nodes"}


class Tokens:
    """Makes and checks the tokens of one server.

    `key` is drawn from the seed: who serves strangers sets another one.
    """

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self._rng = server.rng("tokens")
        self.key = self._rng.randbytes(32)

    def issue(self, account: Obj, audiences: list[str], seconds: int, bound: Obj | None = None) -> str:
        """A token for a ServiceAccount."""
        meta, now = account["metadata"], int(self.server.now())
        about: Obj = {
            "namespace": meta["namespace"],
            "serviceaccount": {"name": meta["name"], "uid": meta["uid"]},
        }
        if bound is not None:
            about[bound["kind"].lower()] = {"name": bound["metadata"]["name"], "uid": bound["metadata"]["uid"]}
        claims = {
            "aud": audiences,
            "exp": now + seconds,
            "iat": now,
            "iss": ISSUER,
            "jti": str(uuid.UUID(int=self._rng.getrandbits(128), version=4)),
            "kubernetes.io": about,
            "nbf": now,
            "sub": f"system:serviceaccount:{meta['namespace']}:{meta['name']}",
        }
        signed = _part(encode({"alg": "HS256", "typ": "JWT"})) + b"." + _part(encode(claims))
        return (signed + b"." + self._sign(signed)).decode()

    def check(self, token: str, audiences: list[str] | None = None) -> UserInfo | None:
        """The user of a token; None unless it is ours, still valid, and its ServiceAccount still there."""
        try:
            signed, _, signature = token.encode("ascii").rpartition(b".")
            if not hmac.compare_digest(self._sign(signed), signature):
                return None
            raw = signed.partition(b".")[2]
            claims = decode(base64.urlsafe_b64decode(raw + b"=" * (-len(raw) % 4)))
        except (ValueError, DecodeError):
            return None
        if not claims["nbf"] <= self.server.now() < claims["exp"]:
            return None
        if not set(claims["aud"]) & set(audiences or [ISSUER]):
            return None
        about = claims["kubernetes.io"]
        namespace, account = about["namespace"], about["serviceaccount"]
        if not self._alive("serviceaccounts", namespace, account):
            return None
        for plural in BOUND.values():
            if plural[:-1] in about and not self._alive(plural, namespace, about[plural[:-1]]):
                return None
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
        return UserInfo(claims["sub"], groups, account["uid"])

    def _alive(self, plural: str, namespace: str, wanted: Obj) -> bool:
        found = self.server.read(plural, wanted["name"], "" if plural == "nodes" else namespace)
        return found is not None and found["metadata"]["uid"] == wanted["uid"]

    def _sign(self, signed: bytes) -> bytes:
        return _part(hmac.new(self.key, signed, hashlib.sha256).digest())


def _part(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def request(server: ApiServer, call: Call, verb: str) -> Response:
    """POST serviceaccounts/NAME/token (pkg/registry/core/serviceaccount/storage/token.go)."""
    form = negotiate(call.request.headers.get("accept", ""))
    call.options = write_options("CreateOptions", call.request.query, call.request.lists)
    wanted = decoding.read_object(
        call.request,
        server.custom,
        "authentication.k8s.io/v1",
        "TokenRequest",
        call.options.validation,
        call.warnings,
    )
    account = server.registry(call.info).entry(call.namespace, call.name).obj
    meta, spec = wanted.get("metadata") or {}, wanted.get("spec") or {}
    for name, value in (("name", call.name), ("namespace", call.namespace)):
        if meta.get(name) and meta[name] != value:
            raise errors.bad_request(
                f"the {name} of the object ({meta[name]}) does not match the {name} on the URL ({value})"
            )
    seconds = spec.get("expirationSeconds") or DEFAULT
    if seconds < SHORTEST:
        problem = fields.invalid("spec.expirationSeconds", seconds, "may not specify a duration less than 10 minutes")
        raise errors.invalid("authentication.k8s.io", "TokenRequest", "", [problem])
    if seconds > LONGEST:
        problem = fields.invalid(
            "spec.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds"
        )
        raise errors.invalid("authentication.k8s.io", "TokenRequest", "", [problem])
    audiences = spec.get("audiences") or [ISSUER]
    token = "" if call.options.dry_run else server.tokens.issue(account, audiences, seconds, _bound(server, call, spec))
    answer = {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {
            "name": call.name,
            "namespace": call.namespace,
            "uid": account["metadata"]["uid"],
            "creationTimestamp": rfc3339(server.now()),
        },
        "spec": {
            "audiences": audiences,
            "expirationSeconds": seconds,
            "boundObjectRef": spec.get("boundObjectRef"),
        },
        "status": {"token": token, "expirationTimestamp": rfc3339(server.now() + seconds)},
    }
    return one(server, call, form, 201, answer, None)


def _bound(server: ApiServer, call: Call, spec: Obj) -> Obj | None:
    """The object whose end is the token's end."""
    ref = spec.get("boundObjectRef")
    if not ref:
        return None
    plural = BOUND.get((ref.get("apiVersion", ""), ref.get("kind", "")))
    if plural is None:
        raise errors.bad_request(f"cannot bind token to object of type {ref.get('apiVersion')}, Kind={ref.get('kind')}")
    found = server.read(plural, ref.get("name", ""), "" if plural == "nodes" else call.namespace)
    if found is None:
        info = server.resources.by_name(plural)
        assert info is not None
        raise errors.not_found(info, ref.get("name", ""))
    if ref.get("uid") and ref["uid"] != found["metadata"]["uid"]:
        raise errors.conflict(
            call.info,
            call.name,
            f"the UID in the bound object reference ({ref['uid']}) does not match the UID in record. "
            f"The object might have been deleted and then recreated",
        )
    return found
