"""YAML as sigs.k8s.io/yaml reads it: every document is one that JSON could have said.

Imported only when somebody sends YAML.
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

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
    value = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        value[_key(key)] = loader.construct_object(value_node, deep=True)
    return value


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
