"""Who may do what, and what is asked before a write goes through."""

from __future__ import annotations

from typing import Any

from controlplane.apiserver.tables.cells import NONE, UNSET, Cells, Obj, at, created, human_duration, name


def print_binding(obj: Obj, now: float) -> Cells:
    role: Any = obj.get("roleRef") or {}
    subjects = obj.get("subjects") or ()

    def of(kind: str) -> str:
        return ", ".join(s.get("name", "") for s in subjects if s.get("kind") == kind)

    accounts = ", ".join(
        f"{s.get('namespace', '')}/{s.get('name', '')}" for s in subjects if s.get("kind") == "ServiceAccount"
    )
    return [
        name(obj),
        f"{role.get('kind', '')}/{role.get('name', '')}",
        created(obj, now),
        of("User"),
        of("Group"),
        accounts,
    ]


def print_signing_request(obj: Obj, now: float) -> Cells:
    conditions = {c.get("type") for c in at(obj, "status.conditions", [])}
    status = "Denied" if "Denied" in conditions else "Approved" if "Approved" in conditions else "Pending"
    if "Failed" in conditions:
        status += ",Failed"
    if at(obj, "status.certificate"):
        status += ",Issued"
    seconds = at(obj, "spec.expirationSeconds")
    return [
        name(obj),
        created(obj, now),
        at(obj, "spec.signerName") or NONE,
        at(obj, "spec.username", ""),
        NONE if seconds is None else human_duration(seconds),
        status,
    ]


def print_webhooks(obj: Obj, now: float) -> Cells:
    return [name(obj), len(obj.get("webhooks") or ()), created(obj, now)]


def print_admission_policy(obj: Obj, now: float) -> Cells:
    kind: Any = at(obj, "spec.paramKind")
    parameter = f"{kind.get('apiVersion', '')}/{kind.get('kind', '')}" if kind else UNSET
    return [name(obj), len(at(obj, "spec.validations", [])), parameter, created(obj, now)]


def print_admission_policy_binding(obj: Obj, now: float) -> Cells:
    """*Note*: a parameter that a selector chooses is shown as unset; upstream prints the selector's Go text."""
    reference: Any = at(obj, "spec.paramRef", {})
    parameter = f"{reference.get('namespace') or '*'}/{reference['name']}" if reference.get("name") else UNSET
    return [name(obj), at(obj, "spec.policyName", ""), parameter, created(obj, now)]


PRINTERS = {
    "rbac.authorization.k8s.io/RoleBinding": print_binding,
    "rbac.authorization.k8s.io/ClusterRoleBinding": print_binding,
    "certificates.k8s.io/CertificateSigningRequest": print_signing_request,
    "admissionregistration.k8s.io/MutatingWebhookConfiguration": print_webhooks,
    "admissionregistration.k8s.io/ValidatingWebhookConfiguration": print_webhooks,
    "admissionregistration.k8s.io/ValidatingAdmissionPolicy": print_admission_policy,
    "admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding": print_admission_policy_binding,
}
