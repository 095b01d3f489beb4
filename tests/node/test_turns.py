"""What one opener's many tasks ask for does not delay another opener's one (rule T3).

Told by which step the core took after which, under a clock that moves as a test says.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

from consensus.agreement.effects import TimerKey
from consensus.deliberation.effects import Expire
from consensus.envelope import Stage
from consensus.policy import Policy
from node.clock import SystemClock
from node.config import LimitsConfig
from node.live import Live
from node.runner import BACKLOG, EVENT, TURN_MS
from tests.harness.daemons import Grove, Node

TASKS = 100
EACH = 10
"""Events of each task."""
NEVER = Expire(key=TimerKey(round=99, stage=Stage.SLATE, name="close"))
"""An event that changes nothing."""


class Counted(SystemClock):
    """Each look at it takes so many ns, and nothing else takes any."""

    def __init__(self, each_ns: int) -> None:
        self._each_ns = each_ns
        self._ns = super().monotonic_ns()

    def monotonic_ns(self) -> int:
        self._ns += self._each_ns
        return self._ns


class Flooded:
    """Alice with a hundred tasks of mallory's and one of its own; which step it takes when."""

    def __init__(self, node: Node, clock: Counted) -> None:
        self.node = node
        self.steps: list[bytes] = []
        self.turns: list[int] = []
        runner = node.runner
        runner._clock = clock
        advance, turn = runner._advance, runner._turn

        def advancing(live: Live, step: Any) -> None:
            self.steps.append(live.account)
            advance(live, step)

        async def turning() -> None:
            await turn()
            self.turns.append(len(self.steps))

        runner._advance = advancing  # type: ignore[method-assign]
        runner._turn = turning  # type: ignore[method-assign]

    async def flood(self) -> None:
        for live in [one for one in self.node.runner.live.values() if one.account != self.me]:
            for _ in range(EACH):
                self.node.runner.step(live.task.id, NEVER)

    @property
    def me(self) -> bytes:
        return self.node.runner.me


async def flooded(grove: Grove, each_ns: int) -> tuple[Flooded, Live]:
    """The scene, and alice's own task in it."""
    await grove.start("alice")
    rogue, alice, node = await grove.rogue(), grove.key("alice"), grove.nodes["alice"]
    patient = Policy(rounds=1, accept_ms=600_000, draft_ms=600_000, exchange_ms=600_000)
    committee = rogue.committee(alice, policy=patient)
    await rogue.flood(alice, [rogue.opening(committee) for _ in range(TASKS)])
    opened = grove.open("alice", grove.ask("alice", "mallory", accept_ms=600_000))
    await node.settled()
    assert len(node.runner.live) == TASKS + 1
    return Flooded(node, Counted(each_ns)), node.runner.live[opened.id]


LIMITS = LimitsConfig(tasks=4 * TASKS, stop_s=1)


async def test_a_hundred_tasks_of_one_opener_take_half_the_steps_while_anothers_one_waits(
    tmp_path: Path,
) -> None:
    async with Grove(tmp_path, "alice", rogues=("mallory",), limits=LIMITS) as grove:
        scene, own = await flooded(grove, 0)
        await scene.flood()  # a thousand events, and nothing has run yet
        for _ in range(EACH):
            scene.node.runner.step(own.task.id, NEVER)
        await scene.node.settled()
        assert len(scene.steps) >= TASKS * EACH + EACH
        last = max(at for at, account in enumerate(scene.steps) if account == scene.me)
        assert last <= 2 * EACH


async def test_a_turn_ends_in_time_and_what_came_meanwhile_is_served_at_once_in_the_next(
    tmp_path: Path,
) -> None:
    async with Grove(tmp_path, "alice", rogues=("mallory",), limits=LIMITS) as grove:
        scene, own = await flooded(grove, 1_000_000)
        await scene.flood()
        await scene.node.until(lambda: scene.turns)
        before = len(scene.steps)
        assert before <= TURN_MS
        scene.node.runner.step(own.task.id, NEVER)
        await scene.node.until(lambda: scene.me in scene.steps[before:])
        assert scene.me in scene.steps[before : before + 2]
        await scene.node.settled()
        assert len(scene.steps) == TASKS * EACH + 1
        ends = [0, *scene.turns]
        assert max(b - a for a, b in pairwise(ends)) <= TURN_MS


async def test_past_the_backlog_a_turn_goes_on_and_at_it_the_turn_ends(tmp_path: Path) -> None:
    async with Grove(tmp_path, "alice", rogues=("mallory",), limits=LIMITS) as grove:
        scene, own = await flooded(grove, TURN_MS * 1_000_000)
        runner = scene.node.runner
        for weight in (1, 1, BACKLOG):
            runner._put(own.task.id, lambda _: [], weight - EVENT)
        assert runner._queue.weight == BACKLOG + 2
        await scene.node.until(lambda: scene.turns)
        assert scene.turns[0] == 2  # the first step leaves one byte too many
        await scene.node.settled()
        assert scene.turns[1] == 3
