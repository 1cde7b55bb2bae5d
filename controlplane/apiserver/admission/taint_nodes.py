"""A new node takes no Pods before its first sign of life (plugin/pkg/admission/nodetaint)."""

from __future__ import annotations

from controlplane.apiserver.admission.chain import AdmissionPlugin, Attributes

TAINT = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


class TaintNodesByCondition(AdmissionPlugin):
    name = "TaintNodesByCondition"
    operations = ("CREATE",)
    resources = frozenset({("", "nodes")})

    def admit(self, attributes: Attributes) -> None:
        node = attributes.obj
        if node is None:
            return
        taints = node.setdefault("spec", {}).setdefault("taints", [])
        if not any(t["key"] == TAINT["key"] and t["effect"] == TAINT["effect"] for t in taints):
            taints.append(dict(TAINT))
