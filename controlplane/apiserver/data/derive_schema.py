"""Derive schema.json.gz and descriptions.json.gz, the tables from which the API server knows its kinds.

    python derive_schema.py DEFINITIONS GO_TYPES

DEFINITIONS is the file _definitions.json of one Kubernetes version in the PyPI package kubernetes-validate, GO_TYPES a
folder with the API's Go packages (api, apimachinery, apiextensions-apiserver, kube-aggregator) of the same version.
The first tells what a field means to those who patch it, and describes it; the second what JSON and protobuf make of
it: type, field number, and whether a zero value is written.  Run at development time only; NOTICE names the sources.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PACKAGES = {  # how we name a Go package: (where it is, its name in the definitions)
    "meta/v1": ("apimachinery/pkg/apis/meta/v1", "io.k8s.apimachinery.pkg.apis.meta.v1"),
    "apiextensions/v1": (
        "apiextensions-apiserver/pkg/apis/apiextensions/v1",
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    ),
    "apiregistration/v1": (
        "kube-aggregator/pkg/apis/apiregistration/v1",
        "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1",
    ),
}
BUILT_IN_GROUPS = {
    "core/v1": "v1",
    "apps/v1": "apps/v1",
    "events/v1": "events.k8s.io/v1",
    "authentication/v1": "authentication.k8s.io/v1",
    "authorization/v1": "authorization.k8s.io/v1",
    "autoscaling/v1": "autoscaling/v1",
    "autoscaling/v2": "autoscaling/v2",
    "batch/v1": "batch/v1",
    "certificates/v1": "certificates.k8s.io/v1",
    "networking/v1": "networking.k8s.io/v1",
    "policy/v1": "policy/v1",
    "rbac/v1": "rbac.authorization.k8s.io/v1",
    "storage/v1": "storage.k8s.io/v1",
    "admissionregistration/v1": "admissionregistration.k8s.io/v1",
    "scheduling/v1": "scheduling.k8s.io/v1",
    "coordination/v1": "coordination.k8s.io/v1",
    "node/v1": "node.k8s.io/v1",
    "discovery/v1": "discovery.k8s.io/v1",
    "meta/v1": "meta.k8s.io/v1",
    "apiextensions/v1": "apiextensions.k8s.io/v1",
    "apiregistration/v1": "apiregistration.k8s.io/v1",
}
LEAVES = {  # types that read and write themselves
    "meta/v1.Time",
    "meta/v1.MicroTime",
    "meta/v1.Duration",
    "meta/v1.FieldsV1",
    "apiextensions/v1.JSON",
    "apiextensions/v1.JSONSchemaPropsOrArray",
    "apiextensions/v1.JSONSchemaPropsOrBool",
    "apiextensions/v1.JSONSchemaPropsOrStringArray",
    "runtime.RawExtension",
    "resource.Quantity",
    "intstr.IntOrString",
    "types.UID",
    "types.NodeName",
}
LEAF_PACKAGES = {
    "meta/v1": "io.k8s.apimachinery.pkg.apis.meta.v1",
    "resource": "io.k8s.apimachinery.pkg.api.resource",
    "intstr": "io.k8s.apimachinery.pkg.util.intstr",
    "runtime": "io.k8s.apimachinery.pkg.runtime",
    "apiextensions/v1": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
}
PLAIN = {"string", "bool", "int32", "int64", "float64", "byte", "uint32"}
SKIPPED = {"core/v1.List", "meta/v1.List", "meta/v1.InternalEvent", "meta/v1.Table", "meta/v1.TableRow"}
STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.M | re.S)
NAMED = re.compile(r"^type (\w+) =?\s*((?:\[\]|map\[)?[\w.\]\[]+)$", re.M)
FIELD = re.compile(r"^\s*(?:(\w+)\s+)?([\w.*\[\]]+)\s+`([^`]*)`")
TAG = re.compile(r'(\w+):"([^"]*)"')
CONST = re.compile(r'^\s*(\w+)\s+\w*\s*=\s*"([^"]*)"', re.M)


def go_types(root: Path) -> tuple[dict[str, list[Any]], dict[str, str], dict[str, list[str]]]:
    """(rows of each struct, what each other named type is, the values of each enum), as the Go sources declare them."""
    structs: dict[str, list[Any]] = {}
    names: dict[str, str] = {}
    enums: dict[str, list[str]] = {}
    for package in BUILT_IN_GROUPS:
        folder = root / PACKAGES.get(package, (f"api/{package}",))[0]
        text = "\n".join(path.read_text() for path in sorted(folder.glob("types*.go")) if "swagger" not in path.name)
        text += "".join(path.read_text() for path in folder.glob("*time.go"))
        imports = re.findall(r'^\s*(?:import )?(\w*)\s*"k8s.io/(\S+)"', text, re.M)
        aliases = {(alias or path.rsplit("/", 1)[-1]): path for alias, path in imports}
        constants = dict(CONST.findall(text))
        for name, body in STRUCT.findall(text):
            structs[f"{package}.{name}"] = rows(body, package, aliases, constants)
        for name in re.findall(r"^type (\w+) struct\s*\{\s*\}$", text, re.M):
            structs[f"{package}.{name}"] = []
        for name, spelled in NAMED.findall(text):
            names[f"{package}.{name}"] = full(spelled, package, aliases)
        for name in re.findall(r"^// \+enum\n(?://.*\n)*type (\w+) string", text, re.M):
            values = re.findall(rf'^\s*\w+\s+{name}\s*=\s*"([^"]*)"', text, re.M)
            enums[f"{package}.{name}"] = sorted(set(values))
    names |= {"types.UID": "string", "types.NodeName": "string"}
    return structs, names, enums


def rows(body: str, package: str, aliases: dict[str, str], constants: dict[str, str]) -> list[Any]:
    """A row for each field: [JSON name, Go type, protobuf number, flags, default]."""
    found: list[Any] = []
    default: Any = None
    for line in body.splitlines():
        if marker := re.match(r"\s*// \+default=(.*)", line):
            value = marker[1].strip()
            default = constants[value[4:-1]] if value.startswith("ref(") else json.loads(value)
        match = FIELD.match(line)
        if match is None:
            continue
        tags = dict(TAG.findall(match[3]))
        json_name, *options = tags.get("json", "-").split(",")
        if json_name == "-":
            continue
        number = re.search(r",(\d+)", tags.get("protobuf", ""))
        flags = "".join(option[0] if option != "omitzero" else "z" for option in options if option)
        row = [json_name, full(match[2], package, aliases), int(number[1]) if number else 0, flags]
        found.append([*row, default] if default is not None else row)
        default = None
    return found


def full(spelled: str, package: str, aliases: dict[str, str]) -> str:
    """A Go type with each name's package as we call packages: []Container is []core/v1.Container."""

    def one(match: re.Match[str]) -> str:
        name = match[0]
        if name in PLAIN or name == "map":
            return name
        if "." not in name:
            return f"{package}.{name}"
        alias, _, name = name.partition(".")
        path = aliases[alias].split("/")
        return f"{'/'.join(path[-2:]) if re.fullmatch('v[0-9]+', path[-1]) else path[-1]}.{name}"

    return re.sub(r"[A-Za-z_][\w.]*", one, spelled)


def reachable(starts: list[str], structs: dict[str, list[Any]], names: dict[str, str]) -> list[str]:
    """Every type that the starting ones are made of."""
    seen: dict[str, None] = {}
    todo = list(starts)
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen[name] = None
        spelled = [row[1] for row in structs[name]] if name in structs else [names[name]] if name in names else []
        for text in spelled:
            todo += [part for part in re.findall(r"[\w/]+\.\w+", text) if part not in seen]
    return sorted(seen)


def main(definitions: Path, root: Path) -> None:
    published = json.loads(definitions.read_text())["$defs"]
    structs, names, enums = go_types(root)
    kinds: dict[str, dict[str, str]] = {}
    for package, group in BUILT_IN_GROUPS.items():
        for name in structs:
            of, _, kind = name.rpartition(".")
            if of == package and name not in SKIPPED and ["", "meta/v1.TypeMeta", 0, "i"] in structs[name]:
                kinds.setdefault(group, {})[kind] = name
    wanted = reachable([name for group in kinds.values() for name in group.values()], structs, names)
    described: dict[str, dict[str, str]] = {}
    atomic: list[str] = []  # structs that server-side apply takes or leaves whole
    # A struct that is only ever embedded has no definition of its own: that of one around it tells of its fields.
    around = {row[1]: name for name in reversed(wanted) for row in structs.get(name, ()) if not row[0]}
    for name in wanted:
        of, _, kind = name.rpartition(".")
        if name in LEAVES or name not in structs:
            if text := published.get(f"{LEAF_PACKAGES.get(of, '')}.{kind}", {}).get("description"):
                described[name] = {"": text}
            continue
        definition = published.get(published_name(name)) or published.get(published_name(around.get(name, name)), {})
        described[name] = {"": definition.get("description", "") if name not in around else ""}
        if definition.get("x-kubernetes-map-type") == "atomic":
            atomic.append(name)
        properties, required = definition.get("properties", {}), set(definition.get("required", ()))
        for row in structs[name]:
            said = properties.get(row[0], {})
            if text := said.get("description"):
                described[name][row[0]] = text
            if row[0] in required:
                row[3] += "r"
            if extra := meaning(said):
                row[4:] = [row[4] if len(row) > 4 else None, extra]
    table: dict[str, Any] = {
        "kinds": kinds,
        "names": {name: names[name] for name in wanted if name in names and name not in structs},
        "atomic": atomic,
        "enums": {name: enums[name] for name in wanted if name in enums},
        "structs": {name: structs[name] for name in wanted if name in structs and name not in LEAVES},
    }
    write(HERE / "schema.json.gz", table)
    write(HERE / "descriptions.json.gz", described)
    missing = [name for name in wanted if name not in structs and name not in names and name not in LEAVES]
    print(len(table["structs"]), "structs", sum(map(len, kinds.values())), "kinds", "unknown:", missing)


def published_name(name: str) -> str:
    of, _, kind = name.rpartition(".")
    return f"{PACKAGES.get(of, ('', 'io.k8s.api.' + of.replace('/', '.')))[1]}.{kind}"


def meaning(said: dict[str, Any]) -> dict[str, Any]:
    """The x-kubernetes-* extensions of a field, by short names."""
    short = {"list-type": "list", "list-map-keys": "keys", "patch-merge-key": "merge", "patch-strategy": "patch"}
    short["map-type"] = "map"
    return {word: said[f"x-kubernetes-{name}"] for name, word in short.items() if f"x-kubernetes-{name}" in said}


def write(path: Path, value: Any) -> None:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    path.write_bytes(gzip.compress(text, 9, mtime=0))
    print(path.name, len(text), path.stat().st_size)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
