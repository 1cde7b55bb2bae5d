"""The Deployment controller: rolls Pods from one template to the next (upstream: pkg/controller/deployment).

It never touches a Pod: each version of the template is a ReplicaSet, and rolling is to scale one up and others down.
"""

from __future__ import annotations

from typing import ClassVar

from controlplane.client.base import ApiError, Obj, Objs
from controlplane.client.informer import key_of
from controlplane.controllers import deployment_scale as scale
from controlplane.controllers import deployment_status as status
from controlplane.controllers.base import Controller, controller_of, owner_reference
from controlplane.controllers.claim import Claimer
from controlplane.controllers.own_writes import OwnWrites
from controlplane.controllers.pod_control import namespace_terminating
from controlplane.controllers.pod_owner import Keys, controller_uid, namespace_of, orphans
from controlplane.controllers.pods import condition, is_finished
from controlplane.controllers.revisions import (
    DESIRED,
    HASH_LABEL,
    MAX,
    REVISION,
    new_annotations,
    notes_of,
    number,
    revision_of,
    same_template,
    template_hash,
)
from controlplane.labels import Selector, from_label_selector

# Seconds that it takes upstream until a scale-down is written, seen and answered.  Without them, the steps of a
# roll-out would all fall on one instant, and its new Pods start two by two.
ROUND_TRIP = 0.02
LAG = 1.0  # seconds after which to look again whether the cache shows our own writes


class DeploymentController(Controller):
    """Keeps, for each Deployment, a ReplicaSet of its newest template, and winds the older ones down."""

    name = "deployment-controller"
    watches: ClassVar = {"deployments": "on_deployment", "replicasets": "on_replica_set", "pods": "on_pod"}

    def prepare(self) -> None:
        self.deployments = self.informer("deployments")
        self.replica_sets = self.informer("replicasets")
        self.pods = self.informer("pods")
        self.deployments.add_index("namespace", namespace_of)
        self.replica_sets.add_index("controller", controller_uid)
        self.replica_sets.add_index("orphans", orphans)
        self.pods.add_index("controller", controller_uid)
        self._selectors: dict[str, Selector] = {}  # by uid: a selector never changes
        self._writes = OwnWrites(self.loop, self.replica_sets)

    # Events -----------------------------------------------------------------------------------------------------------

    def on_deployment(self, type: str, old: Obj | None, new: Obj | None) -> Keys:
        if new is None and old is not None:
            self._selectors.pop(old["metadata"]["uid"], None)
            self._writes.forget(key_of(old))
        return (key_of(new if new is not None else old or {}),)

    def on_replica_set(self, type: str, old: Obj | None, new: Obj | None) -> Keys:
        keys = [key for obj in (old, new) if obj is not None and (key := self._owner_key(obj))]
        if new is None or controller_of(new) is not None or "deletionTimestamp" in new["metadata"]:
            return keys
        labels = new["metadata"].get("labels")
        if old is None or old["metadata"].get("labels") != labels or controller_of(old):
            for deployment in self.deployments.by_index("namespace", new["metadata"]["namespace"]):
                if self._selector(deployment).matches(labels):
                    keys.append(key_of(deployment))
        return keys

    def on_pod(self, type: str, old: Obj | None, new: Obj | None) -> Keys:
        """A Recreate waits for the last old Pod to be gone."""
        if new is not None or old is None or (ref := controller_of(old)) is None:
            return
        parent = self.replica_sets.get(f"{old['metadata']['namespace']}/{ref['name']}")
        key = self._owner_key(parent) if parent is not None and parent["metadata"]["uid"] == ref["uid"] else None
        if key is not None:
            deployment = self.deployments.get(key)
            if deployment is not None and (deployment["spec"].get("strategy") or {}).get("type") == "Recreate":
                yield key

    def _owner_key(self, replica_set: Obj) -> str | None:
        ref = controller_of(replica_set)
        if ref is None or ref["kind"] != "Deployment":
            return None
        key = f"{replica_set['metadata']['namespace']}/{ref['name']}"
        deployment = self.deployments.get(key)
        return key if deployment is not None and deployment["metadata"]["uid"] == ref["uid"] else None

    # Reconciling ------------------------------------------------------------------------------------------------------

    def reconcile(self, key: str) -> float | None:
        deployment = self.deployments.get(key)
        if deployment is None:
            return None
        if deployment["spec"].get("selector") == {}:
            self._refuse_selecting_all(deployment)
            return None
        if not self._writes.seen(key):
            return LAG
        sets = self._claim(deployment)
        if "deletionTimestamp" in deployment["metadata"]:
            new, _ = self._split(deployment, sets)
            return self._finish(deployment, sets, new, rolling=False)
        deployment = self._note_pause(deployment)
        if deployment["spec"].get("paused") or self._was_scaled(deployment, sets):
            return self._sync(deployment, sets)
        if (deployment["spec"].get("strategy") or {}).get("type") == "Recreate":
            return self._recreate(deployment, sets)
        return self._roll(deployment, sets)

    def _refuse_selecting_all(self, deployment: Obj) -> None:
        self.event(
            deployment,
            "Warning",
            "SelectingAll",
            "This deployment is selecting all pods. A non-empty selector is required.",
        )
        generation, now = deployment["metadata"].get("generation", 0), deployment.get("status", {})
        if now.get("observedGeneration", 0) < generation:
            self.client.update_status({**deployment, "status": {**now, "observedGeneration": generation}})

    def _selector(self, deployment: Obj) -> Selector:
        uid = deployment["metadata"]["uid"]
        if uid not in self._selectors:
            self._selectors[uid] = from_label_selector(deployment["spec"]["selector"])
        return self._selectors[uid]

    def _claim(self, deployment: Obj) -> Objs:
        """The ReplicaSets that are ours: those we control, and orphans that our selector matches."""
        meta = deployment["metadata"]
        selector = self._selector(deployment)
        sets = self.replica_sets.by_index("controller", meta["uid"])
        loose = self.replica_sets.by_index("orphans", meta["namespace"])
        if not loose and all(selector.matches(one["metadata"].get("labels")) for one in sets):
            return sets
        return Claimer(self.client, deployment, "deployments", selector, "replicasets").claim(sets + loose)

    def _note_pause(self, deployment: Obj) -> Obj:
        """A pause stops the clock of the progress deadline; so does the moment of resuming."""
        progressing = condition(deployment, "Progressing")
        reason = progressing["reason"] if progressing is not None else ""
        if not status.has_deadline(deployment) or reason == "ProgressDeadlineExceeded":
            return deployment
        paused = bool(deployment["spec"].get("paused"))
        if paused == (reason == "DeploymentPaused"):
            return deployment
        word = "paused" if paused else "resumed"
        fresh = status.make_condition(
            "Progressing", "Unknown", f"Deployment{word.title()}", f"Deployment is {word}", self.loop.now()
        )
        return self._write(deployment, add=fresh)

    def _write(self, deployment: Obj, add: Obj | None = None, revision: str | None = None) -> Obj:
        """Write a condition and the revision annotation through the status subresource."""
        meta, now = deployment["metadata"], deployment.get("status", {})
        if revision is not None:
            meta = {**meta, "annotations": {**notes_of(deployment), REVISION: revision}}
        if add is not None:
            now = {**now, "conditions": status.with_condition(now.get("conditions") or [], add)}
        return self.client.update_status({**deployment, "metadata": meta, "status": now})

    def _split(self, deployment: Obj, sets: Objs) -> tuple[Obj | None, Objs]:
        """(the ReplicaSet of the present template, the others)."""
        template = deployment["spec"]["template"]
        new = next((one for one in scale.by_age(sets) if same_template(one["spec"]["template"], template)), None)
        return new, [one for one in sets if one is not new]

    def _was_scaled(self, deployment: Obj, sets: Objs) -> bool:
        total = scale.replicas(deployment)
        return any(number(one, DESIRED) not in (None, total) for one in scale.active(sets))

    def _sync(self, deployment: Obj, sets: Objs) -> float | None:
        """Paused, or scaled: bring the present ReplicaSets to the right total, and roll nothing."""
        deployment, new, old = self._with_revision(deployment, sets, create=False)
        only = scale.active_or_latest(new, old)
        if only is not None:
            sizes = [(only, scale.replicas(deployment))]
            if scale.replicas(only) == scale.replicas(deployment):
                sizes = []
        elif scale.is_saturated(deployment, new):
            sizes = [(one, 0) for one in scale.active(old)]
        elif (deployment["spec"].get("strategy") or {}).get("type") != "Recreate":
            sizes = scale.proportional(deployment, [*old, new] if new is not None else old)
        else:
            sizes = []
        resized = {one["metadata"]["name"]: self._scale(deployment, one, size) for one, size in sizes}
        new, old = (
            resized.get(new["metadata"]["name"], new) if new is not None else None,
            [resized.get(one["metadata"]["name"], one) for one in old],
        )
        if deployment["spec"].get("paused"):
            self._clean_up(deployment, old)
        return self._finish(deployment, [*old, new] if new is not None else old, new, rolling=False)

    def _roll(self, deployment: Obj, sets: Objs) -> float | None:
        deployment, new, old = self._with_revision(deployment, sets, create=True)
        assert new is not None
        total = scale.replicas(deployment)
        size = total if scale.replicas(new) > total else scale.new_size(deployment, [*old, new], new)
        if scale.replicas(new) != total and size != scale.replicas(new):
            new = self._scale(deployment, new, size)
        else:
            for name, less in scale.shrunk(deployment, old, new):
                old = [self._scale(deployment, one, less) if one["metadata"]["name"] == name else one for one in old]
        if status.is_complete(deployment, deployment.get("status", {})):
            self._clean_up(deployment, old)
        return self._finish(deployment, [*old, new], new)

    def _recreate(self, deployment: Obj, sets: Objs) -> float | None:
        deployment, new, old = self._with_revision(deployment, sets, create=False)
        if running := scale.active(old):
            for one in running:
                fresh = self._scale(deployment, one, 0)
                old = [fresh if other is one else other for other in old]
        elif not self._old_pods_run(old):
            if new is None:
                deployment, new, old = self._with_revision(deployment, sets, create=True)
                assert new is not None
            new = self._scale(deployment, new, scale.replicas(deployment))
            if status.is_complete(deployment, deployment.get("status", {})):
                self._clean_up(deployment, old)
        return self._finish(deployment, [*old, new] if new is not None else old, new)

    def _old_pods_run(self, old: Objs) -> bool:
        if scale.reported(old, "replicas"):
            return True
        pods = (pod for one in old for pod in self.pods.by_index("controller", one["metadata"]["uid"]))
        return any(not is_finished(pod) for pod in pods)

    # ReplicaSets ------------------------------------------------------------------------------------------------------

    def _with_revision(self, deployment: Obj, sets: Objs, create: bool) -> tuple[Obj, Obj | None, Objs]:
        """(the Deployment, its newest ReplicaSet, the old ones), with revisions brought up to date."""
        new, old = self._split(deployment, sets)
        revision = max((revision_of(one) for one in old), default=0) + 1
        if new is None:
            return (*self._create(deployment, old, revision), old) if create else (deployment, None, old)
        notes = new_annotations(deployment, new, revision)
        wait = deployment["spec"].get("minReadySeconds", 0)
        if notes != notes_of(new) or new["spec"].get("minReadySeconds", 0) != wait:
            spec = {**new["spec"], "minReadySeconds": wait}
            new = self.client.update({**new, "metadata": {**new["metadata"], "annotations": notes}, "spec": spec})
            self._writes.note(key_of(deployment), new)
            return deployment, new, old
        fresh = None
        if status.has_deadline(deployment) and condition(deployment, "Progressing") is None:
            fresh = status.make_condition(
                "Progressing",
                "True",
                "FoundNewReplicaSet",
                f'Found new replica set "{new["metadata"]["name"]}"',
                self.loop.now(),
            )
        known = notes_of(new).get(REVISION, "")
        if fresh is not None or notes_of(deployment).get(REVISION) != known:
            deployment = self._write(deployment, fresh, known)
        return deployment, new, old

    def _create(self, deployment: Obj, old: Objs, revision: int) -> tuple[Obj, Obj]:
        """The ReplicaSet of a template that is new; its name comes from the template, so twice makes one."""
        meta, spec = deployment["metadata"], deployment["spec"]
        template, now = spec["template"], self.loop.now()
        digest = template_hash(template, deployment.get("status", {}).get("collisionCount", 0))
        t_meta = template.get("metadata") or {}
        labels = {**(t_meta.get("labels") or {}), HASH_LABEL: digest}
        exact = {**(spec["selector"].get("matchLabels") or {}), HASH_LABEL: digest}
        wanted: Obj = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{meta['name']}-{digest}",
                "namespace": meta["namespace"],
                "labels": labels,
                "ownerReferences": [owner_reference(deployment)],
            },
            "spec": {
                "replicas": 0,
                "selector": {**spec["selector"], "matchLabels": exact},
                "template": {**template, "metadata": {**t_meta, "labels": labels}},
            },
        }
        if spec.get("minReadySeconds"):
            wanted["spec"]["minReadySeconds"] = spec["minReadySeconds"]
        size = wanted["spec"]["replicas"] = scale.new_size(deployment, [*old, wanted], wanted)
        notes = new_annotations(deployment, wanted, revision)
        wanted["metadata"]["annotations"] = {**notes, **self._counts(deployment)}
        name = wanted["metadata"]["name"]
        try:
            new = self.client.create(wanted)
            self._writes.note(key_of(deployment), new)
        except ApiError as error:
            if not error.already_exists:
                self._say_failed(deployment, name, error)
                raise
            new = self._existing(deployment, wanted, error)
            return self._write(deployment, revision=str(revision)), new
        if size:
            self.event(deployment, "Normal", "ScalingReplicaSet", f"Scaled up replica set {name} from 0 to {size}")
        fresh = None
        if status.has_deadline(deployment):
            fresh = status.make_condition(
                "Progressing", "True", "NewReplicaSetCreated", f'Created new replica set "{name}"', now
            )
        return self._write(deployment, fresh, str(revision)), new

    def _existing(self, deployment: Obj, wanted: Obj, error: ApiError) -> Obj:
        """Our own ReplicaSet that the cache does not show yet; or a stranger with its name: count, and take another."""
        meta = wanted["metadata"]
        found = self.client.get("replicasets", meta["name"], meta["namespace"])
        ref = controller_of(found)
        ours = ref is not None and ref["uid"] == deployment["metadata"]["uid"]
        if ours and same_template(found["spec"]["template"], deployment["spec"]["template"]):
            return found
        now = deployment.get("status", {})
        count = now.get("collisionCount", 0) + 1
        self.client.update_status({**deployment, "status": {**now, "collisionCount": count}})
        raise error

    def _say_failed(self, deployment: Obj, name: str, error: ApiError) -> None:
        if namespace_terminating(error):
            return
        message = f'Failed to create new replica set "{name}": {error.message}'
        if status.has_deadline(deployment):
            self._write(
                deployment,
                status.make_condition("Progressing", "False", "ReplicaSetCreateError", message, self.loop.now()),
            )
        self.event(deployment, "Warning", "ReplicaSetCreateError", message)

    def _counts(self, deployment: Obj) -> dict[str, str]:
        total = scale.replicas(deployment)
        return {DESIRED: str(total), MAX: str(total + scale.max_surge(deployment))}

    def _scale(self, deployment: Obj, replica_set: Obj, size: int) -> Obj:
        """Ask a ReplicaSet for `size` Pods, and note on it what the Deployment's size was at the time."""
        before, counts = scale.replicas(replica_set), self._counts(deployment)
        notes = notes_of(replica_set)
        if before == size and counts.items() <= notes.items():
            return replica_set
        meta = {**replica_set["metadata"], "annotations": {**notes, **counts}}
        fresh = self.client.update({**replica_set, "metadata": meta, "spec": {**replica_set["spec"], "replicas": size}})
        self._writes.note(key_of(deployment), fresh)
        if size < before:
            self.hold(key_of(deployment), ROUND_TRIP)
        if before != size:
            way = "up" if before < size else "down"
            self.event(
                deployment,
                "Normal",
                "ScalingReplicaSet",
                f"Scaled {way} replica set {meta['name']} from {before} to {size}",
            )
        return fresh

    def _clean_up(self, deployment: Obj, old: Objs) -> None:
        """Delete the oldest revisions beyond the history limit."""
        limit = deployment["spec"].get("revisionHistoryLimit")
        if limit is None or limit == (1 << 31) - 1:
            return
        alive = [one for one in old if "deletionTimestamp" not in one["metadata"]]
        for one in sorted(scale.by_age(alive), key=revision_of)[: max(len(alive) - limit, 0)]:
            seen = one.get("status", {})
            stale = one["metadata"].get("generation", 0) > seen.get("observedGeneration", 0)
            if seen.get("replicas") or scale.replicas(one) or stale:
                continue
            try:
                self.client.delete("replicasets", one["metadata"]["name"], one["metadata"]["namespace"])
            except ApiError as error:
                if not error.not_found:
                    raise

    def _finish(self, deployment: Obj, sets: Objs, new: Obj | None, rolling: bool = True) -> float | None:
        """Write the status if it changed; else wait for the progress deadline."""
        make = status.rollout_status if rolling else status.base_status
        fresh = make(deployment, sets, new, self.loop.now())
        if fresh != deployment.get("status"):
            self.client.write_status({**deployment, "status": fresh})
            return None
        return status.check_again(deployment, fresh, self.loop.now()) if rolling else None
