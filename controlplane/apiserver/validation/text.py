"""What names, labels and other short texts may look like (apimachinery: pkg/util/validation, pkg/api/validate/content).

Every check gives a list of what is wrong, empty when nothing is.  The results are remembered: the same names come again
and again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

Check = Callable[[str], list[str]]
NameCheck = Callable[[str, bool], list[str]]

_DNS_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DNS_SUBDOMAIN = _DNS_LABEL + r"(\." + _DNS_LABEL + ")*"
_DNS_LABEL_UNDERSCORE = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_DNS_SUBDOMAIN_UNDERSCORE = _DNS_LABEL_UNDERSCORE + r"(\." + _DNS_LABEL_UNDERSCORE + ")*"
_DNS1035 = "[a-z]([-a-z0-9]*[a-z0-9])?"
_WILDCARD = r"\*\." + _DNS_SUBDOMAIN
_KEY = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = "(" + _KEY + ")?"
_C_IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]*"
_PERCENT = "[0-9]+%"
_HEADER = "[-A-Za-z0-9]+"
_CONFIG_KEY = r"[-._a-zA-Z0-9]+"
_REASON = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?"
_HTTP_PATH = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"

_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start "
    "and end with an alphanumeric character"
)
_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and "
    "must start and end with an alphanumeric character"
)
_UNDERSCORE_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or "
    "'.', and must start and end with an alphanumeric character"
)
_1035_TEXT = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
    "character, and end with an alphanumeric character"
)
_WILDCARD_TEXT = (
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must "
    "consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character"
)
_KEY_TEXT = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
)
_VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and "
    "must start and end with an alphanumeric character"
)
_MAX_BYTES = "must be no more than {} bytes"
_REASON_TEXT = (
    "a condition reason must start with alphabetic character, optionally followed by a string of "
    "alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'"
)
_ENV_TEXT = "a valid environment variable name must consist only of printable ASCII characters other than '='"


def _matcher(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern, re.ASCII).fullmatch


_dns_label, _dns_subdomain, _dns1035 = _matcher(_DNS_LABEL), _matcher(_DNS_SUBDOMAIN), _matcher(_DNS1035)
_dns_underscore, _wildcard = _matcher(_DNS_SUBDOMAIN_UNDERSCORE), _matcher(_WILDCARD)
_key, _value, _c_identifier, _percent = _matcher(_KEY), _matcher(_VALUE), _matcher(_C_IDENTIFIER), _matcher(_PERCENT)
_header, _config_key, _reason, _http_path = (
    _matcher(_HEADER),
    _matcher(_CONFIG_KEY),
    _matcher(_REASON),
    _matcher(_HTTP_PATH),
)
_port_name = _matcher("[-a-z0-9]+")
_any_letter = re.compile("[a-z]").search


def regex_error(message: str, pattern: str, *examples: str) -> str:
    if not examples:
        return f"{message} (regex used for validation is '{pattern}')"
    shown = " or ".join(f"'{e}', " for e in examples)
    return f"{message} (e.g. {shown}regex used for validation is '{pattern}')"


def max_length_error(length: int) -> str:
    return f"must be no more than {length} characters"


def range_error(low: int, high: int) -> str:
    return f"must be between {low} and {high}, inclusive"


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


@lru_cache(4096)
def dns1123_label(value: str) -> list[str]:
    errors = [max_length_error(63)] if _size(value) > 63 else []
    if not _dns_label(value):
        if _dns_subdomain(value):
            errors.append("must not contain dots")
        else:
            errors.append(regex_error(_LABEL_TEXT, _DNS_LABEL, "my-name", "123-abc"))
    return errors


@lru_cache(16384)
def dns1123_subdomain(value: str) -> list[str]:
    errors = [max_length_error(253)] if _size(value) > 253 else []
    if not _dns_subdomain(value):
        errors.append(regex_error(_SUBDOMAIN_TEXT, _DNS_SUBDOMAIN, "example.com"))
    return errors


def dns1123_subdomain_underscore(value: str) -> list[str]:
    errors = [max_length_error(253)] if _size(value) > 253 else []
    if not _dns_underscore(value):
        errors.append(regex_error(_UNDERSCORE_TEXT, _DNS_SUBDOMAIN_UNDERSCORE, "example.com"))
    return errors


@lru_cache(4096)
def dns1035_label(value: str) -> list[str]:
    errors = [max_length_error(63)] if _size(value) > 63 else []
    if not _dns1035(value):
        errors.append(regex_error(_1035_TEXT, _DNS1035, "my-name", "abc-123"))
    return errors


def wildcard_subdomain(value: str) -> list[str]:
    errors = [max_length_error(253)] if _size(value) > 253 else []
    if not _wildcard(value):
        errors.append(regex_error(_WILDCARD_TEXT, _WILDCARD, "*.example.com"))
    return errors


@lru_cache(4096)
def qualified_name(value: str) -> list[str]:
    """The key of a label: an optional DNS subdomain and `/`, then a name."""
    parts = value.split("/")
    if len(parts) > 2:
        return [
            "a valid label key "
            + regex_error(_KEY_TEXT, _KEY, "MyName", "my.name", "123-abc")
            + " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        ]
    errors: list[str] = []
    name = parts[-1]
    if len(parts) == 2:
        if not parts[0]:
            errors.append("prefix part must be non-empty")
        else:
            errors += ["prefix part " + _MAX_BYTES.format(253)] if _size(parts[0]) > 253 else []
            if not _dns_subdomain(parts[0]):
                errors.append("prefix part " + regex_error(_SUBDOMAIN_TEXT, _DNS_SUBDOMAIN, "example.com"))
    if not name:
        errors.append("name part must be non-empty")
    elif _size(name) > 63:
        errors.append("name part " + _MAX_BYTES.format(63))
    if not _key(name):
        errors.append("name part " + regex_error(_KEY_TEXT, _KEY, "MyName", "my.name", "123-abc"))
    return errors


@lru_cache(16384)
def label_value(value: str) -> list[str]:
    errors = [_MAX_BYTES.format(63)] if _size(value) > 63 else []
    if not _value(value):
        errors.append(regex_error(_VALUE_TEXT, _VALUE, "MyValue", "my_value", "12345"))
    return errors


def c_identifier(value: str) -> list[str]:
    if _c_identifier(value):
        return []
    return [
        regex_error(
            "a valid C identifier must start with alphabetic character or '_', followed by a string of "
            "alphanumeric characters or '_'",
            _C_IDENTIFIER,
            "my_name",
            "MY_NAME",
            "MyName",
        )
    ]


@lru_cache(1024)
def port_name(value: str) -> list[str]:
    errors = [max_length_error(15)] if _size(value) > 15 else []
    if not _port_name(value):
        errors.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not _any_letter(value):
        errors.append("must contain at least one letter (a-z)")
    if "--" in value:
        errors.append("must not contain consecutive hyphens")
    if value.startswith("-") or value.endswith("-"):
        errors.append("must not begin or end with a hyphen")
    return errors


def percent(value: str) -> list[str]:
    if _percent(value):
        return []
    return [
        regex_error("a valid percent string must be a numeric string followed by an ending '%'", _PERCENT, "1%", "93%")
    ]


def http_header_name(value: str) -> list[str]:
    if _header(value):
        return []
    return [regex_error("a valid HTTP header must consist of alphanumeric characters or '-'", _HEADER, "X-Header-Name")]


@lru_cache(4096)
def env_var_name(value: str) -> list[str]:
    """Upstream's relaxed rule, the default since 1.34."""
    if not value:
        return ["environment variable name must be non-empty"]
    if value.isascii() and value.isprintable() and "=" not in value:
        return []
    return [_ENV_TEXT]


@lru_cache(4096)
def config_map_key(value: str) -> list[str]:
    errors = [max_length_error(253)] if _size(value) > 253 else []
    if not _config_key(value):
        errors.append(
            regex_error(
                "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
                _CONFIG_KEY,
                "key.name",
                "KEY_NAME",
                "key-name",
            )
        )
    if value in (".", ".."):
        errors.append(f"must not be '{value}'")
    elif value.startswith(".."):
        errors.append("must not start with '..'")
    return errors


def condition_reason(value: str) -> list[str]:
    if _reason(value):
        return []
    return [regex_error(_REASON_TEXT, _REASON, "my_name", "MY_NAME", "MyName", "ReasonA,ReasonB", "ReasonA:ReasonB")]


def http_path(value: str) -> list[str]:
    return [] if _http_path(value) else [regex_error("Invalid path", _HTTP_PATH)]


def path_segment(value: str) -> list[str]:
    """What can be one part of a URL path (apimachinery: pkg/api/validation/path)."""
    if value in (".", ".."):
        return [f"may not be '{value}'"]
    return path_segment_prefix(value)


def path_segment_prefix(value: str) -> list[str]:
    return [f"may not contain '{c}'" for c in "/%" if c in value]


def port_number(port: int) -> list[str]:
    return [] if 1 <= port <= 65535 else [range_error(1, 65535)]


def _mask_trailing_dash(name: str) -> str:
    return name[:-2] + "a" if len(name) > 1 and name.endswith("-") else name


def _named(check: Check) -> NameCheck:
    def name_check(name: str, prefix: bool) -> list[str]:
        return check(_mask_trailing_dash(name) if prefix else name)

    return name_check


name_is_subdomain = _named(dns1123_subdomain)
name_is_label = _named(dns1123_label)
name_is_1035_label = _named(dns1035_label)


def name_is_path_segment(name: str, prefix: bool) -> list[str]:
    return path_segment_prefix(name) if prefix else path_segment(name)
