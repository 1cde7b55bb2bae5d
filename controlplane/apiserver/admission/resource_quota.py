"""ResourceQuotas: what a namespace may use in all (plugin/pkg/admission/resourcequota).

An object that fits is charged at once, in the quota's status; the quota controller gives back what is deleted.
"""

from __future__ import annotations

from controlplane.apiserver import errors
from controlplane.apiserver.admission.chain import AdmissionPlugin, Attributes, Obj
from controlplane.apiserver.admission.quota_usage import Usage, in_scope, is_finished, missing_from, usage_of
from controlplane.quantity import Quantity

UPDATED = frozenset({"services", "persistentvolumeclaims"})  # what an update can make larger
ZERO = Quantity.parse("0")


class ResourceQuota(AdmissionPlugin):
    name = "ResourceQuota"
    operations = ("CREATE", "UPDATE")

    def validate(self, attributes: Attributes) -> None:
        info, obj = attributes.info, attributes.obj
        if obj is None or not info.namespaced or not info.stored:
            return
        if attributes.operation == "UPDATE" and (info.group or info.plural not in UPDATED):
            return
        charged = []
        for quota in self.server.read_all("resourcequotas", attributes.namespace):
            if (info.plural, info.group) == ("resourcequotas", "") and quota["metadata"]["name"] == attributes.name:
                continue
            if in_scope(quota, info, obj) and (new := self._charge(quota, attributes, obj)) is not None:
                charged.append(new)
        if not attributes.dry_run:
            for quota in charged:
                self.server.write_back("resourcequotas", quota)

    def _charge(self, quota: Obj, attributes: Attributes, obj: Obj) -> Obj | None:
        """The quota with this object charged to it; None if it takes nothing of it, 403 if it does not fit."""
        info = attributes.info
        wanted = usage_of(info, obj)
        if attributes.old is not None:
            before = usage_of(info, attributes.old)
            wanted = {name: amount - before.get(name, ZERO) for name, amount in wanted.items()}
        name, limits = quota["metadata"]["name"], quota["spec"].get("hard") or {}
        is_new_pod = (info.plural, info.group) == ("pods", "") and attributes.old is None and not is_finished(obj)
        if is_new_pod and (missing := missing_from(obj, limits)):
            self._refuse(attributes, f"failed quota: {name}: must specify {missing}")
        asked = {resource: amount for resource, amount in wanted.items() if resource in limits and amount > ZERO}
        if not asked:
            return None
        status = quota.get("status") or {}
        hard, used = status.get("hard") or {}, status.get("used") or {}
        unknown = sorted(resource for resource in asked if resource not in hard or resource not in used)
        if unknown:
            self._refuse(attributes, f"status unknown for quota: {name}, resources: {','.join(unknown)}")
        total = {resource: Quantity.parse(used[resource]) + amount for resource, amount in asked.items()}
        over = sorted(resource for resource in asked if Quantity.parse(hard[resource]) < total[resource])
        if over:
            self._refuse(
                attributes,
                f"exceeded quota: {name}, requested: {_shown(asked, over)}, "
                f"used: {_listed(used, over)}, limited: {_listed(hard, over)}",
            )
        return {**quota, "status": {**status, "used": {**used, **{r: str(q) for r, q in total.items()}}}}

    @staticmethod
    def _refuse(attributes: Attributes, message: str) -> None:
        raise errors.forbidden(attributes.info, attributes.name, message)


def _shown(usage: Usage, names: list[str]) -> str:
    return ",".join(f"{name}={usage[name]}" for name in names)


def _listed(amounts: Obj, names: list[str]) -> str:
    return ",".join(f"{name}={amounts[name]}" for name in names)
