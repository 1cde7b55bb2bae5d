"""The formats of text that a structural schema can ask for (kube-openapi: pkg/validation/strfmt)."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable
from datetime import date
from urllib.parse import urlsplit

_UUID = re.compile(r"(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
_HOST = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*\.?")
_EMAIL = re.compile(r"[^@\s<>()\[\],;:\\\"]+@[^@\s<>()\[\],;:\\\"]+")
_MAC = re.compile(r"(?i)[0-9a-f]{2}([:-][0-9a-f]{2}){5,7}|[0-9a-f]{4}(\.[0-9a-f]{4}){2,3}")
_DURATION = re.compile(r"[-+]?(0|((\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h))+)|\d+\s*(ns|us|µs|ms|s|m|h|d|w)[a-z]*")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)
_SHORT_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_LONG_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def _try(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            parse(text)
        except (ValueError, binascii.Error):
            return False
        return True

    return check


def _full(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.fullmatch(text) is not None


def _is_date_time(text: str) -> bool:
    return _DATE_TIME.fullmatch(text) is not None and _try(date.fromisoformat)(text[:10])


def _is_cidr(text: str) -> bool:
    return "/" in text and _try(lambda t: ipaddress.ip_interface(t))(text)


def _is_uri(text: str) -> bool:
    try:
        return (text.startswith("/") or bool(urlsplit(text).scheme)) and " " not in text
    except ValueError:
        return False


# Without the hyphens of their names, as upstream looks them up.
FORMATS: dict[str, Callable[[str], bool]] = {
    "byte": _try(lambda text: base64.b64decode(text, validate=True)),
    "cidr": _is_cidr,
    "date": lambda text: len(text) == 10 and _try(date.fromisoformat)(text),
    "datetime": _is_date_time,
    "duration": _full(_DURATION),
    "email": _full(_EMAIL),
    "hostname": _full(_HOST),
    "ipv4": _try(ipaddress.IPv4Address),
    "ipv6": _try(ipaddress.IPv6Address),
    "mac": _full(_MAC),
    "uri": _is_uri,
    "uuid": _full(_UUID),
    "k8s-short-name": _full(_SHORT_NAME),
    "k8s-long-name": lambda text: len(text) <= 253 and _LONG_NAME.fullmatch(text) is not None,
}
