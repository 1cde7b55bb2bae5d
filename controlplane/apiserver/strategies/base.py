"""What every kind does before it is stored (apiserver: pkg/registry/rest/{create,update}.go; kubernetes: pkg/registry).

The caller sets name, uid and creationTimestamp before `prepare_for_create`, and the resourceVersion of an update that
does not care before `prepare_for_update`.  Both change the new object in place; old ones are never changed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from controlplane.apiserver.fields import FieldError
from controlplane.apiserver.strategies.context import Context
from controlplane.apiserver.validation import meta
from controlplane.apiserver.validation.semantics import same
from controlplane.apiserver.validation.text import NameCheck, name_is_subdomain

Obj = dict[str, Any]
Errors = list[FieldError]
Validate = Callable[[Obj], Errors]
ValidateUpdate = Callable[[Obj, Obj], Errors]
Warn = Callable[[Obj], list[str]]


class Strategy:
    """One kind's rules.  Kinds that are like most others are made of the arguments alone; the rest have a subclass.

    `status` is what a new object's status is; None for kinds without one.  `generation` names the fields whose change
    makes a new generation.  `validate` and the others see to everything but the metadata; `whole` says that upstream
    looks at a changed object as at a new one too, metadata and all.
    """

    def __init__(
        self,
        kind: str,
        *,
        namespaced: bool = True,
        name: NameCheck = name_is_subdomain,
        status: Obj | None = None,
        generation: tuple[str, ...] = (),
        validate: Validate | None = None,
        update: ValidateUpdate | None = None,
        status_update: ValidateUpdate | None = None,
        create_on_update: bool = False,
        unconditional: bool = True,
        whole: bool = False,
        custom: bool = False,
        warn: Warn | None = None,
    ) -> None:
        self.kind = kind
        self.namespaced = namespaced
        self.name_check = name
        self.status = status
        self.generation = generation
        self.allow_create_on_update = create_on_update
        self.allow_unconditional_update = unconditional
        self.whole = whole
        self.custom = custom
        self._warn = warn
        self._validate = validate
        self._update = update
        self._status_update = status_update

    # What changes in the object.

    def prepare_for_create(self, obj: Obj, ctx: Context) -> None:
        metadata = obj["metadata"]
        for key in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"):
            metadata.pop(key, None)
        if self.status is not None:
            obj["status"] = copy.deepcopy(self.status)
        if self.generation:
            metadata["generation"] = 1

    def prepare_for_update(self, new: Obj, old: Obj, ctx: Context) -> None:
        self._keep_metadata(new, old)
        if self.status is not None:
            self._keep_status(new, old)
        if self.generation and any(
            not same(new.get(k), old.get(k))
            if k != "annotations"
            else not same(new["metadata"].get(k), old["metadata"].get(k))
            for k in self.generation
        ):
            new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1

    def prepare_for_status_update(self, new: Obj, old: Obj, ctx: Context) -> None:
        """The status is new, and the metadata but for what belongs to the system; everything else is as it was."""
        for key in [k for k in new if k not in ("apiVersion", "kind", "metadata", "status")]:
            if key not in old:
                del new[key]
        for key, value in old.items():
            if key not in ("apiVersion", "kind", "metadata", "status"):
                new[key] = value
        if "status" not in new and self.status is not None:
            new["status"] = copy.deepcopy(self.status)
        self._keep_metadata(new, old)

    @staticmethod
    def _keep_metadata(new: Obj, old: Obj) -> None:
        metadata, before = new["metadata"], old["metadata"]
        if not metadata.get("uid") and "uid" in before:
            metadata["uid"] = before["uid"]
        for key in ("creationTimestamp", "generation"):
            if key in before:
                metadata[key] = before[key]
            else:
                metadata.pop(key, None)
        if "deletionTimestamp" in before:
            metadata["deletionTimestamp"] = before["deletionTimestamp"]
        if "deletionGracePeriodSeconds" in before:
            metadata.setdefault("deletionGracePeriodSeconds", before["deletionGracePeriodSeconds"])
        metadata.pop("selfLink", None)

    @staticmethod
    def _keep_status(new: Obj, old: Obj) -> None:
        if "status" in old:
            new["status"] = old["status"]
        else:
            new.pop("status", None)

    # What is wrong with it.

    def validate_create(self, obj: Obj, ctx: Context) -> Errors:
        errors = self._metadata(obj)
        return errors + ctx.tolerate(self._validate(obj)) if self._validate else errors

    def validate_update(self, new: Obj, old: Obj, ctx: Context) -> Errors:
        errors = self._metadata_update(new, old)
        if self._update:
            errors += self._update(new, old)
        if self.whole:
            errors += self._metadata(new)
            if self._validate:
                errors += ctx.tolerate(self._validate(new))
        return errors

    def validate_status_update(self, new: Obj, old: Obj, ctx: Context) -> Errors:
        errors = self._metadata_update(new, old)
        return errors + self._status_update(new, old) if self._status_update else errors

    def _metadata(self, obj: Obj) -> Errors:
        errors = meta.object_meta(obj["metadata"], self.namespaced, self.name_check)
        return errors if self.custom else errors + meta.kube_finalizers(obj["metadata"])

    def _metadata_update(self, new: Obj, old: Obj) -> Errors:
        """Twice, as upstream does: once for all kinds (rest.BeforeUpdate), once by the kind itself."""
        errors = meta.object_meta_update(new["metadata"], old["metadata"])
        errors += errors
        return errors if self.custom else errors + meta.kube_finalizers(new["metadata"])

    # What else the server asks.

    def check_graceful_delete(self, obj: Obj, options: Obj) -> int | None:
        """The seconds that a deletion leaves the object, or None where deletion is at once."""
        return None

    def warnings(self, obj: Obj, old: Obj | None = None) -> list[str]:
        """What a client should hear although nothing is refused; `old` is what the object was before an update."""
        if self._warn is None or (old is not None and not self._warns_again(obj, old)):
            return []
        found = self._warn(obj)
        return found if old is None else [w for w in found if not w.startswith("metadata.name: ")]

    def _warns_again(self, obj: Obj, old: Obj) -> bool:
        return bool(obj["metadata"].get("generation") != old["metadata"].get("generation"))
