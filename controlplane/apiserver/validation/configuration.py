"""ConfigMaps, Secrets and ServiceAccounts (kubernetes: pkg/apis/core/validation)."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError
from controlplane.apiserver.validation import meta, text

Obj = dict[str, Any]
Errors = list[FieldError]

MAX_SIZE = 1024 * 1024
_FIXED = "field is immutable when `immutable` is set"
_ACCOUNT = "kubernetes.io/service-account.name"
_REDACTED = "<secret contents redacted>"


def _size(value: str) -> int:
    return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))


def _decoded_size(value: str) -> int:
    return len(value) * 3 // 4 - value.count("=", -2)


def config_map(obj: Obj) -> Errors:
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    errors: Errors = []
    size = 0
    for key, value in data.items():
        if wrong := text.config_map_key(key):
            errors += [fields.invalid(f"data[{key}]", key, m) for m in wrong]
        if key in binary:
            errors.append(fields.invalid(f"data[{key}]", key, "duplicate of key present in binaryData"))
        size += _size(value)
    for key, value in binary.items():
        errors += [fields.invalid(f"binaryData[{key}]", key, m) for m in text.config_map_key(key)]
        size += _decoded_size(value)
    if size > MAX_SIZE:
        errors.append(fields.too_long("[]", MAX_SIZE))
    return errors


def _fixed(new: Obj, old: Obj, keys: tuple[str, ...]) -> Errors:
    if not old.get("immutable"):
        return []
    errors: Errors = [] if new.get("immutable") else [fields.forbidden("immutable", _FIXED)]
    return errors + [fields.forbidden(k, _FIXED) for k in keys if (new.get(k) or {}) != (old.get(k) or {})]


def config_map_update(new: Obj, old: Obj) -> Errors:
    return _fixed(new, old, ("data", "binaryData"))


def secret(obj: Obj) -> Errors:
    data = obj.get("data") or {}
    errors: Errors = []
    for key in data:
        errors += [fields.invalid(f"data[{key}]", key, m) for m in text.config_map_key(key)]
    if sum(_decoded_size(v) for v in data.values()) > MAX_SIZE:
        errors.append(fields.too_long("data", MAX_SIZE))
    kind = obj.get("type", "")
    if kind == "kubernetes.io/service-account-token":
        if not (obj["metadata"].get("annotations") or {}).get(_ACCOUNT):
            errors.append(fields.required(f"metadata.annotations[{_ACCOUNT}]"))
    elif kind == "kubernetes.io/dockercfg":
        errors += _json(data, ".dockercfg")
    elif kind == "kubernetes.io/dockerconfigjson":
        errors += _json(data, ".dockerconfigjson")
    elif kind == "kubernetes.io/basic-auth":
        if "username" not in data and "password" not in data:
            errors += [fields.required("data[username]"), fields.required("data[password]")]
    elif kind == "kubernetes.io/ssh-auth":
        if not data.get("ssh-privatekey"):
            errors.append(fields.required("data[ssh-privatekey]"))
    elif kind == "kubernetes.io/tls":
        errors += [fields.required(f"data[{k}]") for k in ("tls.crt", "tls.key") if k not in data]
    return errors


def _json(data: Obj, key: str) -> Errors:
    """*Note*: Go says where the JSON breaks; here only that it does."""
    if key not in data:
        return [fields.required(f"data[{key}]")]
    try:
        plain = base64.b64decode(data[key])
        if isinstance(json.loads(plain), dict):
            return []
        why = "json: cannot unmarshal value into Go value of type map[string]interface {}"
    except (ValueError, binascii.Error):
        why = "unexpected end of JSON input"
    return [fields.invalid(f"data[{key}]", _REDACTED, why)]


def secret_update(new: Obj, old: Obj) -> Errors:
    return meta.immutable(new.get("type", ""), old.get("type", ""), "type") + _fixed(new, old, ("data",))
