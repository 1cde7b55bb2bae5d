"""Lab 03 at work: the package's controllers with a learner's part inside."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Protocol

from controlplane.client.base import Client, Obj, Objs
from controlplane.client.informer import key_of, split_key
from controlplane.conditions import is_ready
from controlplane.controllers import DEFAULT_CONTROLLERS
from controlplane.controllers.base import Controller, Queue, controller_of
from controlplane.controllers.deployment import DeploymentController
from controlplane.controllers.deployment_scale import asked, by_age, replicas
from controlplane.controllers.replicaset import ReplicaSetController

Reconcile = Callable[[Client, str, str], object]
Claim = Callable[[Client, Obj, Objs], Objs]
Bounds = Callable[[int, Any, Any], tuple[int, int]]
NextSizes = Callable[[int, int, int, int, int, int], tuple[int, int]]


class LearnersQueue(Protocol):
    def add(self, key: str) -> object: ...
    def get(self) -> str | None: ...
    def done(self, key: str) -> object: ...


def controllers_with(mine: type[Controller]) -> list[type[Controller]]:
    """The package's controllers, `mine` in the place of the one of the same name."""
    return [mine if other.__name__ == mine.__name__ else other for other in DEFAULT_CONTROLLERS]


def on_queue(make: Callable[[], LearnersQueue]) -> type[Controller]:
    """The ReplicaSet controller on a learner's queue.  What waits for a retry waits in the package's."""

    class Bridge(Queue):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.learners = make()
            self.taken: list[str] = []  # handed out by the learner's queue, to see whether there is work

        def __len__(self) -> int:
            if not self.taken and (key := self.learners.get()) is not None:
                self.taken.append(key)
            return len(self.taken)

        def add(self, key: str) -> None:
            self.learners.add(key)
            self._wake()

        def get(self) -> str | None:
            return self.taken.pop() if len(self) else None

        def done(self, key: str) -> None:
            self.learners.done(key)

    class OnQueue(ReplicaSetController):
        def __init__(self, *args: Any, **named: Any) -> None:
            super().__init__(*args, **named)
            self.queue = Bridge(self.loop, self._wake)

    return _named(OnQueue, ReplicaSetController)


def replica_sets(reconcile: Reconcile, claim: Claim | None = None) -> type[Controller]:
    """A ReplicaSet controller that calls the learner's `claim`, if there is one, and the learner's `reconcile`."""

    class ReplicaSets(Controller):
        watches: ClassVar = {"replicasets": "self", "pods": "concerned"}

        def concerned(self, type: str, old: Obj | None, new: Obj | None) -> Iterable[str]:
            """A Pod concerns all ReplicaSets of its namespace: whom it leaves, and who might adopt it."""
            namespace = (new or old or {})["metadata"]["namespace"]
            owners = self.informer("replicasets").list()
            return [key_of(owner) for owner in owners if owner["metadata"]["namespace"] == namespace]

        def reconcile(self, key: str) -> None:
            namespace, name = split_key(key)
            owner = self.informer("replicasets").get(key)
            if claim is not None and owner is not None:
                pods, _ = self.client.list_shared("pods", namespace)
                claim(self.client, owner, pods)
            reconcile(self.client, namespace or "", name)
            if owner is not None and "deletionTimestamp" not in owner["metadata"]:
                self._report(owner)

        def _report(self, owner: Obj) -> None:
            pods, uid = self.informer("pods").list(), owner["metadata"]["uid"]
            mine = [pod for pod in pods if (controller_of(pod) or {}).get("uid") == uid]
            ready = sum(map(is_ready, mine))
            status = {"replicas": len(mine), "readyReplicas": ready, "availableReplicas": ready}
            status["observedGeneration"] = owner["metadata"]["generation"]
            if status != owner.get("status"):
                self.client.update_status({**owner, "status": status})

    return _named(ReplicaSets, ReplicaSetController)


def rolling(bounds: Bounds, next_sizes: NextSizes) -> type[Controller]:
    """The Deployment controller with the learner's arithmetic; of several old ReplicaSets the oldest shrinks first."""

    class Rolling(DeploymentController):
        def _roll(self, deployment: Obj, sets: Objs) -> float | None:
            deployment, new, old = self._with_revision(deployment, sets, create=True)
            assert new is not None
            wanted, limits = replicas(deployment), deployment["spec"]["strategy"]["rollingUpdate"]
            surge, unavailable = bounds(wanted, limits["maxSurge"], limits["maxUnavailable"])
            usable = sum(min(replicas(s), s.get("status", {}).get("availableReplicas", 0)) for s in (*old, new))
            size, rest = next_sizes(wanted, surge, unavailable, replicas(new), asked(old), usable)
            if size != replicas(new):
                new = self._scale(deployment, new, size)
            surplus = asked(old) - rest
            for one in by_age(old):
                less = min(surplus, replicas(one))
                if less > 0:
                    self._scale(deployment, one, replicas(one) - less)
                    surplus -= less
            return self._finish(deployment, [*old, new], new)

    return _named(Rolling, DeploymentController)


def _named(mine: type[Controller], place: type[Controller]) -> type[Controller]:
    mine.__name__, mine.name = place.__name__, place.name
    return mine
