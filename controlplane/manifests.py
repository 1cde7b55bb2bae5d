"""Reading manifests: YAML or JSON text, files, or objects, with errors that name the file and the document."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

Obj = dict[str, Any]
Objs = list[Obj]
Manifest = str | Path | Obj | Iterable[Obj]

SUFFIXES = (".yaml", ".yml", ".json")


class ManifestError(ValueError):
    """A manifest that cannot be read, or that lacks what every object has."""


def load(manifest: Manifest) -> Objs:
    """The objects of a manifest: a dict, several, YAML text, or the path of a file.  `List`s are taken apart.

    Raises ManifestError that says where and what is wrong.
    """
    if isinstance(manifest, dict):
        return _check([manifest], "the manifest")
    if isinstance(manifest, Path) or (isinstance(manifest, str) and _is_path(manifest)):
        path = Path(manifest)
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ManifestError(f"cannot read {path}: {error.strerror or error}") from None
        except UnicodeDecodeError:
            raise ManifestError(f"{path} is no UTF-8 text") from None
        return _parse(text, str(path))
    if isinstance(manifest, str):
        return _parse(manifest, "the manifest")
    return _check(list(manifest), "the manifest")


def _is_path(text: str) -> bool:
    return "\n" not in text and text.endswith(SUFFIXES)


def _parse(text: str, where: str) -> Objs:
    import yaml  # only those who write YAML wait for it

    try:
        documents = [document for document in yaml.safe_load_all(text) if document is not None]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ManifestError(f"{where}{place} is no YAML: {getattr(error, 'problem', None) or error}") from None
    if not documents:
        raise ManifestError(f"{where} is empty: write at least one object")
    return _check(documents, where)


def _check(documents: list[Any], where: str) -> Objs:
    objects: Objs = []
    for number, document in enumerate(documents, 1):
        place = f"{where}, document {number}" if len(documents) > 1 else where
        if not isinstance(document, dict):
            raise ManifestError(f"{place} is a {type(document).__name__}, not an object with apiVersion and kind")
        if str(document.get("kind", "")).endswith("List") and isinstance(document.get("items"), list):
            objects += _check(document["items"], f"{place}, items")
            continue
        for field in ("apiVersion", "kind"):
            if not isinstance(document.get(field), str) or not document[field]:
                raise ManifestError(f"{place}: {field} is missing")
        meta = document.get("metadata")
        if not isinstance(meta, dict) or not (meta.get("name") or meta.get("generateName")):
            raise ManifestError(f"{place}: {document['kind']} has no metadata.name")
        objects.append(document)
    return objects
