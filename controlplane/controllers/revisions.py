"""What tells one version of a Pod template from another (upstream: pkg/controller/deployment/util, pkg/util/hash)."""

from __future__ import annotations

import json

from controlplane.client.base import Obj

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MAX = "deployment.kubernetes.io/max-replicas"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
ROLLBACK_TO = "deprecated.deployment.rollback.to"
NOT_COPIED = frozenset((LAST_APPLIED, REVISION, HISTORY, DESIRED, MAX, ROLLBACK_TO))

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"  # no vowels and look-alikes: names never spell words
HISTORY_LIMIT = 2000  # characters


def template_hash(template: Obj, collisions: int = 0) -> str:
    """A short name for a Pod template: FNV-1a in decimal, each digit replaced by a safe letter.

    *Note*: upstream hashes Go's dump of the template, this its JSON: equal templates get equal names in both, but the
    names themselves differ.
    """
    digest = 0x811C9DC5
    text = json.dumps(template, sort_keys=True, separators=(",", ":")) + (str(collisions) if collisions else "")
    for byte in text.encode():
        digest = (digest ^ byte) * 0x01000193 & 0xFFFFFFFF
    return safe_encode(str(digest))


def safe_encode(text: str) -> str:
    """Each character as one that is safe in a name (rand.SafeEncodeString)."""
    return "".join(_ALPHABET[ord(c) % len(_ALPHABET)] for c in text)


def same_template(one: Obj, other: Obj) -> bool:
    """Equal but for the hash label (EqualIgnoreHash)."""
    if one.get("spec") != other.get("spec"):
        return False
    return _bare(one) == _bare(other)


def _bare(template: Obj) -> Obj:
    meta = {k: v for k, v in (template.get("metadata") or {}).items() if v}
    if "labels" in meta:
        meta["labels"] = {k: v for k, v in meta["labels"].items() if k != HASH_LABEL}
    return meta


def notes_of(obj: Obj) -> dict[str, str]:
    return obj["metadata"].get("annotations") or {}


def revision_of(obj: Obj) -> int:
    """The number in the revision annotation; 0 if there is none."""
    text = notes_of(obj).get(REVISION, "0")
    return int(text) if text.lstrip("-").isdecimal() else 0


def number(obj: Obj, annotation: str) -> int | None:
    text = notes_of(obj).get(annotation, "")
    return int(text) if text.lstrip("-").isdecimal() else None


def new_annotations(deployment: Obj, replica_set: Obj, revision: int) -> dict[str, str]:
    """What the newest ReplicaSet should be annotated with (SetNewReplicaSetAnnotations, less the replica counts)."""
    notes = dict(notes_of(replica_set))
    for key, value in notes_of(deployment).items():
        if key not in NOT_COPIED:
            notes[key] = value
    old = notes.get(REVISION)
    if old is not None and not old.lstrip("-").isdecimal() and old != "":
        return notes
    if int(old or 0) < revision:
        notes[REVISION] = str(revision)
        if old is not None:  # an old version is the newest again
            past = [r for r in notes.get(HISTORY, "").split(",") if r]
            past.append(old)
            while len(",".join(past)) > HISTORY_LIMIT and len(past) > 1:
                del past[0]
            notes[HISTORY] = ",".join(past)
    return notes
