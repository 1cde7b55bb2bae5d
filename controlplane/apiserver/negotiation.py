"""Which form of an answer a client asks for (apiserver: endpoints/handlers/negotiation, handlers/response.go)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from controlplane.apiserver import errors

JSON = "application/json"
YAML = "application/yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"

AVAILABLE = (JSON, YAML, PROTOBUF, f"{JSON};stream=watch", f"{PROTOBUF};stream=watch")
ACCEPTED_BODIES = (JSON, YAML, PROTOBUF)


class Form(NamedTuple):
    """`media_type` JSON or YAML; `kind` "Table", "PartialObjectMetadata", "PartialObjectMetadataList" or ""."""

    media_type: str
    kind: str = ""
    version: str = ""


PLAIN = Form(JSON)
CONVERSIONS = ("Table", "PartialObjectMetadata", "PartialObjectMetadataList")


@lru_cache(maxsize=1024)
def negotiate(accept: str) -> Form:
    """The first form of an Accept header that this server has; 406 if there is none.

    *Note*: protobuf is understood in requests, but answers are JSON: clients that accept nothing else get a 406.
    """
    for _, media, params in sorted(_clauses(accept), key=lambda c: -c[0]):
        if media in ("*/*", "application/*"):
            media = JSON
        if media == "application/x-yaml":
            media = YAML
        if media not in (JSON, YAML):
            continue
        kind = params.get("as", "")
        if kind:
            if kind not in CONVERSIONS or params.get("g") != "meta.k8s.io" or params.get("v") not in ("v1", "v1beta1"):
                continue
            return Form(media, kind, params["v"])
        if params.get("stream", "watch") == "watch":
            return Form(media)
    raise errors.not_acceptable(AVAILABLE)


def _clauses(accept: str) -> list[tuple[float, str, dict[str, str]]]:
    """(quality, media type, parameters) of each part of the header; no header accepts everything."""
    clauses = []
    for part in (accept or "*/*").split(","):
        media, *rest = (text.strip() for text in part.split(";"))
        params = dict(text.split("=", 1) for text in rest if "=" in text)
        try:
            quality = float(params.pop("q", "1"))
        except ValueError:
            quality = 0.0
        clauses.append((quality, media.lower(), params))
    return clauses


def body_type(content_type: str, accepted: Sequence[str] = ACCEPTED_BODIES) -> str:
    """The media type of a request's body: JSON unless it says otherwise; 415 if it is none that we read."""
    media = content_type.partition(";")[0].strip().lower()
    if not media:
        return JSON
    if media == "application/x-yaml":
        media = YAML
    if media not in accepted:
        raise errors.unsupported_media_type(accepted)
    return media
