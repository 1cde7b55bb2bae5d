"""A Pod's priority is a number that its priority class names (plugin/pkg/admission/priority)."""

from __future__ import annotations

from controlplane.apiserver import errors
from controlplane.apiserver.admission.chain import AdmissionPlugin, Attributes, Obj


class Priority(AdmissionPlugin):
    name = "Priority"
    resources = frozenset({("", "pods"), ("scheduling.k8s.io", "priorityclasses")})

    def admit(self, attributes: Attributes) -> None:
        pod = attributes.obj
        if pod is None or attributes.info.plural != "pods":
            return
        if attributes.operation == "UPDATE":
            old = attributes.old or {}
            for field in ("priority", "preemptionPolicy"):  # an update that leaves them out keeps them
                if field in old["spec"] and field not in pod["spec"]:
                    pod["spec"] = {**pod["spec"], field: old["spec"][field]}
            return
        chosen = self._class_of(attributes, pod["spec"].get("priorityClassName", ""))
        value, policy = (chosen["value"], chosen.get("preemptionPolicy")) if chosen else (0, None)
        policy = policy or "PreemptLowerPriority"
        spec = dict(pod["spec"])
        if chosen:
            spec["priorityClassName"] = chosen["metadata"]["name"]
        if spec.get("priority") is not None and spec["priority"] != value:
            raise errors.forbidden(
                attributes.info,
                attributes.name,
                "the integer value of priority must not be "
                "provided in pod spec; priority admission controller computed "
                f"{value} from the given PriorityClass name",
            )
        if spec.get("preemptionPolicy") is not None and spec["preemptionPolicy"] != policy:
            raise errors.forbidden(
                attributes.info,
                attributes.name,
                "the string value of PreemptionPolicy must not be "
                "provided in pod spec; priority admission controller computed "
                f"{policy} from the given PriorityClass name",
            )
        spec["priority"] = value
        spec["preemptionPolicy"] = policy
        pod["spec"] = spec

    def _class_of(self, attributes: Attributes, name: str) -> Obj | None:
        if name:
            found = self.server.read("priorityclasses.scheduling.k8s.io", name)
            if found is None:
                raise errors.forbidden(attributes.info, attributes.name, f"no PriorityClass with name {name} was found")
            return found
        defaults = [c for c in self.server.read_all("priorityclasses.scheduling.k8s.io") if c.get("globalDefault")]
        return min(defaults, key=lambda c: c["value"], default=None)

    def validate(self, attributes: Attributes) -> None:
        new = attributes.obj
        if attributes.info.plural != "priorityclasses" or new is None or not new.get("globalDefault"):
            return
        for other in self.server.read_all("priorityclasses.scheduling.k8s.io"):
            if other.get("globalDefault") and other["metadata"]["name"] != new["metadata"].get("name"):
                raise errors.forbidden(
                    attributes.info,
                    attributes.name,
                    f"PriorityClass {other['metadata']['name']} is "
                    "already marked as default. Only one default can exist",
                )
