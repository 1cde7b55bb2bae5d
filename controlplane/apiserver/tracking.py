"""Who set which field: when `metadata.managedFields` is kept (apimachinery: util/managedfields).

Tracking costs more than the write itself, so it starts with the first request that names a field manager, and from
then on holds for every write to that object.  The cluster's own components name none.

*Note*: upstream tracks every write, with the client's user agent as the manager of those who name none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from controlplane.apiserver.registry import Call
from controlplane.apiserver.resources import ResourceInfo
from controlplane.clock import rfc3339

if TYPE_CHECKING:
    from controlplane.apiserver.server import ApiServer

Obj = dict[str, Any]


def manager_of(call: Call) -> str:
    """The manager that a request names, or what its client calls itself up to the first slash."""
    if call.options.manager:
        return call.options.manager
    agent = call.request.headers.get("user-agent", "")
    return agent.partition("/")[0][:128] or "unknown"


def is_tracked(call: Call, old: Obj | None) -> bool:
    return bool(call.options.manager) or (old is not None and bool(old["metadata"].get("managedFields")))


def manage_fields(server: ApiServer, call: Call, info: ResourceInfo, old: Obj | None, new: Obj) -> None:
    """Bring `new.metadata.managedFields` up to date with what this write changes."""
    meta = new["metadata"]
    if not is_tracked(call, old):
        meta.pop("managedFields", None)
        return
    from controlplane.apiserver import managed_fields  # loaded by the first client that names itself

    of_kind = server.custom.type_of(info.api_version, info.kind)
    entries = managed_fields.update_managed(
        old,
        new,
        manager_of(call),
        operation="Update",
        api_version=info.api_version,
        time=rfc3339(server.loop.now()),
        subresource=call.subresource,
        type=of_kind,
    )
    if entries:
        meta["managedFields"] = entries
    else:
        meta.pop("managedFields", None)
