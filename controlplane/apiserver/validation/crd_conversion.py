"""How a definition converts between its versions (apiextensions-apiserver: apis/apiextensions/validation).

*Note*: a CA bundle is not looked at.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from controlplane.apiserver import fields
from controlplane.apiserver.fields import FieldError
from controlplane.apiserver.validation import text

Obj = dict[str, Any]
Errors = list[FieldError]


def one_of(value: str, accepted: tuple[str, ...], path: str) -> Errors:
    if value in accepted:
        return []
    return [fields.not_supported(path, value, accepted) if value else fields.required(path)]


def conversion_errors(conversion: Obj | None) -> Errors:
    if conversion is None:
        return []
    strategy, at = conversion.get("strategy", ""), "spec.conversion"
    errors = one_of(strategy, ("None", "Webhook"), f"{at}.strategy")
    webhook = conversion.get("webhook") or {}
    client, reviews = webhook.get("clientConfig"), webhook.get("conversionReviewVersions") or []
    if strategy != "Webhook":
        told = "should not be set when strategy is not set to Webhook"
        if client is not None:
            errors.append(fields.forbidden(f"{at}.webhookClientConfig", told))
        if reviews:
            errors.append(fields.forbidden(f"{at}.conversionReviewVersions", told))
        return errors
    if client is None:
        errors.append(fields.required(f"{at}.webhookClientConfig", "required when strategy is set to Webhook"))
    else:
        errors += _client(client, f"{at}.webhookClientConfig")
    return errors + _reviews(reviews, f"{at}.conversionReviewVersions")


def _client(client: Obj, path: str) -> Errors:
    url, service = client.get("url"), client.get("service")
    if (url is None) == (service is None):
        return [fields.required(path, "exactly one of url or service is required")]
    if url is not None:
        return _url(url, f"{path}.url")
    assert service is not None
    errors: Errors = []
    if not service.get("namespace"):  # upstream mixes the two up
        errors.append(fields.required(f"{path}.service.name"))
    if not service.get("name"):
        errors.append(fields.required(f"{path}.service.namespace"))
    if not 1 <= (port := service.get("port", 443)) <= 65535:
        told = "port is not valid: must be between 1 and 65535, inclusive"
        errors.append(fields.invalid(f"{path}.service.port", port, told))
    return errors


def _url(url: str, path: str) -> Errors:
    form = "; desired format: https://host[/path]"
    try:
        parts = urlsplit(url)
    except ValueError as error:
        return [fields.required(path, f"url must be a valid URL: {error}{form}")]
    errors: Errors = []
    if parts.scheme != "https":
        errors.append(fields.invalid(path, parts.scheme, "'https' is the only allowed URL scheme" + form))
    user, _, host = parts.netloc.rpartition("@")
    if not host:
        errors.append(fields.invalid(path, "", "host must be specified" + form))
    if user:
        errors.append(fields.invalid(path, user, "user information is not permitted in the URL"))
    if parts.fragment:
        errors.append(fields.invalid(path, parts.fragment, "fragments are not permitted in the URL"))
    if parts.query:
        errors.append(fields.invalid(path, parts.query, "query parameters are not permitted in the URL"))
    return errors


def _reviews(versions: list[str], path: str) -> Errors:
    if not versions:
        return [fields.required(path)]
    errors: Errors = []
    for i, version in enumerate(versions):
        if version in versions[:i]:
            errors.append(fields.invalid(f"{path}[{i}]", version, "duplicate version"))
            continue
        errors += [fields.invalid(f"{path}[{i}]", version, m) for m in text.dns1035_label(version)]
    if not {"v1", "v1beta1"} & set(versions):
        errors.append(fields.invalid(path, versions, "must include at least one of v1, v1beta1"))
    return errors
