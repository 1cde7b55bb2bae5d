"""Signs approved requests for client certificates, so that a person can become a user of the cluster.

*Note*: upstream's controller manager does this (pkg/controller/certificates/signer), for four signers; here the front
does, for kubernetes.io/kube-apiserver-client alone, because it is the front that has the authority's key.
"""

from __future__ import annotations

import base64
import logging
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from controlplane.apiserver.api import Request, UserInfo
from controlplane.apiserver.http.tls import Authority
from controlplane.apiserver.server import ApiServer
from controlplane.apiserver.watch_cache import Entry

log = logging.getLogger(__name__)

Obj = dict[str, Any]

SIGNER = "kubernetes.io/kube-apiserver-client"
PATH = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
USER = UserInfo("system:kube-controller-manager", ("system:masters", "system:authenticated"))
MASTERS = "system:masters"  # no certificate that is asked for makes one of them


class Signer:
    """Watches the requests, and answers those that were approved."""

    def __init__(self, server: ApiServer, authority: Authority) -> None:
        self.server = server
        self.authority = authority
        self._stopped = False
        self._watch(None)

    def stop(self) -> None:
        self._stopped = True

    def _watch(self, status: Obj | None) -> None:
        """Look at all requests, and at every one that comes; a watch that ends is begun anew."""
        if not self._stopped:
            answer = self.server.handle(Request("GET", PATH, {"watch": "true"}, user=USER))
            if answer.watch is not None:
                answer.watch.attach(self._seen, lambda status: self.server.loop.call_soon(self._watch, status))

    def _seen(self, type: str, entry: Entry) -> None:
        csr = entry.obj
        status = csr.get("status") or {}
        decided = {c["type"] for c in status.get("conditions") or () if c["status"] == "True"}
        if type == "DELETED" or csr.get("spec", {}).get("signerName") != SIGNER or status.get("certificate"):
            return
        if "Approved" in decided and not decided & {"Denied", "Failed"}:
            self.server.loop.call_soon(self._sign, csr)

    def _sign(self, csr: Obj) -> None:
        status = csr.get("status") or {}
        try:
            status = {**status, "certificate": base64.b64encode(sign(self.authority, csr)).decode()}
        except (ValueError, UnsupportedAlgorithm) as problem:
            failed = {"type": "Failed", "status": "True", "reason": "SignerValidationFailure", "message": str(problem)}
            status = {**status, "conditions": [*(status.get("conditions") or ()), failed]}
        answer = self.server.handle(
            Request("PUT", f"{PATH}/{csr['metadata']['name']}/status", body={**csr, "status": status}, user=USER)
        )
        if answer.status not in (200, 404, 409):  # gone, or changed: then there is another event
            log.warning("cannot write the certificate of %s: %s", csr["metadata"]["name"], answer.body)


def sign(authority: Authority, csr: Obj) -> bytes:
    """The certificate that is asked for, as PEM.  ValueError if it is asked for wrongly."""
    request = x509.load_pem_x509_csr(base64.b64decode(csr["spec"]["request"]))
    if not request.is_signature_valid:
        raise ValueError("the request is not signed with its own key")
    if not request.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        raise ValueError("the request names no user")
    groups = [attribute.value for attribute in request.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    if MASTERS in groups:
        raise ValueError(f"use of {SIGNER} signer with {MASTERS} group is not allowed")
    key = request.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise ValueError("the key must be of elliptic curves or RSA")
    return authority.sign(key, request.subject)
