"""The generic store of one resource: what every kind has in common (apiserver: pkg/registry/generic/registry/store.go).

A write goes: decoded object, admission that may change it, the kind's own preparation, validation, admission that may
refuse, compare-and-swap.  What differs from kind to kind is in its strategy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from controlplane.apiserver import errors, fields, selectors
from controlplane.apiserver.admission.chain import Attributes
from controlplane.apiserver.api import Request, UserInfo
from controlplane.apiserver.bookmarks import INITIAL_EVENTS_END, bookmark
from controlplane.apiserver.crd_strategy import CustomStrategy
from controlplane.apiserver.options import DEFAULT_WRITE, ListOptions, WriteOptions, parse_version
from controlplane.apiserver.resources import ResourceInfo
from controlplane.apiserver.storage import Page, Storage
from controlplane.apiserver.strategies import Strategy
from controlplane.apiserver.strategies.table import STRATEGIES
from controlplane.apiserver.watch_cache import Entry, WatchStream
from controlplane.clock import rfc3339
from controlplane.labels import Selector

if TYPE_CHECKING:
    from controlplane.apiserver.server import ApiServer

Obj = dict[str, Any]

SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # apimachinery: util/rand, no vowels and nothing that looks alike
SUFFIX_LENGTH = 5
NAME_LIMIT = 63  # upstream: storage/names maxNameLength
TOO_OLD = "too old resource version: {} ({})"
DELETION_PENDING = "object is being deleted: "


@dataclass(slots=True)
class Call:
    """One request on its way through the server."""

    request: Request
    info: ResourceInfo
    namespace: str
    name: str
    subresource: str
    user: UserInfo
    options: WriteOptions = DEFAULT_WRITE
    warnings: list[str] = field(default_factory=list)
    revision: str = ""  # the resourceVersion that a write made, for the audit log


class Written(NamedTuple):
    """What a write left: `entry` is what is stored, None if nothing is (a dry run, or the last finalizer is gone)."""

    obj: Obj
    entry: Entry | None
    created: bool = False


Transform = Callable[[Obj], Obj]  # from the object as it is to the one that is wanted


class Registry:
    """All verbs on one resource."""

    def __init__(self, server: ApiServer, info: ResourceInfo) -> None:
        self.server = server
        self.info = info
        self.strategy: Strategy
        if info.custom:
            self.strategy = CustomStrategy(info, server.custom.custom_type(info.api_version, info.kind))
        else:
            self.strategy = STRATEGIES.get((info.group, info.kind)) or Strategy(info.kind, namespaced=info.namespaced)
        triggers: dict[str, Callable[[Obj], str]] = (
            {"spec.nodeName": _node_name} if info.plural == "pods" and not info.group else {}
        )
        self.storage = Storage(info, server.store, server.loop.now, triggers)
        self._rng = server.rng(f"{info.plural}.{info.group}")

    # Reading --------------------------------------------------------------------------------------------------------

    def entry(self, namespace: str, name: str) -> Entry:
        """The stored object; StatusError 404 if there is none."""
        entry = self.storage.get(self.storage.key(namespace, name))
        if entry is None:
            raise errors.not_found(self.info, name)
        return entry

    def matcher(self, options: ListOptions) -> tuple[Callable[[Obj], bool] | None, str, tuple[str, str] | None]:
        """(test or None, exact name or "", trigger or None) of a request's two selectors."""
        labelled: Selector | None = None
        if options.label_selector:
            labelled = selectors.label_selector(options.label_selector)
        by_field, name, trigger = None, "", None
        if options.field_selector:
            by_field = selectors.object_selector(
                options.field_selector,
                self.info.group,
                self.info.kind,
                self.info.selectable_fields if self.info.custom else None,
                self.info.namespaced,
            )
            exact = selectors.parse_field_selector(options.field_selector)
            name = exact.requires_exact("metadata.name") or ""
            for path in self.storage.cache.triggers:
                if (value := exact.requires_exact(path)) is not None:
                    trigger = (path, value)
        if labelled is None:
            return by_field, name, trigger
        matches = labelled.matches
        if by_field is None:
            return (lambda obj: matches(obj["metadata"].get("labels"))), name, trigger
        chosen = by_field
        return (lambda obj: matches(obj["metadata"].get("labels")) and chosen(obj)), name, trigger

    def list(self, namespace: str, options: ListOptions) -> Page:
        """One page of objects.  Raises 400 for a wrong token or selector, 410 for a compacted revision."""
        match, name, _ = self.matcher(options)
        wanted = parse_version(options.resource_version)
        if options.continue_ and options.resource_version not in ("", "0"):
            raise errors.bad_request("specifying resource version is not allowed when using continue")
        if wanted > self.server.store.revision:
            raise errors.too_large_resource_version(wanted, self.server.store.revision)
        exact = options.match == "Exact" or (not options.match and options.limit > 0 and wanted > 0)
        test = None if match is None else lambda entry: match(entry.obj)
        return self.storage.list(
            namespace,
            test,
            revision=wanted if exact else 0,
            limit=max(options.limit, 0),
            continue_=options.continue_,
            name=name,
        )

    def watch(self, namespace: str, options: ListOptions) -> WatchStream:
        """A stream of changes.  Raises 410 if the changes since the version asked for are not known any more."""
        match, name, trigger = self.matcher(options)
        cache = self.storage.cache
        wanted = parse_version(options.resource_version)
        if options.send_initial and wanted > self.server.store.revision:
            raise errors.too_large_resource_version(wanted, self.server.store.revision)
        if (namespace and self.info.namespaced) or name:
            match = _scoped(match, namespace if self.info.namespaced else "", name)
        initial = options.send_initial or (options.send_initial is None and wanted == 0)
        after = None if initial else wanted or cache.revision
        stream = cache.watch(match, after, trigger)
        if stream is None:
            raise errors.expired(TOO_OLD.format(wanted, cache.oldest))
        stream.wants_bookmarks = options.bookmarks
        if options.send_initial and options.bookmarks:
            stream.backlog.append(("BOOKMARK", self.bookmark(INITIAL_EVENTS_END)))
        return stream

    def bookmark(self, annotations: dict[str, str] | None = None) -> Entry:
        """An event that tells a watch how far it has come."""
        return bookmark(self.info, self.server.store.revision, annotations)

    # Creating -------------------------------------------------------------------------------------------------------

    def create(self, call: Call, obj: Obj) -> Written:
        """Store a new object; `obj` is decoded, defaulted, and ours to change."""
        meta = obj["metadata"] = dict(obj.get("metadata") or {})
        self._fill_system_fields(meta)
        self._check_namespace(call, meta)
        if meta.get("resourceVersion"):
            raise errors.bad_request("resourceVersion should not be set on objects to be created")
        meta.pop("resourceVersion", None)
        generated = False
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = self.generate_name(meta["generateName"])
            generated = True
        attributes = self.attributes(call, "CREATE", meta.get("name", ""), obj, None)
        self._manage(call, None, obj)
        self.server.admission.admit(attributes)
        return self._create(call, obj, attributes, generated)

    def _create(self, call: Call, obj: Obj, attributes: Attributes, generated: bool = False) -> Written:
        context = self.server.context(call)
        self.strategy.prepare_for_create(obj, context)
        name = obj["metadata"].get("name", "")
        if problems := self.strategy.validate_create(self.storage.internal(obj), context):
            raise errors.invalid(self.info.group, self.info.kind, name, problems)
        call.warnings += self.strategy.warnings(obj)
        self.server.admission.validate(attributes)
        key = self.storage.key(call.namespace, name)
        if call.options.dry_run:
            if self.storage.get(key) is not None:
                raise errors.already_exists(self.info, name)
            return Written(obj, None, True)
        entry = self.storage.create(key, obj)
        if entry is None:
            if generated:
                raise errors.generate_name_conflict(self.info, name)
            problem = errors.already_exists(self.info, name)
            there = self.storage.get(key)
            if there is not None and "deletionTimestamp" in there.obj["metadata"]:
                problem.status["message"] = DELETION_PENDING + problem.status["message"]
            raise problem
        call.revision = str(entry.revision)
        self.server.stored(self.info, entry)
        return Written(obj, entry, True)

    def _fill_system_fields(self, meta: Obj) -> None:
        for name in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"):
            meta.pop(name, None)
        meta["uid"] = self._make_uid()
        meta["creationTimestamp"] = rfc3339(self.server.loop.now())

    def _make_uid(self) -> str:
        """A random UUID of version 4 (RFC 9562)."""
        bits = self._rng.getrandbits(128) & ~(0xF << 76) & ~(0x3 << 62) | 4 << 76 | 2 << 62
        text = f"{bits:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def generate_name(self, base: str) -> str:
        """`base` with a suffix, cut so that the whole is a valid label (apiserver: storage/names/generate.go)."""
        letters = self._rng.choices(SUFFIX_LETTERS, k=SUFFIX_LENGTH)
        return base[: NAME_LIMIT - SUFFIX_LENGTH] + "".join(letters)

    def _check_namespace(self, call: Call, meta: Obj) -> None:
        wanted = call.namespace if self.info.namespaced else ""
        there = meta.get("namespace")
        if there and wanted and there != wanted:
            raise errors.bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
        if wanted:
            meta["namespace"] = wanted
        else:
            meta.pop("namespace", None)

    # Updating -------------------------------------------------------------------------------------------------------

    def update(
        self,
        call: Call,
        transform: Transform,
        *,
        status: bool = False,
        allow_create: bool = False,
        from_apply: bool = False,
    ) -> Written:
        """Store what `transform` makes of the object as it is, again and again until nobody writes in between.

        `transform` gets the stored object, shared, and returns a new one that may share parts with it.
        """
        key = self.storage.key(call.namespace, call.name)
        may_create = (self.strategy.allow_create_on_update or allow_create) and not status
        while True:
            entry = self.storage.get(key)
            if entry is None:
                if not may_create:
                    raise errors.not_found(self.info, call.name)
                return self._create_on_update(call, transform({}), from_apply)
            written = self._try_update(call, entry, transform(entry.obj), status, from_apply)
            if written is not None:
                return written

    def _create_on_update(self, call: Call, obj: Obj, from_apply: bool) -> Written:
        meta = obj["metadata"] = dict(obj["metadata"])
        self._check_uid(call, {}, meta)
        if meta.get("resourceVersion"):  # it was there when the client read it
            raise errors.conflict(self.info, call.name)
        meta.pop("resourceVersion", None)
        self._fill_system_fields(meta)
        self._check_namespace(call, meta)
        attributes = self.attributes(call, "CREATE", call.name, obj, None)
        if not from_apply:
            self._manage(call, None, obj)
        self.server.admission.admit(attributes)
        return self._create(call, obj, attributes)

    def _try_update(self, call: Call, entry: Entry, new: Obj, status: bool, from_apply: bool) -> Written | None:
        old = entry.obj
        new = {**new, "metadata": dict(new.get("metadata") or {})}
        meta, before = new["metadata"], old["metadata"]
        if not from_apply:
            self._manage(call, old, new)
        attributes = self.attributes(call, "UPDATE", call.name, new, old)
        self.server.admission.admit(attributes)
        self._check_uid(call, before, meta)
        if not meta.get("resourceVersion"):
            if not self.strategy.allow_unconditional_update:
                raise errors.invalid(
                    self.info.group,
                    self.info.plural,
                    call.name,
                    [fields.invalid("metadata.resourceVersion", 0, "must be specified for an update")],
                )
            meta["resourceVersion"] = before["resourceVersion"]
        elif meta["resourceVersion"] != before["resourceVersion"]:
            parse_version(meta["resourceVersion"])
            raise errors.conflict(self.info, call.name)
        self._check_namespace(call, meta)
        context = self.server.context(call)
        if status:
            self.strategy.prepare_for_status_update(new, old, context)
        else:
            self.strategy.prepare_for_update(new, old, context)
        validate = self.strategy.validate_status_update if status else self.strategy.validate_update
        if problems := validate(self.storage.internal(new), self.storage.internal(old), context):
            raise errors.invalid(self.info.group, self.info.kind, call.name, problems)
        if not status:
            call.warnings += self.strategy.warnings(new, old)
        self.server.admission.validate(attributes)
        if call.options.dry_run:
            return Written(new, None)
        if deletes_during_update(new, old):
            revision = self.storage.remove(entry)
            call.revision = str(revision)
            if revision:
                self.server.removed(self.info, entry)
            return Written(new, None) if revision else None
        if new == old:  # nothing changes: no write, no new revision, no event
            return Written(old, entry)
        written = self.storage.replace(entry, new)
        if written is None:
            return None
        call.revision = str(written.revision)
        self.server.stored(self.info, written)
        return Written(written.obj, written)

    def _check_uid(self, call: Call, before: Obj, meta: Obj) -> None:
        wanted = meta.get("uid")
        if wanted and wanted != before.get("uid"):
            key = self.storage.key(call.namespace, call.name).decode()
            raise errors.conflict(
                self.info,
                call.name,
                f"StorageError: invalid object, Code: 4, Key: {key}, "
                "ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: "
                f"{wanted}, UID in object meta: {before.get('uid', '')}",
            )

    # Shared ---------------------------------------------------------------------------------------------------------

    def attributes(self, call: Call, operation: Any, name: str, obj: Obj | None, old: Obj | None) -> Attributes:
        return Attributes(
            operation,
            self.info,
            call.namespace,
            name,
            obj,
            old,
            call.user,
            call.subresource,
            call.options.dry_run,
            call.warnings,
        )

    def _manage(self, call: Call, old: Obj | None, new: Obj) -> None:
        self.server.manage_fields(call, self.info, old, new)


def _node_name(pod: Obj) -> str:
    return str(pod["spec"].get("nodeName", ""))


def _scoped(match: Callable[[Obj], bool] | None, namespace: str, name: str) -> Callable[[Obj], bool]:
    def test(obj: Obj) -> bool:
        meta = obj["metadata"]
        if (namespace and meta.get("namespace") != namespace) or (name and meta["name"] != name):
            return False
        return match is None or match(obj)

    return test


def deletes_during_update(new: Obj, old: Obj) -> bool:
    """An object that waits for its finalizers only is gone with the last of them; a namespace has some in its spec."""
    if new.get("kind") == "Namespace" and (new.get("spec") or {}).get("finalizers"):
        return False
    return (
        "deletionTimestamp" in old["metadata"]
        and not new["metadata"].get("finalizers")
        and not old["metadata"].get("deletionGracePeriodSeconds")
    )
