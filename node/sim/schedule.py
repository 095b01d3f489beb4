"""Seeded schedules: a committee, its weather, its crashes and its Byzantine members.

A schedule is a function of its seed, so one that fails is played again by
`python -m node.sim --seed N`, which prints what happened.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from consensus.agreement.effects import Convict, Persist
from consensus.bodies import AnswerKind, AnswerSpec
from consensus.committee import FaultMode
from consensus.deliberation.effects import Links, Progress
from consensus.policy import Policy
from consensus.ports import Message
from consensus.verdict import Bundle, evidence_problem, verify

from . import transcript
from .mallory import HABITS, Mallory, shared
from .member import LivenessError, Mind, SafetyError, SimNode
from .minds import drawn, hanging, phrased
from .network import Weather
from .swarm import Swarm

OPTIONS = ("a", "b", "c")
PATIENCE_MS = 600_000
"""Virtual time after the weather has calmed in which everybody must have decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """One member's death and its return: at its `persist`-th write, or at time `at_ms`."""

    position: int
    persist: int | None
    at_ms: int
    away_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Flap:
    """At `at_ms` one member believes that only the members at `up` can be reached."""

    position: int
    at_ms: int
    up: tuple[int, ...]
    rtt_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What a seed stands for. `mallories` maps positions to habits; `free` says that the
    task asks for free text, one in five, and not for one of the options."""

    seed: int
    members: int
    rounds: int
    mode: FaultMode
    weather: Weather
    mallories: tuple[tuple[int, frozenset[str]], ...]
    one_alias: bool
    crashes: tuple[Crash, ...]
    hangs: tuple[int, ...]
    flaps: tuple[Flap, ...]
    free: bool = False

    @classmethod
    def drawn(cls, seed: int) -> "Schedule":
        """The schedule of a seed: mostly four members, one of them Byzantine."""
        rng = random.Random(f"schedule {seed}")
        members = rng.choices((4, 5, 7), weights=(90, 6, 4))[0]
        f = (members - 1) // 3
        places = rng.sample(range(members), k=f)
        mallories = tuple(
            (at, frozenset(rng.sample(HABITS, k=rng.choice((1, 2, 3, 5))))) for at in places
        )
        good = [at for at in range(members) if at not in places]
        calm = rng.choice((0, 1_000, 4_000, 12_000))
        slow = rng.choice((20, 120, 600))
        split = rng.sample(range(members), k=rng.randint(1, members - 1))
        weather = Weather(
            delay=(1, slow),
            loss=rng.choice((0.0, 0.05, 0.3)),
            split=frozenset(split) if rng.random() < 0.2 else frozenset(),
            calm_at=calm,
            calm_delay=(1, rng.choice((5, 40, 150))),
        )
        crashes = tuple(
            Crash(
                position=at,
                persist=rng.randint(1, 12) if rng.random() < 0.7 else None,
                at_ms=rng.randint(1, 4_000),
                away_ms=rng.choice((10, 300, 2_000, 9_000)),
            )
            for at in rng.sample(good, k=rng.choices((0, 1, 2), weights=(60, 30, 10))[0])
        )
        flaps = tuple(
            Flap(
                position=rng.choice(good),
                at_ms=rng.randint(0, 6_000),
                up=tuple(rng.sample(range(members), k=rng.randint(0, members))),
                rtt_ms=rng.choice((None, 1, 90, 2_000)),
            )
            for _ in range(rng.choice((0, 0, 0, 4)))
        )
        return cls(
            seed=seed,
            members=members,
            rounds=rng.choices((1, 2, 3), weights=(80, 15, 5))[0],
            mode=FaultMode.BYZANTINE,
            weather=weather,
            mallories=mallories,
            one_alias=f > 1 and rng.random() < 0.7,
            crashes=crashes,
            hangs=tuple(rng.sample(good, k=1 if rng.random() < 0.1 else 0)),
            flaps=flaps,
            free=random.Random(f"answer {seed}").random() < 0.2,
        )

    def describe(self) -> str:
        """One line for people."""
        bad = "; ".join(f"{at}: {', '.join(sorted(habits))}" for at, habits in self.mallories)
        return (
            f"seed {self.seed}: {self.members} members, {self.rounds} rounds, {self.mode}, "
            f"{'free text' if self.free else 'options'}, "
            f"{self.weather}, Byzantine {{{bad}}}, crashes {list(self.crashes)}, "
            f"hanging models {list(self.hangs)}, flaps {list(self.flaps)}"
        )


class Trial(Swarm):
    """A schedule being played, every promise checked as it goes."""

    def __init__(self, schedule: Schedule, *, write: Callable[[str], None] | None = None) -> None:
        self.schedule = schedule
        self._write = write
        self._writes = [0] * schedule.members
        self._pending = list(schedule.crashes)
        rng = random.Random(f"minds {schedule.seed}")
        spec, minds = _minds(schedule, rng)
        for at in schedule.hangs:
            minds[at] = hanging(minds[at])
        super().__init__(
            minds=tuple(minds),
            answer=spec,
            seed=schedule.seed,
            mode=schedule.mode,
            policy=Policy(
                rounds=schedule.rounds,
                accept_ms=1_000,
                draft_ms=2_000,
                exchange_ms=1_500,
                judge_ms=2_000,
                open_ms=1_500,
            ),
            weather=schedule.weather,
        )
        self._settled = 0
        self._honest = len(self.honest())
        bad = [node for node in self.nodes if isinstance(node, Mallory)]
        self.names = transcript.names([isinstance(node, Mallory) for node in self.nodes])
        if schedule.one_alias:
            shared(bad)
        for crash in schedule.crashes:
            if crash.persist is None:
                node = self.nodes[crash.position]
                self.clock.after(crash.at_ms, partial(self._fall, node, crash))

        for flap in schedule.flaps:
            self.clock.after(flap.at_ms, partial(self._flap, flap))

    def make_node(self, position: int, mind: Mind) -> SimNode:
        """An honest member, or mallory."""
        habits = dict(self.schedule.mallories).get(position)
        if habits is None:
            return super().make_node(position, mind)
        rng = random.Random(f"mallory {self.schedule.seed} {position}")
        return Mallory(self, position, mind, habits=habits, rng=rng)

    def settled(self) -> bool:
        """Whether every honest member is up and has its verdict."""
        return self._settled == self._honest and all(node.up for node in self.honest())

    def play(self) -> bytes:
        """Run to the end and check everything. Returns the verdict's id.

        Raises `SafetyError` or `LivenessError`; any other exception is a crash of a member.
        """
        if not self.run(limit=self.schedule.weather.calm_at + PATIENCE_MS):
            undecided = [node.name for node in self.honest() if node.finish is None]
            raise LivenessError(f"undecided after all that time: {', '.join(undecided)}")
        ids: set[bytes] = set()
        for node in self.honest():
            assert node.finish is not None
            bundle = Bundle.of(node.finish)
            if not ids:
                bundle = Bundle.decode(bundle.encode())
            ids.add(verify(bundle, self.ring.reader(), None).id)
        if len(ids) != 1:
            raise SafetyError(f"{len(ids)} verdicts of one task")
        return ids.pop()

    # -- hooks ------------------------------------------------------------------------

    def persisted(self, node: SimNode, effect: Persist) -> None:
        """Crash between a write and what follows it, where the schedule says so."""
        if self._write is not None:
            self.say(node, transcript.persisted(effect, self))
        self._writes[node.position] += 1
        for crash in self._pending:
            if crash.position == node.position and crash.persist == self._writes[node.position]:
                self._fall(node, crash)
                return

    def finished(self, node: SimNode) -> None:
        """Count it."""
        self._settled += node.honest
        self.say(node, "has its verdict")

    def progressed(self, node: SimNode, effect: Progress) -> None:
        """Compare decisions."""
        if self._write is not None and (line := transcript.progress(effect)):
            self.say(node, line)
        super().progressed(node, effect)

    def convicted(self, node: SimNode, effect: Convict) -> None:
        """Evidence is about Byzantine members only, and verifies by itself."""
        super().convicted(node, effect)
        if self._write is not None:
            self.say(node, f"convicts {transcript.message(effect.second, self)}")
        problem = evidence_problem(
            effect.first.envelope, effect.second.envelope, self.ring.reader()
        )
        if problem is not None:
            raise SafetyError(f"{node.name} holds evidence that proves nothing: {problem}")

    def tell(self, node: SimNode, what: str) -> None:
        """Write it down."""
        self.say(node, what)

    def sent(self, node: SimNode, goal: SimNode, message: Message) -> None:
        """Write down what mallory says to whom."""
        if self._write is not None:
            self.say(node, f"-> {goal.name}: {transcript.message(message, self)}")

    def say(self, node: SimNode, line: str) -> None:
        """Add a line to the transcript, if one is kept."""
        if self._write is not None:
            self._write(f"{self.clock.now:>7} ms  {node.name:<8} {line}")

    def _flap(self, flap: Flap) -> None:
        """Mislead a member for two seconds about who can be reached."""
        members = self.committee.members
        up = frozenset(members[at] for at in flap.up if at != flap.position)
        self.nodes[flap.position].step(Links(up=up, rtt_ms=flap.rtt_ms))
        self.clock.after(2_000, self.links_changed)

    def _fall(self, node: SimNode, crash: Crash) -> None:
        if crash in self._pending and node.up:
            self._pending.remove(crash)
            node.crash()
            self.clock.after(crash.away_ms, node.boot)


def _minds(schedule: Schedule, rng: random.Random) -> tuple[AnswerSpec, list[Mind]]:
    """What is asked, and the models; of free texts a Byzantine member's misjudges sameness."""
    if not schedule.free:
        spec = AnswerSpec(kind=AnswerKind.CHOICE, options=OPTIONS)
        return spec, [drawn(rng, spec) for _ in range(schedule.members)]
    bad = {at for at, _ in schedule.mallories}
    minds = [phrased(rng, OPTIONS, f"number {at}", odd=at in bad) for at in range(schedule.members)]
    return AnswerSpec(kind=AnswerKind.TEXT), minds


def play(seed: int, *, write: Callable[[str], None] | None = None) -> bytes:
    """Play the schedule of `seed`, with a transcript if asked for. Returns the verdict's id.

    Raises what `Trial.play` raises, with a note on how to play it again.
    """
    schedule = Schedule.drawn(seed)
    if write is not None:
        write(schedule.describe())
    try:
        return Trial(schedule, write=write).play()
    except Exception as error:
        error.add_note(f"{schedule.describe()}\nplay it again: python -m node.sim --seed {seed}")
        raise
