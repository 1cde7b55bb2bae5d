"""Lab 02 at work: an API server that selects, validates and merges by a learner's functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from controlplane.apiserver.admission import AdmissionPlugin, Attributes
from controlplane.apiserver.api import Request, Response
from controlplane.apiserver.errors import invalid
from controlplane.apiserver.fields import FieldError
from controlplane.apiserver.patching import STRATEGIC
from controlplane.apiserver.server import ApiServer
from controlplane.client.base import Obj
from controlplane.labels import Requirement, parse_selector

Selects = Callable[[Obj | None, Mapping[str, str] | None], bool]
Problems = Callable[[Obj], Sequence[tuple[str, str]]]
Merge = Callable[[Obj, Obj, Mapping[str, str]], Obj]

_OPERATORS = {"=": "In", "==": "In", "in": "In", "!=": "NotIn", "notin": "NotIn", "exists": "Exists"}
_REASONS = {
    "Required value": "FieldValueRequired",
    "Invalid value": "FieldValueInvalid",
    "Duplicate value": "FieldValueDuplicate",
    "Unsupported value": "FieldValueNotSupported",
}


def select_by(server: ApiServer, selects: Selects) -> None:
    """From now on the learner's `selects` decides what a list with a labelSelector holds."""
    handle = server.handle

    def selected(request: Request) -> Response:
        text = request.query.get("labelSelector", "")
        if not text or "watch" in request.query:
            return handle(request)
        rest = {name: value for name, value in request.query.items() if name != "labelSelector"}
        response = handle(replace(request, query=rest))
        if response.listing is None:
            return response
        selector = {"matchExpressions": [_expression(one) for one in parse_selector(text).requirements]}
        found = [e for e in response.listing.entries if selects(selector, e.obj["metadata"].get("labels"))]
        return replace(response, listing=replace(response.listing, entries=found))

    server.handle = selected  # type: ignore[method-assign]  # as the notebook does


def _expression(one: Requirement) -> Obj:
    """A requirement of a selector's text, as an object has it."""
    operator = _OPERATORS.get(one.op, "DoesNotExist")
    return {"key": one.key, "operator": operator, **({"values": list(one.values)} if one.values else {})}


def refusing(group: str, plural: str, problems: Problems) -> type[AdmissionPlugin]:
    """A plugin that refuses the objects of a resource that have problems, and tells all of them."""

    class Refusing(AdmissionPlugin):
        name = f"{plural.capitalize()}Validation"
        resources = frozenset({(group, plural)})

        def validate(self, attributes: Attributes) -> None:
            found = [FieldError(_REASONS[what], path, what) for path, what in problems(attributes.obj or {})]
            if found:
                raise invalid(group, attributes.info.kind, attributes.name, found)

    return Refusing


def merge_by(server: ApiServer, merge: Merge, keys: Mapping[str, str]) -> None:
    """From now on a strategic merge patch is what the learner's `merge` makes of the object, sent as an update."""
    handle = server.handle

    def merged(request: Request) -> Response:
        if request.method != "PATCH" or request.headers.get("content-type") != STRATEGIC:
            return handle(request)
        found = handle(replace(request, method="GET", headers={}, body=None))
        if found.entry is None:
            return found
        return handle(replace(request, method="PUT", headers={}, body=merge(found.entry.copy(), request.body, keys)))

    server.handle = merged  # type: ignore[method-assign]  # as the notebook does
