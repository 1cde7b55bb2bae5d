"""The API server: the only way to the state, the same for a notebook in this process and for kubectl.

`handle` is the whole server.  A request is authorized, routed to the registry of its resource, and answered with an
object, a list, a stream of changes, or a `Status` that says what is wrong.  It never blocks and never raises.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from controlplane.apiserver import bootstrap, errors, reviews, subresources, verbs
from controlplane.apiserver.admission import DEFAULT_PLUGINS, AdmissionPlugin, Chain
from controlplane.apiserver.alike import Alike
from controlplane.apiserver.api import AuditEvent, AuditSink, Request, Response, UserInfo
from controlplane.apiserver.codec import encode
from controlplane.apiserver.crds import CustomResources
from controlplane.apiserver.errors import StatusError
from controlplane.apiserver.housekeeping import Housekeeping
from controlplane.apiserver.kubelets import Reach
from controlplane.apiserver.plain import Plain
from controlplane.apiserver.registry import Call, Registry
from controlplane.apiserver.resources import ResourceInfo, ResourceRegistry
from controlplane.apiserver.routes import Route, parse
from controlplane.apiserver.selectors import parse_field_selector
from controlplane.apiserver.strategies import Context
from controlplane.apiserver.tokens import Tokens
from controlplane.apiserver.tracking import manage_fields
from controlplane.apiserver.watch_cache import Entry
from controlplane.clock import Loop
from controlplane.etcd.api import EtcdError, EtcdStore
from controlplane.etcd.mvcc import Store

Obj = dict[str, Any]

METHOD_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}


class Authorizer(Protocol):
    """Decides whether a user may do something: (allowed, reason)."""

    def authorize(
        self, user: UserInfo, verb: str, info: ResourceInfo | None, route: Route | None, path: str
    ) -> tuple[bool, str]: ...


class ApiServer:
    """An API server over one state store.

    `plugins` are the admission plugins in their order; `authorizer` None lets everybody in do everything; `address` is
    what discovery tells clients (`HOST:PORT`); `service_net` is the first two parts of the Services' addresses.
    """

    def __init__(
        self,
        loop: Loop,
        store: EtcdStore | None = None,
        *,
        plugins: Iterable[type[AdmissionPlugin]] = DEFAULT_PLUGINS,
        authorizer: Authorizer | None = None,
        address: str = "127.0.0.1:6443",
        service_net: str = "10.96",
    ) -> None:
        self.loop = loop
        self.service_net = service_net
        self.store: EtcdStore = Store() if store is None else store
        self._began = self.store.revision
        self.address = address
        self.resources = ResourceRegistry()
        self.admission = Chain(plugin(self) for plugin in plugins)
        self.authorizer = authorizer
        self.on_audit: list[AuditSink] = []
        self.encode: Callable[[Any], bytes] = encode
        self.custom = CustomResources(self)
        self.subresources = subresources.table()
        self.alike = Alike()
        self.virtual: dict[tuple[str, str], subresources.Handler] = {}  # resources that are not stored but worked out
        self.kubelets: dict[str, Reach] = {}  # how to reach each node's kubelet
        self.tokens = Tokens(self)
        self.authenticators: list[Callable[[str], UserInfo | None]] = [self.tokens.check]
        self._registries: dict[tuple[str, str], Registry] = {}
        self._plain = Plain(self)
        self._rng = self.rng("allocators")
        self.housekeeping = Housekeeping(self)
        bootstrap.create(self)
        self.custom.load()

    # The request path -----------------------------------------------------------------------------------------------

    def handle(self, request: Request) -> Response:
        """Answer one request.  Whatever is wrong with it ends as a Status in the answer."""
        route = parse(request.path)
        if route is None:
            return self._plain.handle(request)
        verb = self._verb(request, route)
        call = None
        try:
            info = self._find(route)
            call = Call(request, info, route.namespace, route.name, route.subresource, request.user)
            if self.authorizer is not None:
                self._authorize(self.authorizer, request, verb, info, route)
            response = self._dispatch(call, verb, route)
        except StatusError as refusal:
            response = _refused(refusal)
        except EtcdError as failure:  # the store does not answer: upstream passes its words on, without a reason
            response = _refused(errors.store_failed(str(failure)))
        except Exception as bug:  # a mistake of ours must not take the server down
            response = _refused(errors.internal(f"{type(bug).__name__}: {bug}"))
            self.last_bug = bug
        if call is not None and call.warnings:
            response.warnings = tuple(dict.fromkeys(call.warnings))
        if self.on_audit:
            event = AuditEvent(
                self.loop.now(),
                request.user.name,
                verb,
                route.plural,
                route.subresource,
                route.namespace,
                call.name if call else route.name,
                response.status,
                call.revision if call else "",
            )
            for sink in self.on_audit:
                sink(event)
        return response

    last_bug: Exception | None = None  # the last exception that became a 500, for tests and the curious

    def _find(self, route: Route) -> ResourceInfo:
        info = self.resources.find(route.group, route.version, route.plural)
        if info is not None:
            return info
        if route.version in self.resources.versions(route.group):
            raise errors.no_such_resource()
        raise NotServed

    @staticmethod
    def _verb(request: Request, route: Route) -> str:
        """What the request does, in the words of RBAC and of the audit log."""
        method = request.method
        if method in ("GET", "HEAD"):
            if route.watch or request.query.get("watch", "").lower() not in ("", "0", "false"):
                return "watch"
            return "get" if route.name else "list"
        if method == "DELETE":
            return "delete" if route.name else "deletecollection"
        return METHOD_VERBS.get(method, method.lower())

    @staticmethod
    def _authorize(authorizer: Authorizer, request: Request, verb: str, info: ResourceInfo, route: Route) -> None:
        user = request.user
        if route.plural == "namespaces" and not route.group:  # a namespace is in itself
            route = route._replace(namespace=route.name)
        elif not route.name and "fieldSelector" in request.query:  # a list of one name is a question about that name
            try:
                name = parse_field_selector(request.query["fieldSelector"]).requires_exact("metadata.name")
            except StatusError:
                name = ""
            route = route._replace(name=name or "")
        allowed, reason = authorizer.authorize(user, verb, info, route, request.path)
        if not allowed:
            what = f"{route.plural}/{route.subresource}" if route.subresource else route.plural
            where = f' in the namespace "{route.namespace}"' if route.namespace else " at the cluster scope"
            raise errors.forbidden(
                info,
                route.name,
                f'User "{user.name}" cannot {verb} resource "{what}" in API group '
                f'"{route.group}"{where}{": " + reason if reason else ""}',
            )

    def _dispatch(self, call: Call, verb: str, route: Route) -> Response:
        info = call.info
        if route.subresource:
            handler = self.subresources.get((info.group, info.plural, route.subresource)) or self.subresources.get(
                ("", "", route.subresource)
            )
            served = info.subresources.get(route.subresource)
            if handler is None or served is None:
                raise errors.no_such_resource()
            if verb not in served.verbs:
                raise errors.method_not_allowed()
            return handler(self, call, verb)
        if not info.stored and verb in info.verbs:
            virtual = self.virtual.get((info.group, info.plural))
            return virtual(self, call, verb) if virtual is not None else reviews.create(self, call)
        handle = verbs.TABLE.get(verb)
        on_one = bool(route.name) and verb != "watch"  # one object can be watched, too
        if handle is None or verb not in info.verbs or on_one != (verb in verbs.NAMED):
            raise errors.method_not_allowed()
        return handle(self, call)

    # What the rooms of the server share -----------------------------------------------------------------------------

    def registry(self, info: ResourceInfo) -> Registry:
        """The registry of a resource; two versions of one kind have a registry each over the same objects."""
        key = (info.api_version, info.plural)
        registry = self._registries.get(key)
        if registry is None:
            registry = self._registries[key] = Registry(self, info)
        return registry

    def registries(self) -> list[Registry]:
        """Those that have been used."""
        return list(self._registries.values())

    def forget(self, info: ResourceInfo) -> None:
        """A resource is no longer served: its watches end."""
        registry = self._registries.pop((info.api_version, info.plural), None)
        if registry is not None:
            registry.storage.cache.close()

    def context(self, call: Call) -> Context:
        return Context(
            self.loop.now(),
            self._rng,
            call.user.name,
            self.housekeeping.cluster_ip_used,
            self.housekeeping.node_port_used,
            self.service_net,
        )

    def manage_fields(self, call: Call, info: ResourceInfo, old: Obj | None, new: Obj) -> None:
        manage_fields(self, call, info, old, new)

    def now(self) -> float:
        return self.loop.now()

    def rng(self, name: str) -> random.Random:
        """A random stream.  A server that starts on a store in use draws other uids than the one before it drew."""
        return self.loop.rng(f"apiserver/{name}" if self._began <= 1 else f"apiserver/{name}@{self._began}")

    def read(self, plural: str, name: str, namespace: str = "") -> Obj | None:
        """An object as it is now, shared, or None: how admission and allocators look around."""
        info = self.resources.by_name(plural)
        if info is None:
            return None
        storage = self.registry(info).storage
        entry = storage.get(storage.key(namespace, name))
        return entry.obj if entry is not None else None

    def read_all(self, plural: str, namespace: str = "") -> list[Obj]:
        """All objects of a resource, shared, in order of their keys, as the watch cache has them."""
        info = self.resources.by_name(plural)
        if info is None:
            return []
        entries = self.registry(info).storage.cache.entries
        objects = (entries[key].obj for key in sorted(entries))
        return [obj for obj in objects if not namespace or obj["metadata"].get("namespace") == namespace]

    def write_back(self, plural: str, obj: Obj) -> None:
        """Store an object that `read` gave, changed, unless it was written meanwhile: how admission keeps count."""
        info = self.resources.by_name(plural)
        assert info is not None
        storage, meta = self.registry(info).storage, obj["metadata"]
        entry = storage.get(storage.key(meta.get("namespace", ""), meta["name"]))
        if entry is not None and entry.revision == int(meta["resourceVersion"]):
            storage.replace(entry, obj)

    def stored(self, info: ResourceInfo, entry: Entry) -> None:
        """An object was written: what follows from it within the server."""
        self.housekeeping.stored(info, entry)

    def removed(self, info: ResourceInfo, entry: Entry) -> None:
        self.housekeeping.removed(info, entry)

    def close(self) -> None:
        """End all watches and timers: the server is stopped."""
        self.housekeeping.stop()
        for registry in self.registries():
            registry.storage.cache.close()


class NotServed(StatusError):
    """No such group or version: upstream answers with plain text."""

    def __init__(self) -> None:
        super().__init__(404, "NotFound", "404 page not found\n")


def _refused(refusal: StatusError) -> Response:
    if isinstance(refusal, NotServed):
        return Response(404, refusal.status["message"], content_type="text/plain; charset=utf-8")
    headers = {}
    retry = refusal.status.get("details", {}).get("retryAfterSeconds")
    if retry:
        headers["Retry-After"] = str(retry)
    return Response(refusal.code, refusal.status, headers=headers)
