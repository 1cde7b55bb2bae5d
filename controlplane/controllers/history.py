"""Old versions of a Pod template, as ControllerRevisions (upstream: pkg/controller/history).

StatefulSets and DaemonSets keep theirs so: the Pods of all versions are their own, only the templates are stored aside.
"""

from __future__ import annotations

from controlplane.client.base import ApiError, Client, Obj, Objs
from controlplane.controllers.base import owner_reference
from controlplane.controllers.revisions import template_hash

HASH = "controller-revision-hash"


def patch_of(owner: Obj) -> Obj:
    """What a revision stores: the strategic merge patch that brings the template back."""
    return {"spec": {"template": {**owner["spec"]["template"], "$patch": "replace"}}}


def template_of(revision: Obj) -> Obj:
    """The Pod template of a revision."""
    return {k: v for k, v in revision["data"]["spec"]["template"].items() if k != "$patch"}


def by_revision(revisions: Objs) -> Objs:
    return sorted(revisions, key=lambda r: (r["revision"], r["metadata"]["creationTimestamp"], r["metadata"]["name"]))


def current(client: Client, owner: Obj, revisions: Objs, collisions: int, hash_label: str) -> Obj:
    """The revision of the owner's present template: an old one that is made the newest again, or a new one.

    Raises the ApiError AlreadyExists if another object has its name: then count a collision and try again.
    """
    data = patch_of(owner)
    ordered = by_revision(revisions)
    newest = ordered[-1]["revision"] if ordered else 0
    same = [r for r in ordered if r.get("data") == data]
    if same:
        found = same[-1]
        if found["revision"] == newest:
            return found
        return client.update({**found, "revision": newest + 1})
    meta, template = owner["metadata"], owner["spec"]["template"]
    digest = template_hash(template, collisions)
    labels = {**((template.get("metadata") or {}).get("labels") or {}), hash_label: digest}
    wanted: Obj = {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": f"{meta['name']}-{digest}",
            "namespace": meta["namespace"],
            "labels": labels,
            "ownerReferences": [owner_reference(owner)],
        },
        "data": data,
        "revision": newest + 1,
    }
    if meta.get("annotations"):
        wanted["metadata"]["annotations"] = meta["annotations"]
    try:
        return client.create(wanted)
    except ApiError as error:
        if error.already_exists:
            there = client.get("controllerrevisions", wanted["metadata"]["name"], meta["namespace"])
            if there.get("data") == data:  # ours, and the cache is late
                return there
        raise


def truncate(client: Client, revisions: Objs, live: set[str], limit: int) -> None:
    """Delete the oldest revisions that no Pod has (`live`: names of those in use) beyond `limit`."""
    spare = [r for r in by_revision(revisions) if r["metadata"]["name"] not in live]
    for revision in spare[: max(len(spare) - limit, 0)]:
        try:
            client.delete("controllerrevisions", revision["metadata"]["name"], revision["metadata"]["namespace"])
        except ApiError as error:
            if not error.not_found:
                raise
