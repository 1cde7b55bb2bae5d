"""Paths in volumes (kubernetes: pkg/apis/core/validation)."""

from __future__ import annotations

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError

Errors = list[FieldError]

MODE = "must be a number between 0 and 0777 (octal), both inclusive"


def no_backsteps(value: str, path: str) -> Errors:
    return [fields.invalid(path, value, "must not contain '..'")] if ".." in value.split("/") else []


def local_path(value: str, path: str, *, reserved: bool = False) -> Errors:
    """A path below a volume; one that is not `reserved` for the system does not begin with `..` either."""
    errors = [fields.invalid(path, value, "must be a relative path")] if value.startswith("/") else []
    errors += no_backsteps(value, path)
    if reserved and value.startswith("..") and not value.startswith("../"):
        errors.append(fields.invalid(path, value, "must not start with '..'"))
    return errors


def mode(value: int | None, path: str) -> Errors:
    return [fields.invalid(path, value, MODE)] if value is not None and not 0 <= value <= 0o777 else []
