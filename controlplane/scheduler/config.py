"""KubeSchedulerConfiguration: profiles as data (upstream: pkg/scheduler/apis/config/v1).

A configuration is a dict in the API's shape, or the YAML of one.  Without one there is a single profile,
"default-scheduler", with upstream's default plugins and weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from controlplane.client.base import Obj
from controlplane.clock import parse_duration
from controlplane.scheduler.framework import POINTS, Plugin, implements
from controlplane.scheduler.handle import Handle
from controlplane.scheduler.pod_info import DEFAULT_SCHEDULER
from controlplane.scheduler.runtime import Framework

API_VERSION, KIND = "kubescheduler.config.k8s.io/v1", "KubeSchedulerConfiguration"

DEFAULT_PLUGINS: tuple[tuple[str, int], ...] = (  # in order, with the weight of those that score
    ("SchedulingGates", 0),
    ("PrioritySort", 0),
    ("NodeUnschedulable", 0),
    ("NodeName", 0),
    ("TaintToleration", 3),
    ("NodeAffinity", 2),
    ("NodePorts", 0),
    ("NodeResourcesFit", 1),
    ("VolumeBinding", 0),
    ("PodTopologySpread", 2),
    ("InterPodAffinity", 2),
    ("DynamicResources", 0),
    ("DefaultPreemption", 0),
    ("NodeResourcesBalancedAllocation", 1),
    ("ImageLocality", 1),
    ("DefaultBinder", 0),
)


# *Note*: the fields of the second line are taken and change nothing here; `extenders` are refused.
FIELDS = (
    *("apiVersion", "kind", "percentageOfNodesToScore", "podInitialBackoffSeconds", "podMaxBackoffSeconds", "profiles"),
    *("parallelism", "leaderElection", "clientConnection", "enableProfiling", "enableContentionProfiling"),
)
PROFILE_FIELDS = ("schedulerName", "percentageOfNodesToScore", "plugins", "pluginConfig")


class ConfigError(ValueError):
    """A configuration that cannot be used; the message names the field."""


class Settings(NamedTuple):
    percentage: int
    initial_backoff: float
    max_backoff: float
    frameworks: dict[str, Framework]


def load(text: str) -> Obj:
    """The configuration in a YAML text."""
    import yaml

    try:
        config = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"the scheduler's configuration is not YAML: {error}") from None
    if not isinstance(config, dict):
        raise ConfigError(f"the scheduler's configuration must be a mapping, not {type(config).__name__}")
    return config


def build(config: Obj | None, handle: Handle, registry: Mapping[str, type[Plugin]]) -> Settings:
    """The profiles of a configuration, with their plugins made."""
    config = config or {}
    _known(config, FIELDS, "the scheduler's configuration")
    if config.get("apiVersion", API_VERSION) != API_VERSION or config.get("kind", KIND) != KIND:
        raise ConfigError(
            f'apiVersion, kind: Invalid value: "{config.get("apiVersion")}, {config.get("kind")}": '
            f'must be "{API_VERSION}" and "{KIND}"'
        )
    percentage = _percentage(config.get("percentageOfNodesToScore"), "percentageOfNodesToScore") or 0
    initial = _seconds(config, "podInitialBackoffSeconds", 1.0)
    most = _seconds(config, "podMaxBackoffSeconds", 10.0)
    if initial <= 0:
        raise ConfigError(f"podInitialBackoffSeconds: Invalid value: {initial:g}: must be greater than 0")
    if most < initial:
        raise ConfigError(
            f"podMaxBackoffSeconds: Invalid value: {most:g}: must be greater than or equal to PodInitialBackoffSeconds"
        )
    frameworks: dict[str, Framework] = {}
    profiles = _list(config.get("profiles"), "profiles") or [{}]
    for i, profile in enumerate(profiles):
        path = f"profiles[{i}]"
        _known(profile, PROFILE_FIELDS, path)
        name = profile.get("schedulerName") or (DEFAULT_SCHEDULER if len(profiles) == 1 else "")
        if not name:
            raise ConfigError(f"{path}.schedulerName: Required value")
        if name in frameworks:
            raise ConfigError(f'{path}.schedulerName: Duplicate value: "{name}"')
        frameworks[name] = _framework(name, profile, path, handle, registry)
    return Settings(percentage, initial, most, frameworks)


def _known(value: Any, fields: Sequence[str], path: str) -> None:
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: must be a mapping, not {type(value).__name__}")
    for field in value:
        if field not in fields:
            raise ConfigError(f'{path}: unknown field "{field}"')


def _list(value: Any, path: str) -> list[Obj]:
    if value is not None and not isinstance(value, list):
        raise ConfigError(f"{path}: must be a list, not {type(value).__name__}")
    return value or []


def _entries(value: Any, fields: Sequence[str], path: str) -> list[Obj]:
    """A list of mappings, each with a name."""
    for i, entry in enumerate(_list(value, path)):
        _known(entry, fields, f"{path}[{i}]")
        if not isinstance(entry.get("name"), str):
            raise ConfigError(f"{path}[{i}].name: Required value")
    return value or []


def _percentage(value: Any, path: str) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or not 0 <= value <= 100:
        raise ConfigError(f"{path}: Invalid value: {value}: not in valid range [0-100]")
    return value


def _seconds(config: Obj, field: str, default: float) -> float:
    value = config.get(field)
    if value is None:
        return default
    try:
        return parse_duration(value)
    except ValueError as error:
        raise ConfigError(f"{field}: {error}") from None


def _framework(name: str, profile: Obj, path: str, handle: Handle, registry: Mapping[str, type[Plugin]]) -> Framework:
    plugins = profile.get("plugins") or {}
    _known(plugins, ("multiPoint", *POINTS), f"{path}.plugins")
    for point, given in plugins.items():
        _known(given or {}, ("enabled", "disabled"), f"{path}.plugins.{point}")
        for which in given or ():
            _entries(given[which], ("name", "weight"), f"{path}.plugins.{point}.{which}")
    entries = _entries(profile.get("pluginConfig"), ("name", "args"), f"{path}.pluginConfig")
    args = {entry["name"]: entry.get("args") or {} for entry in entries}
    made: dict[str, Plugin] = {}

    def make(plugin: str, where: str) -> Plugin:
        if plugin not in made:
            if plugin not in registry:
                raise ConfigError(
                    f'{where}: Invalid value: "{plugin}": no such plugin; there are ' + ", ".join(sorted(registry))
                )
            try:
                made[plugin] = registry[plugin](args.get(plugin, {}), handle)
            except (ValueError, TypeError, KeyError) as error:
                raise ConfigError(f"{path}.pluginConfig[{plugin}]: {error}") from error
        return made[plugin]

    multi = _merge(DEFAULT_PLUGINS, plugins.get("multiPoint") or {})
    points: dict[str, list[tuple[Plugin, int]]] = {}
    for point, method in POINTS.items():
        given = plugins.get(point) or {}
        where = f"{path}.plugins.{point}"
        enabled = [(entry["name"], entry.get("weight") or 0) for entry in given.get("enabled") or ()]
        disabled = {entry["name"] for entry in given.get("disabled") or ()}
        for plugin, _ in enabled:
            if not implements(make(plugin, where), method):
                raise ConfigError(f'{where}.enabled: Invalid value: "{plugin}": it does not extend {point}')
        chosen = {plugin for plugin, _ in enabled}
        ordered = [
            (plugin, weight)
            for plugin, weight in multi
            if "*" not in disabled
            and plugin not in disabled
            and plugin not in chosen
            and implements(make(plugin, f"{path}.plugins.multiPoint"), method)
        ]
        both = [(plugin, weight) for plugin, weight in enabled if plugin in dict(multi)]
        own = [(plugin, weight) for plugin, weight in enabled if plugin not in dict(multi)]
        points[point] = [(made[plugin], weight or 1) for plugin, weight in both + ordered + own]
    if len(points["queueSort"]) != 1:
        raise ConfigError(
            f"{path}.plugins.queueSort: exactly one plugin must be enabled, not {len(points['queueSort'])}"
        )
    if not points["bind"]:
        raise ConfigError(f"{path}.plugins.bind: at least one plugin must be enabled")
    percentage = _percentage(profile.get("percentageOfNodesToScore"), f"{path}.percentageOfNodesToScore")
    return Framework(name, points, percentage, handle.nominator)


def _merge(defaults: Sequence[tuple[str, int]], given: Obj) -> list[tuple[str, int]]:
    """Upstream's mergePluginSet: defaults less the disabled, with new weights where enabled again, then the rest."""
    enabled = {entry["name"]: entry.get("weight") or 0 for entry in given.get("enabled") or ()}
    disabled = {entry["name"] for entry in given.get("disabled") or ()}
    kept = (
        []
        if "*" in disabled
        else [(name, enabled.get(name) or weight) for name, weight in defaults if name not in disabled]
    )
    names = {name for name, _ in kept}
    return kept + [(name, weight) for name, weight in enabled.items() if name not in names]
