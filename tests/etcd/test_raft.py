"""Raft keeps its promises whatever the network does, and makes progress when it can."""

from typing import Any

import pytest

from controlplane.etcd.raft import ELECTION_TIMEOUT, LOST
from tests.etcd.linearizability import linearizable
from tests.etcd.raft_world import Operation, World

SCHEDULES, BATCHES = 1000, 10


@pytest.mark.parametrize("batch", range(BATCHES))
def test_safety_and_linearizability_over_random_schedules(batch: int) -> None:
    """The members' safety is checked at every step, see raft_world; what clients saw is checked at the end."""
    for seed in range(batch * SCHEDULES, (batch + 1) * SCHEDULES):
        world = World(seed)
        world.run(9)
        assert linearizable(world.operations()), f"schedule {seed}"


@pytest.mark.parametrize("seed", range(100))
def test_when_faults_end_all_members_agree(seed: int) -> None:
    world = World(seed)
    world.run(12)
    world.mend()
    world.network.delay = (0.001, 0.01)
    world.loop.run_for(10)
    [leader] = world.leaders()
    answers: list[Any] = []
    assert leader.propose(("put", "x", "last"), answers.append)
    world.loop.run_for(1)
    assert answers == [None]
    assert len({str(sorted(machine.values.items())) for machine in world.machines.values()}) == 1
    assert linearizable([*world.operations(), Operation(0, float("inf"), "put", "x", "last", None)])


def quiet(seed: int = 1) -> World:
    """Three members on a good network, with a leader."""
    world = World(seed)
    while len(world.names) != 3:
        seed += 1
        world = World(seed)
    world.network.drop = world.network.double = 0.0
    world.network.delay = (0.001, 0.002)
    assert world.loop.run_until(lambda: len(world.leaders()) == 1, 10)
    world.loop.run_for(1)
    return world


def test_a_member_that_was_cut_off_does_not_disturb_the_leader() -> None:
    world = quiet()
    leader = world.leaders()[0]
    term, lonely = leader.log.term, leader.peers[0]
    for other in world.names:
        if other != lonely:
            world.network.cut(lonely, other)
    world.loop.run_for(30)
    world.network.heal_all()
    world.loop.run_for(5)
    assert world.leaders() == [leader]
    assert leader.log.term == term


def test_the_leadership_is_handed_over_faster_than_by_an_election() -> None:
    world = quiet()
    leader = world.leaders()[0]
    heir = leader.peers[1]
    assert leader.transfer(heir)
    world.loop.run_for(ELECTION_TIMEOUT / 10)
    assert [member.id for member in world.leaders()] == [heir]
    assert not leader.transfer(heir)


def test_a_leader_without_a_majority_stops_to_lead_and_answers_no_read() -> None:
    world = quiet()
    leader = world.leaders()[0]
    for peer in leader.peers:
        world.crash(peer)
    answers: list[Any] = []
    leader.read(answers.append)
    leader.propose(("put", "x", 1), answers.append)
    world.loop.run_for(3 * ELECTION_TIMEOUT)
    assert leader.role != "leader"
    assert answers == []
    assert not leader.propose(("put", "x", 2), answers.append)


def test_a_proposal_that_another_leader_replaced_is_lost() -> None:
    world = quiet()
    leader = world.leaders()[0]
    for peer in leader.peers:
        world.network.cut(leader.id, peer)
    answers: list[Any] = []
    assert leader.propose(("put", "x", 1), answers.append)
    assert world.loop.run_until(lambda: any(other is not leader for other in world.leaders()), 10)
    world.network.heal_all()
    world.loop.run_for(5)
    assert answers == [LOST]
    assert world.machines[leader.id].values == {}


def test_a_follower_far_behind_gets_a_snapshot() -> None:
    world = quiet()
    leader = world.leaders()[0]
    slow = leader.peers[0]
    world.crash(slow)
    leader.snapshot_entries = 10
    for number in range(50):
        leader.propose(("put", f"k{number}", number), lambda _: None)
        world.loop.run_for(0.1)
    assert leader.log.base > 30
    world.start(slow)
    world.loop.run_for(3)
    assert world.machines[slow].values == world.machines[leader.id].values
    assert world.logs[slow].base >= 30


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([Operation(0, 1, "put", "x", 1, None), Operation(2, 3, "get", "x", None, 1)], True),
        ([Operation(0, 1, "put", "x", 1, None), Operation(2, 3, "get", "x", None, None)], False),  # a stale read
        ([Operation(0, 9, "put", "x", 1, None), Operation(2, 3, "get", "x", None, None)], True),
        ([Operation(0, float("inf"), "put", "x", 1, None), Operation(2, 3, "get", "x", None, 1)], True),
        (
            [
                Operation(0, 9, "put", "x", 1, None),
                Operation(1, 2, "get", "x", None, 1),
                Operation(3, 4, "get", "x", None, None),
            ],
            False,  # the value went back
        ),
        ([Operation(0, 1, "swap", "x", (None, 1), True), Operation(0, 1, "swap", "x", (None, 2), True)], False),
    ],
)
def test_the_checker_itself(history: list[Operation], expected: bool) -> None:
    assert linearizable(history) is expected


def test_a_leader_that_was_replaced_and_does_not_know_answers_no_read() -> None:
    world = quiet()
    old = world.leaders()[0]
    for peer in old.peers:
        world.network.cut(old.id, peer)
    heir = world.up[old.peers[0]]
    heir._campaign(pre=False, transfer=True)
    world.loop.run_for(0.01)
    answers: list[Any] = []
    assert heir.propose(("put", "x", "new"), answers.append)
    world.loop.run_for(0.01)
    assert answers == [None]
    assert old.role == heir.role == "leader"
    stale: list[Any] = []
    assert old.read(stale.append)
    world.loop.run_for(5)
    assert stale == []


def test_a_member_that_lacks_what_is_committed_is_not_elected() -> None:
    world = quiet()
    leader = world.leaders()[0]
    behind = leader.peers[0]
    for other in world.names:
        if other != behind:
            world.network.cut(behind, other)
    answers: list[Any] = []
    leader.propose(("put", "x", 1), answers.append)
    world.loop.run_for(0.01)
    assert answers == [None]
    world.network.heal_all()
    world.crash(leader.id)
    for _ in range(5):
        world.up[behind]._campaign(pre=False, transfer=True)
        world.loop.run_for(0.05)
        assert world.up[behind].role != "leader"
    world.loop.run_for(5)
    assert [member.id for member in world.leaders()] == [leader.peers[1]]
