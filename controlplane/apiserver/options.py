"""What the query string says about a request (apimachinery: pkg/apis/meta/v1/validation, conversion/queryparams)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controlplane.apiserver import errors, fields
from controlplane.apiserver.fields import FieldError

Obj = dict[str, Any]

MANAGER_MAX_LENGTH = 128
DIRECTIVES = ("", "Ignore", "Strict", "Warn")
POLICIES = ("Foreground", "Background", "Orphan")


def parse_bool(text: str) -> bool:
    """A query parameter that is there means true, unless it says false or 0."""
    return text.lower() not in ("", "false", "0")


def parse_int(text: str) -> int:
    """A 64-bit integer; 400 with Go's words otherwise."""
    digits = text[1:] if text[:1] in "+-" and text else text
    if not (digits.isascii() and digits.isdigit()):
        raise errors.bad_request(f"strconv.ParseInt: parsing {fields.go_quote(text)}: invalid syntax")
    value = int(text)
    if not -(2**63) <= value < 2**63:
        raise errors.bad_request(f"strconv.ParseInt: parsing {fields.go_quote(text)}: value out of range")
    return value


def parse_version(text: str) -> int:
    """A resourceVersion as a number, 0 for none; clients hand back what they got, anything else is a 400."""
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()) or int(text) >= 2**64:
        why = "value out of range" if text.isdigit() else "invalid syntax"
        problem = fields.invalid("resourceVersion", text, f"strconv.ParseUint: parsing {fields.go_quote(text)}: {why}")
        raise errors.bad_request(f"invalid resource version: {problem}")
    return int(text)


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """CreateOptions, UpdateOptions and PatchOptions: `validation` is "Ignore", "Warn" or "Strict"."""

    dry_run: bool = False
    manager: str = ""
    validation: str = "Warn"
    force: bool = False


DEFAULT_WRITE = WriteOptions()


def write_options(
    kind: str, query: Mapping[str, str], lists: Mapping[str, list[str]], *, apply: bool = False
) -> WriteOptions:
    """The options of a POST, PUT or PATCH; 422 if one of them is wrong.  `kind` is "CreateOptions" and so on."""
    if not query and not apply:
        return DEFAULT_WRITE
    problems: list[FieldError] = []
    manager, directive = query.get("fieldManager", ""), query.get("fieldValidation", "")
    if apply and not manager:
        problems.append(fields.required("fieldManager", "is required for apply patch"))
    if kind == "PatchOptions" and not apply and "force" in query:
        problems.append(fields.forbidden("force", "may not be specified for non-apply patch"))
    if len(manager.encode()) > MANAGER_MAX_LENGTH:
        problems.append(fields.too_long("fieldManager", MANAGER_MAX_LENGTH))
    for i, char in enumerate(manager):
        if not char.isprintable():
            problems.append(
                fields.invalid("fieldManager", manager, f"invalid character U+{ord(char):04X} (at position {i})")
            )
    dry = _dry_run(query, lists)
    problems += validate_dry_run(dry)
    if directive not in DIRECTIVES:
        problems.append(fields.not_supported("fieldValidation", directive, DIRECTIVES))
    if problems:
        raise errors.invalid_options(kind, problems)
    return WriteOptions(bool(dry), manager, directive or "Warn", parse_bool(query.get("force", "")))


def _dry_run(query: Mapping[str, str], lists: Mapping[str, list[str]]) -> list[str]:
    return lists.get("dryRun") or ([query["dryRun"]] if "dryRun" in query else [])


def validate_dry_run(values: Sequence[str]) -> list[FieldError]:
    if any(value != "All" for value in values):
        return [fields.not_supported("dryRun", list(values), ["All"])]
    return []


@dataclass(slots=True)
class DeleteOptions:
    """How to delete: `grace` in seconds, `policy` "Foreground", "Background", "Orphan" or "" for the kind's own."""

    grace: int | None = None
    policy: str = ""
    uid: str = ""
    resource_version: str = ""
    dry_run: bool = False
    orphan: bool | None = None  # the old form of `policy`


def delete_options(body: Obj | None, query: Mapping[str, str], lists: Mapping[str, list[str]]) -> DeleteOptions:
    """The options of a DELETE: its body or, without one, its query string."""
    if body is None:
        body = {}
        if "gracePeriodSeconds" in query:
            body["gracePeriodSeconds"] = parse_int(query["gracePeriodSeconds"])
        if "propagationPolicy" in query:
            body["propagationPolicy"] = query["propagationPolicy"]
        if "orphanDependents" in query:
            body["orphanDependents"] = parse_bool(query["orphanDependents"])
        if dry := _dry_run(query, lists):
            body["dryRun"] = dry
    policy, orphan, dry = body.get("propagationPolicy"), body.get("orphanDependents"), body.get("dryRun") or []
    problems: list[FieldError] = []
    if orphan is not None and policy is not None:
        problems.append(
            fields.invalid("propagationPolicy", policy, "orphanDependents and deletionPropagation cannot be both set")
        )
    if policy is not None and policy not in POLICIES:
        problems.append(fields.not_supported("propagationPolicy", policy, [*POLICIES, "nil"]))
    problems += validate_dry_run(dry)
    if problems:
        raise errors.invalid_options("DeleteOptions", problems)
    conditions = body.get("preconditions") or {}
    return DeleteOptions(
        body.get("gracePeriodSeconds"),
        policy or "",
        conditions.get("uid") or "",
        conditions.get("resourceVersion") or "",
        bool(dry),
        orphan,
    )


@dataclass(slots=True)
class ListOptions:
    """How to list or watch: `resource_version` as text, since "" and "0" mean different things."""

    label_selector: str = ""
    field_selector: str = ""
    resource_version: str = ""
    match: str = ""
    limit: int = 0
    continue_: str = ""
    watch: bool = False
    bookmarks: bool = False
    timeout: int | None = None
    send_initial: bool | None = None


def list_options(query: Mapping[str, str]) -> ListOptions:
    """The options of a GET of a collection, or of a DELETE of one."""
    if not query:
        return ListOptions()
    get = query.get
    options = ListOptions(
        label_selector=get("labelSelector", ""),
        field_selector=get("fieldSelector", ""),
        resource_version=get("resourceVersion", ""),
        match=get("resourceVersionMatch", ""),
        limit=parse_int(query["limit"]) if get("limit") else 0,
        continue_=get("continue", ""),
        watch=parse_bool(get("watch", "")),
        bookmarks=parse_bool(get("allowWatchBookmarks", "")),
        timeout=parse_int(query["timeoutSeconds"]) if get("timeoutSeconds") else None,
        send_initial=parse_bool(query["sendInitialEvents"]) if "sendInitialEvents" in query else None,
    )
    problems = list(_watch_problems(options) if options.watch else _list_problems(options))
    if problems:
        raise errors.invalid_options("ListOptions", problems)
    return options


def _list_problems(options: ListOptions) -> list[FieldError]:
    problems = []
    if options.match:
        if not options.resource_version:
            problems.append(
                fields.forbidden(
                    "resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided"
                )
            )
        if options.continue_:
            problems.append(
                fields.forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided")
            )
        if options.match not in ("Exact", "NotOlderThan"):
            problems.append(fields.not_supported("resourceVersionMatch", options.match, ["Exact", "NotOlderThan", ""]))
        if options.match == "Exact" and options.resource_version == "0":
            problems.append(
                fields.forbidden(
                    "resourceVersionMatch", 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
                )
            )
    if options.send_initial is not None:
        problems.append(fields.forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    return problems


def _watch_problems(options: ListOptions) -> list[FieldError]:
    problems = []
    if options.send_initial is not None and options.match != "NotOlderThan":
        problems.append(
            fields.forbidden(
                "resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
            )
        )
    if options.match:
        if options.send_initial is None:
            problems.append(
                fields.forbidden(
                    "resourceVersionMatch",
                    "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
                )
            )
        if options.match != "NotOlderThan":
            problems.append(fields.not_supported("resourceVersionMatch", options.match, ["NotOlderThan"]))
        if options.continue_:
            problems.append(
                fields.forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided")
            )
    return problems
