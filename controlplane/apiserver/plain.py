"""The paths that are no resources: health, version, discovery, OpenAPI (apiserver: pkg/server/routes, healthz)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from controlplane.apiserver import discovery, errors
from controlplane.apiserver.api import Request, Response
from controlplane.apiserver.errors import StatusError

if TYPE_CHECKING:
    from controlplane.apiserver.server import ApiServer

Obj = dict[str, Any]

TEXT = "text/plain; charset=utf-8"
HEALTH = ("healthz", "livez", "readyz")
VERSION: Obj = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.0",
    "gitCommit": "$Format:%H$",
    "gitTreeState": "",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "go1.27.3",
    "compiler": "gc",
    "platform": "linux/amd64",
}


class Plain:
    """Answers what is not about an object."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server

    def handle(self, request: Request) -> Response:
        try:
            return self._handle(request)
        except StatusError as refusal:
            return Response(refusal.code, refusal.status)

    def _handle(self, request: Request) -> Response:
        parts = [part for part in request.path.split("/") if part]
        known = parts and (parts[0] in (*HEALTH, "version", "api", "apis", "openapi"))
        if parts and not known:
            return Response(404, "404 page not found\n", content_type=TEXT)
        if request.method not in ("GET", "HEAD"):
            raise errors.method_not_allowed()
        if not parts:
            return Response(200, {"paths": self._paths()})
        if parts[0] in HEALTH:
            return self._health(parts, request)
        if parts == ["version"]:
            return Response(200, VERSION)
        if parts[0] == "openapi":
            from controlplane.apiserver import openapi  # only tools ask for it

            document = openapi.handle(self.server.resources, self.server.custom, parts[1:], request)
        else:
            document = discovery.handle(
                self.server.resources, parts, request.headers.get("accept", ""), self.server.address
            )
        if document is None:
            return Response(404, "404 page not found\n", content_type=TEXT)
        return document

    def _health(self, parts: list[str], request: Request) -> Response:
        if len(parts) > 2 or (len(parts) == 2 and parts[1] not in ("ping", "etcd")):
            return Response(404, "404 page not found\n", content_type=TEXT)
        if "verbose" in request.query:
            return Response(200, f"[+]ping ok\n[+]etcd ok\n{parts[0]} check passed\n", content_type=TEXT)
        return Response(200, "ok", content_type=TEXT)

    def _paths(self) -> list[str]:
        groups = self.server.resources.groups()
        paths = ["/api", "/api/v1", "/apis", *(f"/apis/{group}" for group in groups)]
        paths += [f"/apis/{group}/{version}" for group in groups for version in self.server.resources.versions(group)]
        return sorted([*paths, "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"])
