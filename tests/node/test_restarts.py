"""Restart policies and the order of containers, for Pods of every make."""

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.node.cluster import Node

scripts = st.tuples(st.integers(0, 20), st.integers(0, 2))  # (seconds, exit code)


def container(name: str, script: tuple[int, int], **more: Any) -> dict[str, Any]:
    seconds, code = script
    return {"name": name, "image": "instant:v1", "command": ["sh", "-c", f"sleep {seconds}; exit {code}"], **more}


@given(
    apps=st.lists(scripts, min_size=1, max_size=3),
    inits=st.lists(st.one_of(scripts, st.just("sidecar")), max_size=3),
    policy=st.sampled_from(["Always", "OnFailure", "Never"]),
)
@settings(max_examples=60, deadline=None)
def test_what_a_pod_comes_to(apps: list[Any], inits: list[Any], policy: str) -> None:
    node = Node()
    side = {"image": "instant:v1", "restartPolicy": "Always"}
    pod: dict[str, Any] = {
        "restartPolicy": policy,
        "initContainers": [
            {"name": f"i{n}", **side} if script == "sidecar" else container(f"i{n}", script)
            for n, script in enumerate(inits)
        ],
        "containers": [container(f"c{n}", script) for n, script in enumerate(apps)],
    }
    node.add(**pod)
    lives: dict[str, list[Any]] = {}  # container -> its attempts, as the runtime has seen them
    uid = node.pod()["metadata"]["uid"]
    for _ in range(800):
        node.run(0.1)
        for c in node.runtime.containers(uid):
            seen = lives.setdefault(c.name, [])
            if c.started_at and not any(attempt is c for attempt in seen):
                seen.append(c)
    status = node.pod()["status"]
    rows: dict[str, Any] = {}
    for entry in [*status["containerStatuses"], *status.get("initContainerStatuses", ())]:
        rows[entry["name"]] = entry
    broken_init = [n for n, script in enumerate(inits) if script != "sidecar" and script[1] != 0]

    for life in lives.values():  # one attempt of a container at a time
        for before, after in pairwise(life):
            assert before.finished_at <= after.started_at
    regular = [f"i{n}" for n, script in enumerate(inits) if script != "sidecar"]
    for before, after in pairwise(regular):  # init containers one after another
        if after in lives:
            assert lives[before][-1].exit_code == 0 and lives[before][-1].finished_at <= lives[after][0].started_at
    for n in range(len(apps)):
        if f"c{n}" in lives:
            assert not broken_init and all(
                lives[name][-1].finished_at <= lives[f"c{n}"][0].started_at for name in regular
            )

    if broken_init:
        assert status["phase"] == ("Failed" if policy == "Never" else "Pending")
        assert not any(f"c{n}" in lives for n in range(len(apps)))
        return
    for n, (_, code) in enumerate(apps):
        again = policy == "Always" or (policy == "OnFailure" and code != 0)
        assert (rows[f"c{n}"]["restartCount"] > 0) == again
        attempts = len(lives[f"c{n}"])  # and perhaps one more that is made, but does not run yet
        assert rows[f"c{n}"]["restartCount"] in (attempts - 1, attempts)
    codes = {code for _, code in apps}
    over = policy == "Never" or (policy == "OnFailure" and codes == {0})
    assert status["phase"] == (("Succeeded" if codes == {0} else "Failed") if over else "Running")
    if over:
        assert all("terminated" in row["state"] for row in rows.values()), "sidecars end with the Pod"
