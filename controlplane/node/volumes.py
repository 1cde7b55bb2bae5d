"""The volumes of a Pod as files: from ConfigMaps, Secrets and the Pod itself (upstream: pkg/volume).

*Note*: a volume is filled once, when the Pod starts; upstream follows later changes within a minute or so.  Kinds
that need a disk or a network (hostPath, persistentVolumeClaim, ...) are empty folders here, and projected tokens are
left out.
"""

from __future__ import annotations

from collections.abc import Iterable

from controlplane.client.base import Client
from controlplane.node.environment import ConfigError, Sources, field_value, resource_value
from controlplane.node.runtime import Obj, Volumes


def fill(client: Client, pod: Obj, node_ip: str) -> Volumes | str:
    """Every volume's files, or why one of them cannot be set up, as the event FailedMount says it."""
    entries = pod["spec"].get("volumes")
    if not entries:
        return {}
    sources = Sources(client, pod["metadata"]["namespace"])
    volumes: Volumes = {}
    for entry in entries:
        try:
            volumes[entry["name"]] = _files(entry, sources, pod, node_ip)
        except ConfigError as error:
            return f'MountVolume.SetUp failed for volume "{entry["name"]}" : {error}'
    return volumes


def _files(entry: Obj, sources: Sources, pod: Obj, node_ip: str) -> dict[str, bytes]:
    if "configMap" in entry:
        return _keys("configmap", entry["configMap"], sources)
    if "secret" in entry:
        return _keys("secret", {**entry["secret"], "name": entry["secret"].get("secretName")}, sources)
    if "downwardAPI" in entry:
        return _downward(entry["downwardAPI"].get("items") or (), pod, node_ip)
    files: dict[str, bytes] = {}
    for source in (entry.get("projected") or {}).get("sources") or ():
        files.update(_files(_unprojected(source), sources, pod, node_ip))
    return files


def _unprojected(source: Obj) -> Obj:
    """A source of a projected volume in the form of a volume."""
    if "secret" in source:
        return {"secret": {**source["secret"], "secretName": source["secret"].get("name")}}
    return source


def _keys(kind: str, ref: Obj, sources: Sources) -> dict[str, bytes]:
    """The keys of a ConfigMap or Secret, all of them or those that `items` names."""
    if not ref.get("name"):
        return {}
    values = sources.all_of(kind, ref)
    items = ref.get("items")
    if not items:
        return dict(values)
    files: dict[str, bytes] = {}
    for item in items:
        if item["key"] in values:
            files[item["path"]] = values[item["key"]]
        elif not ref.get("optional"):
            raise ConfigError(f"{kind} references non-existent config key: {item['key']}")
    return files


def _downward(items: Iterable[Obj], pod: Obj, node_ip: str) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for item in items:
        if "fieldRef" in item:
            text = field_value(item["fieldRef"]["fieldPath"], pod, "", node_ip)
        else:
            text = resource_value(item["resourceFieldRef"], pod, {"name": ""})
        files[item["path"]] = text.encode()
    return files


def mounted(spec: Obj, volumes: Volumes) -> dict[str, bytes]:
    """The files that a container sees: path to content, by its volumeMounts."""
    files: dict[str, bytes] = {}
    for mount in spec.get("volumeMounts") or ():
        contents = volumes.get(mount["name"]) or {}
        folder, sub = mount["mountPath"].rstrip("/"), mount.get("subPath") or ""
        for path, content in contents.items():
            if path == sub:
                files[folder] = content
            elif not sub or path.startswith(f"{sub}/"):
                files[f"{folder}/{path[len(sub) :].lstrip('/')}"] = content
    return files
