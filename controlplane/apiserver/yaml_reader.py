"""YAML as sigs.k8s.io/yaml reads it: every document is one that JSON could have said.

Imported only when somebody sends YAML.
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from controlplane.apiserver.codec import DuplicateDict

_TAG = "tag:yaml.org,2002:"


class JsonLoader(yaml.SafeLoader):
    """Scalars by YAML 1.2's core rules where Go's reader differs from PyYAML: dates stay text, keys become text."""


JsonLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in (f"{_TAG}timestamp", f"{_TAG}value")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
JsonLoader.add_implicit_resolver(
    f"{_TAG}float", re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$"), list("-+.0123456789")
)


def _mapping(loader: JsonLoader, node: yaml.MappingNode) -> dict[str, Any]:
    loader.flatten_mapping(node)
    pairs = [
        (_key(loader.construct_object(key, deep=True)), loader.construct_object(value, deep=True))
        for key, value in node.value
    ]
    found = dict(pairs)
    return found if len(found) == len(pairs) else DuplicateDict(pairs)


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, (int, float)):
        return str(key)
    if key is None:
        return "null"
    raise ValueError(f"unsupported map key of type {type(key).__name__}")


def _float(loader: JsonLoader, node: yaml.ScalarNode) -> float | str:
    value = float(loader.construct_yaml_float(node))
    if math.isinf(value) or math.isnan(value):
        raise ValueError(f"unsupported value: {node.value}")
    return value


def _binary(loader: JsonLoader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


JsonLoader.add_constructor(f"{_TAG}map", _mapping)
JsonLoader.add_constructor(f"{_TAG}float", _float)
JsonLoader.add_constructor(f"{_TAG}binary", _binary)


# What PyYAML says of a text, and what go-yaml says of it: both descend from libyaml, but not in every word.
_WORDS = (
    ("expected the node content", "did not find expected node content"),
    ("expected ',' or ']'", "did not find expected ',' or ']'"),
    ("expected ',' or '}'", "did not find expected ',' or '}'"),
    ("expected '<document start>'", "did not find expected <document start>"),
    ("mapping values are not allowed", "mapping values are not allowed in this context"),
    ("sequence entries are not allowed", "block sequence entries are not allowed in this context"),
    ("that cannot start any token", "found character that cannot start any token"),
    ("special characters are not allowed", "control characters are not allowed"),
)


def go_message(problem: Exception) -> str:
    """Why a text is no YAML, as go-yaml says it."""
    said = getattr(problem, "problem", None) or str(problem)
    if alias := re.match(r"found undefined alias '(.*)'", said):
        return f"unknown anchor '{alias[1]}' referenced"
    words = next((ours for theirs, ours in _WORDS if theirs in said), said.partition("\n")[0])
    if said.startswith("expected <block end>"):
        mapping = "mapping" in (getattr(problem, "context", None) or "")
        words = "did not find expected key" if mapping else "did not find expected '-' indicator"
    marks = (getattr(problem, "context_mark", None), getattr(problem, "problem_mark", None))
    line = next((mark.line for mark in marks if mark is not None and mark.line), 0)
    if line and isinstance(problem, yaml.scanner.ScannerError):
        line += 1
    return f"line {line}: {words}" if line else words
