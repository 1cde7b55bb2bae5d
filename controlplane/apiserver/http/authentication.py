"""Who sends a request: a client certificate, or a bearer token (apiserver: pkg/authentication).

Requests with neither may ask whether the server is well and what version it is, and nothing else.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import Any

from controlplane.apiserver.api import ADMIN, ANONYMOUS, UserInfo

OPEN = frozenset({"healthz", "livez", "readyz", "version"})  # what upstream's system:public-info-viewer may get
AUTHENTICATED = "system:authenticated"

TokenCheck = Callable[[str], UserInfo | None]


class Authenticator:
    """Finds the user of each request.  `check` knows the other tokens: those of service accounts."""

    def __init__(self, token: str, check: TokenCheck) -> None:
        self._token = token.encode()
        self._check = check

    def identify(self, headers: Mapping[str, str], peer: UserInfo | None, path: str) -> UserInfo | None:
        """The user, or None if the request must be refused with 401.

        A wrong token is refused everywhere: a client that meant to say who it is should hear that it did not.
        """
        if peer is not None:
            return peer
        header = headers.get("authorization")
        if header is None:
            return ANONYMOUS if path.strip("/") in OPEN else None
        scheme, _, token = header.partition(" ")
        return self.token(token.strip()) if scheme.lower() == "bearer" else None

    def token(self, token: str) -> UserInfo | None:
        """The user of a bearer token."""
        if hmac.compare_digest(token.encode("utf-8", "replace"), self._token):
            return ADMIN
        return self._check(token)


def certificate_user(certificate: Mapping[str, Any] | None) -> UserInfo | None:
    """The user of a verified client certificate: the common name; the organizations are the groups."""
    if not certificate:
        return None
    name, groups = "", []
    for part in certificate.get("subject", ()):
        for key, value in part:
            if key == "commonName":
                name = value
            elif key == "organizationName":
                groups.append(value)
    return UserInfo(name, (*dict.fromkeys([*groups, AUTHENTICATED]),)) if name else None
