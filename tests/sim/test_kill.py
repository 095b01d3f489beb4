"""A member killed at any moment: the others decide, and it comes back to the same verdict."""

import pytest

from consensus.agreement.effects import Persist
from consensus.committee import FaultMode
from consensus.deliberation.effects import Progress
from consensus.deliberation.phases import Phase
from node.sim.member import SimNode
from tests.harness.swarms import SmallSwarm, decided, verdict

WRITES = 13
"""Slots that a member fills in one round: ACCEPT, commit, batch, seal, opening, the outcome's
REPORT, two votes at each point; a proposer one more."""


class Deadly(SmallSwarm):
    """One member dies at its `write`-th durable write, or on entering `phase`."""

    def __init__(
        self,
        count: int = 4,
        *,
        victim: int,
        write: int = 0,
        phase: Phase | None = None,
        away_ms: int | None = 3_000,
        mode: FaultMode = FaultMode.BYZANTINE,
    ) -> None:
        self.victim = victim
        self.write = write
        self.phase = phase
        self.away_ms = away_ms
        self.died_at: int | None = None
        self._writes = 0
        super().__init__(count, mode=mode)

    def settled(self) -> bool:
        others = [node for node in self.honest() if node.position != self.victim]
        victim = self.nodes[self.victim]
        back = victim.finish is not None or (self.away_ms is None and not victim.up)
        return back and all(node.finish is not None for node in others)

    def persisted(self, node: SimNode, effect: Persist) -> None:
        if node.position == self.victim:
            self._writes += 1
            if self._writes == self.write:
                self._kill(node)

    def progressed(self, node: SimNode, effect: Progress) -> None:
        super().progressed(node, effect)
        here = node.task.phase if node.task is not None else None
        if node.position == self.victim and here is self.phase and self.died_at is None:
            self._kill(node)

    def _kill(self, node: SimNode) -> None:
        self.died_at = self.clock.now
        node.crash()
        if self.away_ms is not None:
            self.clock.after(self.away_ms, node.boot)


@pytest.mark.parametrize("victim", range(4))
@pytest.mark.parametrize("write", range(1, WRITES + 1))
def test_member_killed_after_any_write_comes_back_to_the_same_verdict(
    victim: int, write: int
) -> None:
    for away_ms in (1, 3_000, 60_000):
        swarm = Deadly(victim=victim, write=write, away_ms=away_ms)
        decided(swarm)
        assert swarm.died_at is not None or write == WRITES


@pytest.mark.parametrize("victim", range(4))
@pytest.mark.parametrize("phase", list(Phase)[:-1], ids=lambda phase: phase.name.lower())
def test_member_killed_in_any_phase_comes_back_to_the_same_verdict(
    victim: int, phase: Phase
) -> None:
    swarm = Deadly(victim=victim, phase=phase, away_ms=2_000)
    decided(swarm)
    assert swarm.died_at is not None


@pytest.mark.parametrize("victim", range(4))
@pytest.mark.parametrize("phase", list(Phase)[:-1], ids=lambda phase: phase.name.lower())
def test_three_members_decide_without_one_that_dies_in_any_phase(victim: int, phase: Phase) -> None:
    swarm = Deadly(victim=victim, phase=phase, away_ms=None)
    assert swarm.run(limit=120_000)
    assert len({verdict(swarm, node).id for node in swarm.honest() if node.up}) == 1


@pytest.mark.parametrize("write", range(1, WRITES + 1))
def test_lone_member_comes_back_with_its_own_proposal(write: int) -> None:
    checked = decided(Deadly(1, victim=0, write=write, away_ms=1))
    assert checked.decision["answer"] == "a"
    assert checked.decision["status"] == "unjudged"


@pytest.mark.parametrize("write", range(1, WRITES + 1))
def test_crash_mode_of_three_survives_one_death(write: int) -> None:
    swarm = Deadly(3, victim=1, write=write, away_ms=None, mode=FaultMode.CRASH)
    assert swarm.run(limit=120_000)
    assert len({verdict(swarm, node).id for node in swarm.honest() if node.up}) == 1


def test_everybody_killed_at_once_comes_back_to_one_verdict() -> None:
    for at_ms in range(2, 60, 3):
        swarm = SmallSwarm()
        swarm.boot()
        swarm.clock.run(lambda swarm=swarm, at=at_ms: swarm.clock.now >= at, 1_000)
        for node in swarm.nodes:
            node.crash()
        for node in swarm.nodes:
            node.boot()
        assert swarm.clock.run(swarm.settled, 60_000), at_ms
        assert len(swarm.outcomes()) == 1
