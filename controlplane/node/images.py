"""The images that the simulated runtime knows, and how their containers behave.

| image | what its container does |
| --- | --- |
| `app:v1`, `app:v2`, any `app:TAG` | the HTTP server "App v1": says its version, Pod and node; drains on SIGTERM |
| `app:broken` | runs, but answers 500 to everything, probes included |
| `app:slow` | takes 20 s from its start until it listens, and 1 s for each answer |
| `app:crash` | exits with code 1 after 3 s, again and again |
| `app:leak` | an App whose memory grows by 10 MiB a second |
| `app:hang` | listens, but never answers |
| `app:stubborn` | an App that ignores SIGTERM: only SIGKILL ends it |
| `app:rude` | an App that exits at once on SIGTERM and drops what it was answering |
| `job:ok`, `job:fail` | work for 5 s, then exit with code 0 or 1 |
| a name with `missing` in it | cannot be pulled |
| any other | an HTTP server, as `app`, whose version is the image's tag |

An App ends as a well-made server should: after SIGTERM it goes on taking requests for 5 s, because nodes and proxies
hear of its end only a moment after it does, then finishes what it has begun, and exits with 0.  Real servers do that in
their SIGTERM handler, or stay as they are and get a `preStop` hook that sleeps; `app:rude` shows what happens without.

A `command` (or `args`) that `commands.py` understands, such as `sleep 30` or `sh -c "sleep 5; exit 1"`, replaces what
the image does.  Notebooks and labs add their own with `ImageTable.add`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

MiB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a container of an image behaves.  Times in seconds, sizes in bytes."""

    version: str = ""  # what the app says it is; "" for the image's tag
    pull: float = 1.0  # how long fetching the image takes
    size: int = 50 * MiB
    pullable: bool = True
    serves: bool = True  # does it listen, on whatever ports it is asked?
    boot: float = 0.2  # from start until it listens
    latency: float = 0.005  # from request to answer
    status: int = 200  # the HTTP status of every answer
    answers: bool = True  # False: takes requests and never answers
    exit_after: float | None = None  # ends by itself this long after its start
    exit_code: int = 0
    handles_term: bool = True  # False: only SIGKILL ends it
    drain: float = 5.0  # how long after SIGTERM it still takes requests; then it ends what it has begun, and exits
    term_exit_code: int = 0
    cpu: float = 0.01  # cores when idle
    cpu_per_request: float = 0.002  # core-seconds; with a CPU limit, requests beyond what it allows have to wait
    memory: int = 20 * MiB
    memory_growth: float = 0.0  # bytes a second
    storage_growth: float = 0.0  # bytes a second written to the container's disk
    log: tuple[str, ...] = ("listening",)  # lines written at the start


APP = Behaviour()
TABLE: dict[str, Behaviour] = {
    "app:broken": replace(APP, status=500),
    "app:slow": replace(APP, boot=20.0, latency=1.0),
    "app:crash": replace(APP, serves=False, exit_after=3.0, exit_code=1, log=("starting", "panic: cannot go on")),
    "app:leak": replace(APP, memory_growth=10.0 * MiB),
    "app:hang": replace(APP, answers=False),
    "app:stubborn": replace(APP, handles_term=False),
    "app:rude": replace(APP, drain=0.0, term_exit_code=143),
    "job:ok": replace(APP, serves=False, exit_after=5.0, log=("working", "done")),
    "job:fail": replace(APP, serves=False, exit_after=5.0, exit_code=1, log=("working", "failed")),
}


class ImageTable:
    """Image names to behaviours: the table above and what was added to it."""

    def __init__(self) -> None:
        self._table = dict(TABLE)
        self._resolved: dict[str, Behaviour] = {}

    def add(self, name: str, behaviour: Behaviour) -> None:
        """Teach the runtime an image, or change one.  Running containers keep what they have."""
        self._table[name] = behaviour
        self._resolved.clear()

    def get(self, name: str) -> Behaviour:
        """How containers of image `name` behave; a registry in front of the name does not matter."""
        known = self._resolved.get(name)
        if known is None:
            known = self._resolved[name] = self._resolve(name)
        return known

    def _resolve(self, name: str) -> Behaviour:
        found = self._table.get(name) or self._table.get(name.rpartition("/")[2])
        if found is None:
            found = replace(APP, pullable=False) if "missing" in name else APP
        return found if found.version else replace(found, version=tag(name))


def tag(name: str) -> str:
    """The tag of an image name, "latest" if it has none.

    >>> tag("registry.example:5000/team/app:v2"), tag("nginx")
    ('v2', 'latest')
    """
    last = name.rpartition("/")[2].partition("@")[0]
    return last.partition(":")[2] or "latest"


def image_id(name: str) -> str:
    """What stands in for the digest of an image."""
    return f"{canonical(name)}@sha256:{hashlib.sha256(name.encode()).hexdigest()}"


def canonical(name: str) -> str:
    """The full repository name, as containerd writes it.

    >>> canonical("nginx:1.27"), canonical("ghcr.io/team/app:v1")
    ('docker.io/library/nginx', 'ghcr.io/team/app')
    """
    repository = name.partition("@")[0]
    if ":" in repository.rpartition("/")[2]:
        repository = repository.rpartition(":")[0]
    first, slash, _ = repository.partition("/")
    if not slash:
        return f"docker.io/library/{repository}"
    return repository if "." in first or ":" in first or first == "localhost" else f"docker.io/{repository}"
