"""Why a Pod stays bound to a dead node for five minutes: every Pod tolerates it that long, unless it says otherwise.

(plugin/pkg/admission/defaulttolerationseconds)
"""

from __future__ import annotations

from controlplane.apiserver.admission.chain import AdmissionPlugin, Attributes, Obj

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
SECONDS = 300
BOTH = [  # shared by all Pods that tolerate nothing else
    {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": SECONDS}
    for key in (NOT_READY, UNREACHABLE)
]


class DefaultTolerationSeconds(AdmissionPlugin):
    name = "DefaultTolerationSeconds"
    resources = frozenset({("", "pods")})

    def admit(self, attributes: Attributes) -> None:
        pod = attributes.obj
        if pod is None:
            return
        tolerations = pod["spec"].get("tolerations") or []
        if not tolerations:
            pod["spec"] = {**pod["spec"], "tolerations": BOTH}
            return
        missing = [
            {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": SECONDS}
            for key in (NOT_READY, UNREACHABLE)
            if not any(_covers(t, key) for t in tolerations)
        ]
        if missing:
            pod["spec"] = {**pod["spec"], "tolerations": [*tolerations, *missing]}


def _covers(toleration: Obj, key: str) -> bool:
    return toleration.get("key", "") in (key, "") and toleration.get("effect", "") in ("NoExecute", "")
