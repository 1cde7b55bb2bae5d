"""Phases and conditions: what holds for every combination of container states."""

from hypothesis import given
from hypothesis import strategies as st

from controlplane.client.base import Obj
from controlplane.clock import EPOCH
from controlplane.node.container_slot import ContainerSlot, Kind
from controlplane.node.pod_status import Facts, pod_status, terminated
from controlplane.node.runtime import Container

STATES = ["none", "created", "running", "exited 0", "exited 1", "waiting", "waiting after 1"]


def slot(name: str, kind: Kind, state: str) -> ContainerSlot:
    spec: Obj = {"name": name, "image": "app:v1"}
    if kind == "sidecar":
        spec["restartPolicy"] = "Always"
    made = ContainerSlot(spec, kind)
    if state in ("none", "waiting"):
        made.waiting = ("ErrImagePull", "no") if state == "waiting" else None
        return made
    word, _, code = state.partition(" ")
    container = Container("id", "uid", name, 0, "app:v1", "sha", started_at=EPOCH, finished_at=EPOCH + 1)
    container.state = "created" if word == "created" else "running" if word == "running" else "exited"
    container.exit_code = int(code.split()[-1]) if code else 0
    container.reason = "Error" if container.exit_code else "Completed"
    made.current = container
    if word == "waiting":
        made.waiting, made.last = ("CrashLoopBackOff", "back-off"), terminated(container)
    if word == "running":
        made.started = made.ready = True
    if kind == "init":
        made.ready = state == "exited 0"
    return made


@given(
    apps=st.lists(st.sampled_from(STATES), min_size=1, max_size=3),
    inits=st.lists(st.tuples(st.sampled_from(["init", "sidecar"]), st.sampled_from(STATES)), max_size=2),
    policy=st.sampled_from(["Always", "OnFailure", "Never"]),
    final=st.booleans(),
)
def test_phase_and_conditions(apps: list[str], inits: list[tuple[Kind, str]], policy: str, final: bool) -> None:
    slots = [slot(f"i{n}", kind, state) for n, (kind, state) in enumerate(inits)]
    slots += [slot(f"c{n}", "app", state) for n, state in enumerate(apps)]
    pod: Obj = {
        "metadata": {"name": "p", "namespace": "default", "uid": "uid"},
        "spec": {
            "restartPolicy": policy,
            "initContainers": [s.spec for s in slots if s.kind != "app"],
            "containers": [s.spec for s in slots if s.kind == "app"],
        },
    }
    facts = Facts(pod, "192.168.0.2", "10.244.0.2", not final, EPOCH, final, EPOCH + 2)
    status = pod_status(facts, slots, {})
    phase, conditions = status["phase"], {c["type"]: c for c in status["conditions"]}
    assert phase in ("Pending", "Running", "Succeeded", "Failed")
    if final:
        assert phase in ("Succeeded", "Failed"), "a Pod that is over is never called Running"
    if phase == "Succeeded":
        assert all(state == "exited 0" for state in apps)
    if phase == "Running" and not inits:
        assert "none" not in apps and "created" not in apps and "waiting" not in apps
    if policy == "Always" and not final:
        assert phase in ("Pending", "Running")
    if policy == "Never" and not final and not inits and all(state.startswith("exited") for state in apps):
        assert phase == ("Succeeded" if set(apps) == {"exited 0"} else "Failed")
    ready = conditions["Ready"]["status"] == "True"
    assert ready == (conditions["ContainersReady"]["status"] == "True")
    if ready:
        assert phase in ("Pending", "Running") and all(state == "running" for state in apps)
    assert [row["name"] for row in status["containerStatuses"]] == [s.name for s in slots if s.kind == "app"]
    for row in [*status["containerStatuses"], *status.get("initContainerStatuses", ())]:
        assert len(row["state"]) == 1
        assert not (row["ready"] and "waiting" in row["state"])


def test_a_condition_keeps_its_time_while_its_status_stays() -> None:
    pod: Obj = {"metadata": {"name": "p", "namespace": "default", "uid": "u"}, "spec": {"containers": [{"name": "c0"}]}}
    slots = [slot("c0", "app", "running")]
    first = pod_status(Facts(pod, "1.1.1.1", "2.2.2.2", True, EPOCH, False, EPOCH), slots, {})
    second = pod_status(Facts(pod, "1.1.1.1", "2.2.2.2", True, EPOCH, False, EPOCH + 60), slots, first)
    assert second == first
    slots[0].ready = False
    third = pod_status(Facts(pod, "1.1.1.1", "2.2.2.2", True, EPOCH, False, EPOCH + 90), slots, second)
    times = {c["type"]: c["lastTransitionTime"] for c in third["conditions"]}
    assert times["Ready"].endswith("00:01:30Z") and times["PodScheduled"].endswith("00:00:00Z")


def test_a_terminal_phase_is_kept() -> None:
    pod: Obj = {
        "metadata": {"name": "p", "namespace": "default", "uid": "u"},
        "spec": {"containers": [{"name": "c0"}]},
        "status": {"phase": "Failed", "reason": "Evicted", "message": "why"},
    }
    status = pod_status(Facts(pod, "1.1.1.1", "", False, EPOCH, False, EPOCH), [slot("c0", "app", "running")], {})
    assert (status["phase"], status["reason"], status["message"]) == ("Failed", "Evicted", "why")
