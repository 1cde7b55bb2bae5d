"""Adopting and releasing: who controls what (upstream: pkg/controller/controller_ref_manager.go).

An object that a selector matches and nobody controls is adopted; one that we control and the selector no longer
matches is released.  Both are patches that carry the object's uid, so that they cannot hit a namesake.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from controlplane.client.base import ApiError, Client, Obj, Objs
from controlplane.client.informer import key_of
from controlplane.controllers.base import controller_of, owner_reference
from controlplane.labels import Selector


class Claimer:
    """Claims objects of one resource for `owner`, which was read from the cache."""

    def __init__(
        self, client: Client, owner: Obj, owner_resource: str, selector: Selector, resource: str, finalizer: str = ""
    ) -> None:
        self.client = client
        self.owner = owner
        self.owner_resource = owner_resource
        self.selector = selector
        self.resource = resource
        self.finalizer = finalizer
        self._may_adopt: ApiError | bool | None = None

    def claim(self, objects: Objs, wanted: Callable[[Obj], bool] = lambda obj: True) -> Objs:
        """Those of `objects` that are ours now.  `wanted` filters those that are still to be adopted.

        Raises the last ApiError, after all objects were tried.
        """
        claimed: Objs = []
        failed: ApiError | None = None
        for obj in objects:
            try:
                if self._claim(obj, wanted):
                    claimed.append(obj)
            except ApiError as error:
                failed = error
        if failed is not None:
            raise failed
        return claimed

    def _claim(self, obj: Obj, wanted: Callable[[Obj], bool]) -> bool:
        meta = self.owner["metadata"]
        ref = controller_of(obj)
        matches = self.selector.matches(obj["metadata"].get("labels"))
        if ref is not None:
            if ref["uid"] != meta["uid"]:
                return False
            if matches:
                return True
            if "deletionTimestamp" not in meta:
                self._release(obj)
            return False
        if "deletionTimestamp" in meta or not matches or not wanted(obj) or "deletionTimestamp" in obj["metadata"]:
            return False
        return self._adopt(obj)

    def _check(self) -> None:
        """Ask the API server itself, once, before the first adoption: are we still there, and not being deleted?"""
        meta = self.owner["metadata"]
        if self._may_adopt is None:
            self._may_adopt = True
            fresh = self.client.get(self.owner_resource, meta["name"], meta.get("namespace"))["metadata"]
            if fresh["uid"] != meta["uid"]:
                self._may_adopt = _gone(
                    f"original {self.owner['kind']} {key_of(self.owner)} is gone: "
                    f"got uid {fresh['uid']}, wanted {meta['uid']}"
                )
            elif "deletionTimestamp" in fresh:
                self._may_adopt = _gone(f"{key_of(self.owner)} has just been deleted at {fresh['deletionTimestamp']}")
        if isinstance(self._may_adopt, ApiError):
            raise self._may_adopt

    def _adopt(self, obj: Obj) -> bool:
        self._check()
        patch: dict[str, Any] = {"ownerReferences": [owner_reference(self.owner)]}
        if self.finalizer:
            patch["finalizers"] = [self.finalizer]
        return self._patch(obj, patch)

    def _release(self, obj: Obj) -> None:
        uid = self.owner["metadata"]["uid"]
        patch: dict[str, Any] = {"ownerReferences": [{"$patch": "delete", "uid": uid}]}
        if self.finalizer:
            patch["$deleteFromPrimitiveList/finalizers"] = [self.finalizer]
        self._patch(obj, patch)

    def _patch(self, obj: Obj, meta_patch: dict[str, Any]) -> bool:
        meta = obj["metadata"]
        try:
            self.client.patch(
                self.resource,
                meta["name"],
                {"metadata": {"uid": meta["uid"], **meta_patch}},
                meta["namespace"],
                type="strategic",
            )
        except ApiError as error:
            if error.not_found or error.reason == "Invalid":  # it is gone, or another one has its name by now
                return False
            raise
        return True


def _gone(message: str) -> ApiError:
    return ApiError({"kind": "Status", "code": 409, "reason": "Conflict", "message": message})
