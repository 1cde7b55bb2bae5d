"""IP addresses, networks and ports (apimachinery: pkg/util/validation/ip.go; kubernetes: pkg/apis/core/validation)."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import Any

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError, go_quote
from controlplane.apiserver.validation import text

Errors = list[FieldError]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

PROTOCOLS = ("SCTP", "TCP", "UDP")
LOOPBACK = "may not be in the loopback range (127.0.0.0/8, ::1/128)"
_octets = re.compile(r"\d+(\.\d+){3}", re.ASCII).fullmatch


@lru_cache(maxsize=1024)
def parse(value: str) -> Address | None:
    """An address as upstream's sloppy parser takes it: zeros in front of an octet are passed over."""
    try:
        return ipaddress.IPv6Address(value) if ":" in value and "%" not in value else _four(value)
    except ValueError:
        return None


def _four(value: str) -> ipaddress.IPv4Address:
    if not _octets(value):
        raise ValueError(value)
    return ipaddress.IPv4Address(".".join(str(int(part)) for part in value.split(".")))


def _mapped(ip: Address) -> ipaddress.IPv4Address | None:
    return ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None


def canonical(ip: Address) -> str:
    return str(_mapped(ip) or ip)


def is_v6(value: str) -> bool:
    ip = parse(value)
    return ip is not None and ip.version == 6 and _mapped(ip) is None


def _leading_zeros(value: str) -> bool:
    return any(len(part) > 1 and part[0] == "0" for part in value.split(".")) if ":" not in value else False


def legacy_ip(path: str, value: str, old: tuple[str, ...] = ()) -> Errors:
    """The fields that took sloppy addresses once; what was stored before may stay."""
    if value in old:
        return []
    ip = parse(value)
    if ip is None:
        return [fields.invalid(path, value, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")]
    if _leading_zeros(value):
        return [fields.invalid(path, value, "must not have leading 0s")]
    if _mapped(ip):
        return [fields.invalid(path, value, "must not be an IPv4-mapped IPv6 address")]
    return []


def valid_ip(path: str, value: str) -> Errors:
    errors = legacy_ip(path, value)
    if not errors and (ip := parse(value)) is not None and value != str(ip):
        errors.append(fields.invalid(path, value, f"must be in canonical form ({go_quote(str(ip))})"))
    return errors


def parse_cidr(value: str) -> tuple[Address, int] | None:
    address, slash, size = value.partition("/")
    ip = parse(address)
    if ip is None or not slash or not size.isdecimal() or not size.isascii() or int(size) > ip.max_prefixlen:
        return None
    return ip, int(size)


def legacy_cidr(path: str, value: str, old: tuple[str, ...] = ()) -> Errors:
    if value in old:
        return []
    parsed = parse_cidr(value)
    if parsed is None:
        return [fields.invalid(path, value, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")]
    ip, size = parsed
    address, _, length = value.partition("/")
    if _leading_zeros(address) or length != str(size):
        return [fields.invalid(path, value, "must not have leading 0s in IP or prefix length")]
    if _mapped(ip):
        return [fields.invalid(path, value, "must not have an IPv4-mapped IPv6 address")]
    if int(ip) & ((1 << (ip.max_prefixlen - size)) - 1):
        return [fields.invalid(path, value, "must not have bits set beyond the prefix length")]
    return []


def valid_cidr(path: str, value: str) -> Errors:
    errors = legacy_cidr(path, value)
    if not errors and (parsed := parse_cidr(value)) is not None and value != (good := f"{parsed[0]}/{parsed[1]}"):
        errors.append(fields.invalid(path, value, f"must be in canonical form ({go_quote(good)})"))
    return errors


def non_special(value: str, path: str) -> Errors:
    """Addresses that endpoints and external IPs may not be."""
    ip = parse(value)
    if ip is None:
        return [fields.invalid(path, value, "must be a valid IP address")]
    ip = _mapped(ip) or ip
    errors: Errors = []
    if ip.is_unspecified:
        errors.append(fields.invalid(path, value, f"may not be unspecified ({value})"))
    if ip.is_loopback:
        errors.append(fields.invalid(path, value, LOOPBACK))
    if ip.is_link_local:
        errors.append(fields.invalid(path, value, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"))
    four = isinstance(ip, ipaddress.IPv4Address)
    if (four and ip.packed[:3] == b"\xe0\x00\x00") or (not four and ip.packed[0] == 0xFF and ip.packed[1] & 0xF == 2):
        errors.append(
            fields.invalid(path, value, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")
        )
    return errors


def dual_stack(values: list[str]) -> bool:
    """Whether there is one of each family, and nothing that is no address."""
    families = {ip.version for v in values if (ip := parse(v)) is not None}
    return len(families) == 2


def port_or_name(port: Any, path: str) -> Errors:
    if isinstance(port, str):
        return [fields.invalid(path, port, m) for m in text.port_name(port)]
    return [fields.invalid(path, port, m) for m in text.port_number(port)]


def protocol(value: str, path: str) -> Errors:
    if not value:
        return [fields.required(path)]
    return [] if value in PROTOCOLS else [fields.not_supported(path, value, PROTOCOLS)]
