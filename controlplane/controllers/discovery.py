"""What kinds the server has, for controllers that deal with all of them (client-go: discovery)."""

from __future__ import annotations

from controlplane.client.base import ApiError, Client, Resource

IGNORED = {("", "events"), ("events.k8s.io", "events")}  # the garbage collector's ignored resources


def resources(client: Client, *verbs: str) -> list[Resource]:
    """The resources, in the preferred version of their group, that support all of `verbs`; the server's order."""
    versions = [("", "v1", "/api/v1")]
    for group in client.request("GET", "/apis").get("groups", ()):
        version = (group.get("preferredVersion") or group["versions"][0])["version"]
        versions.append((group["name"], version, f"/apis/{group['name']}/{version}"))
    found = []
    for group_name, version, path in versions:
        try:
            listed = client.request("GET", path).get("resources", ())
        except ApiError as error:
            if not error.not_found:  # a group that was removed in between
                raise
            continue
        for one in listed:
            if "/" not in one["name"] and set(verbs) <= set(one.get("verbs", ())):
                found.append(Resource(group_name, version, one["kind"], one["name"], one["namespaced"]))
    return found


def name_of(resource: Resource) -> str:
    """The name by which a client knows the resource: "pods", "deployments.apps"."""
    return f"{resource.plural}.{resource.group}" if resource.group else resource.plural
