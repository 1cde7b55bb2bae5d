"""Defaults of Pods and of what has a Pod in it (kubernetes: pkg/apis/core/v1/defaults.go, conversion.go)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from controlplane.apiserver.defaults.quantities import round_up

Obj = dict[str, Any]

_HOST = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN = rf"(?:{_HOST}(?:\.{_HOST})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_DIGEST = "@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
_image = re.compile(
    rf"(?:{_DOMAIN}/)?{_PART}(?:/{_PART})*(?::(?P<tag>\w[\w.-]{{0,127}}))?(?P<digest>{_DIGEST})?", re.ASCII
).fullmatch
_identifier = re.compile("[a-f0-9]{64}").fullmatch


@lru_cache(1024)
def pull_policy(image: str) -> str:
    """Always for `:latest`, said or meant; also what cannot be read as an image's name is IfNotPresent."""
    match = None if _identifier(image) else _image(image)
    latest = match is not None and (match["tag"] or ("" if match["digest"] else "latest")) == "latest"
    return "Always" if latest else "IfNotPresent"


def probe(p: Obj) -> None:
    if not p.get("timeoutSeconds"):
        p["timeoutSeconds"] = 1
    if not p.get("periodSeconds"):
        p["periodSeconds"] = 10
    if not p.get("successThreshold"):
        p["successThreshold"] = 1
    if not p.get("failureThreshold"):
        p["failureThreshold"] = 3
    if "httpGet" in p:
        http_get(p["httpGet"])
    if "grpc" in p and p["grpc"].get("service") is None:
        p["grpc"]["service"] = ""


def http_get(action: Obj) -> None:
    if not action.get("path"):
        action["path"] = "/"
    if not action.get("scheme"):
        action["scheme"] = "HTTP"


def resources(r: Obj) -> None:
    for key in ("limits", "requests"):
        if key in r:
            round_up(r[key])


def container(c: Obj) -> None:
    if not c.get("imagePullPolicy"):
        c["imagePullPolicy"] = pull_policy(c.get("image", ""))
    if not c.get("terminationMessagePath"):
        c["terminationMessagePath"] = "/dev/termination-log"
    if not c.get("terminationMessagePolicy"):
        c["terminationMessagePolicy"] = "File"
    for port in c.get("ports") or ():
        if not port.get("protocol"):
            port["protocol"] = "TCP"
    for env in c.get("env") or ():
        source = env.get("valueFrom")
        if source:
            if "fieldRef" in source:
                source["fieldRef"].setdefault("apiVersion", "v1")
            if "resourceFieldRef" in source:
                source["resourceFieldRef"].setdefault("divisor", "0")
            if "fileKeyRef" in source:
                source["fileKeyRef"].setdefault("optional", False)
    if r := c.get("resources"):
        resources(r)
    else:
        c["resources"] = {}
    for key in ("livenessProbe", "readinessProbe", "startupProbe"):
        if key in c:
            probe(c[key])
    if "lifecycle" in c:
        for hook in c["lifecycle"].values():
            if isinstance(hook, dict) and "httpGet" in hook:
                http_get(hook["httpGet"])


_SOURCES: dict[str, Obj] = {
    "secret": {"defaultMode": 420},
    "configMap": {"defaultMode": 420},
    "downwardAPI": {"defaultMode": 420},
    "projected": {"defaultMode": 420},
    "hostPath": {"type": ""},
    "iscsi": {"iscsiInterface": "default"},
    "rbd": {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
    "azureDisk": {"cachingMode": "ReadWrite", "fsType": "ext4", "readOnly": False, "kind": "Shared"},
    "scaleIO": {"storageMode": "ThinProvisioned", "fsType": "xfs"},
}


def _items(source: Obj) -> None:
    for item in source.get("items") or ():
        if "fieldRef" in item:
            item["fieldRef"].setdefault("apiVersion", "v1")
        if "resourceFieldRef" in item:
            item["resourceFieldRef"].setdefault("divisor", "0")


def volume_source(source: Obj) -> None:
    """What a volume of a Pod and a PersistentVolume have in common."""
    for key, values in _SOURCES.items():
        if key in source:
            have = source[key]
            for field, value in values.items():
                if have.get(field) is None or (have[field] == "" and value):
                    have[field] = value


def volume(v: Obj) -> None:
    if len(v) <= 1 and not (v.keys() - {"name"}):
        v["emptyDir"] = {}
        return
    volume_source(v)
    if "downwardAPI" in v:
        _items(v["downwardAPI"])
    elif "projected" in v:
        for source in v["projected"].get("sources") or ():
            if "downwardAPI" in source:
                _items(source["downwardAPI"])
            if "serviceAccountToken" in source:
                source["serviceAccountToken"].setdefault("expirationSeconds", 3600)
    elif "ephemeral" in v:
        template = v["ephemeral"].get("volumeClaimTemplate")
        if template is not None:
            template.setdefault("metadata", {})
            claim_spec(template.setdefault("spec", {}))
    elif "image" in v:
        image = v["image"]
        if not image.get("pullPolicy"):
            image["pullPolicy"] = pull_policy(image.get("reference", ""))


def claim_spec(spec: Obj) -> None:
    spec.setdefault("volumeMode", "Filesystem")
    resources(spec.setdefault("resources", {}))


def pod_spec(spec: Obj) -> None:
    """SetDefaults_PodSpec and all below it."""
    if not spec.get("dnsPolicy"):
        spec["dnsPolicy"] = "ClusterFirst"
    if not spec.get("restartPolicy"):
        spec["restartPolicy"] = "Always"
    if spec.get("securityContext") is None:
        spec["securityContext"] = {}
    if spec.get("terminationGracePeriodSeconds") is None:
        spec["terminationGracePeriodSeconds"] = 30
    if not spec.get("schedulerName"):
        spec["schedulerName"] = "default-scheduler"
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:  # the old name goes along with the new one (conversion.go)
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for c in spec.get("containers") or ():
        container(c)
    for key in ("initContainers", "ephemeralContainers"):
        for c in spec.get(key) or ():
            container(c)
    for v in spec.get("volumes") or ():
        volume(v)
    if "overhead" in spec:
        round_up(spec["overhead"])
    if "resources" in spec:
        resources(spec["resources"])


def pod(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    pod_spec(spec)
    for key in ("containers", "initContainers"):
        for c in spec.get(key) or ():
            limits = c["resources"].get("limits")
            if limits:
                requests = c["resources"].setdefault("requests", {})
                for name, value in limits.items():
                    requests.setdefault(name, value)
    if "resources" in spec:
        pod_level(spec)
    if spec.get("enableServiceLinks") is None:
        spec["enableServiceLinks"] = True
    if spec.get("hostNetwork"):
        for key in ("containers", "initContainers"):
            for c in spec.get(key) or ():
                for port in c.get("ports") or ():
                    if not port.get("hostPort") and port.get("containerPort"):
                        port["hostPort"] = port["containerPort"]
    if status := obj.get("status"):
        _addresses(status)


def pod_level(spec: Obj) -> None:
    """Requests of the whole Pod from its limits.

    *Note*: sums over the containers, which upstream takes where they have requests of their own, are left out here.
    """
    limits = spec["resources"].get("limits")
    if not limits or any(c["resources"].get("requests") for c in spec.get("containers") or ()):
        return
    requests = spec["resources"].setdefault("requests", {})
    for name, value in limits.items():
        requests.setdefault(name, value)


def _addresses(status: Obj) -> None:
    """podIP is the first of podIPs; where they differ, podIP is right (conversion.go)."""
    ip, ips = status.get("podIP"), status.get("podIPs")
    if ip and (not ips or ips[0].get("ip") != ip):
        status["podIPs"] = [{"ip": ip}]
    elif ips and not ip:
        status["podIP"] = ips[0].get("ip", "")


def template(t: Obj) -> None:
    t.setdefault("metadata", {})
    pod_spec(t.setdefault("spec", {}))


def pod_template(obj: Obj) -> None:
    template(obj.setdefault("template", {}))
