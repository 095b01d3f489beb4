"""Seeded schedules: a committee, its weather, its crashes and its Byzantine members.

A schedule is a function of its seed and of how many members there are; `trial` plays it.
"""

import random
from dataclasses import dataclass, replace

from consensus.bodies import ARM_FIGURES, COUNT_CAP, Budget
from consensus.envelope import VOTES, Kind
from consensus.policy import ONE, RULES, STOPS, Policy

from . import people
from .mallory import HABITS
from .network import Barrier, Weather

TWINS = "twins"
"""The habit of a position that two live instances of one identity hold; it has no other."""
HOUR_MS = 3_600_000
VARIED = 0.35
"""Share of schedules with another rule, other stops and other dials than the default's."""
PROPOSAL_BYTES = 1_024
"""Most bytes of a proposal, and so the size of all that passes the mix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """One member's death and its return: at its `persist`-th write, or at time `at_ms`.

    If `torn`, the commit with that write is lost, else it is durable and nothing after it is done.
    """

    position: int
    persist: int | None
    at_ms: int
    away_ms: int
    torn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """At `at_ms` the wall clock of a member is set forward or back by `by_ms`."""

    position: int
    at_ms: int
    by_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Flap:
    """At `at_ms` one member believes that only the members at `up` can be reached."""

    position: int
    at_ms: int
    up: tuple[int, ...]
    rtt_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What a seed stands for, in a committee of that many `members`. `mallories` maps positions to
    habits; `views` is what each member's ledger says of all, by skill, and `arms` what it says of
    the bandit's moves; `tokens` is what each member's model takes for an answer; `free` says that
    the task asks for free text, one in five, and not for one of the options; `speakers` may put
    notes into it (R1c), and `said` is what they do."""

    seed: int
    members: int
    weather: Weather
    mallories: tuple[tuple[int, frozenset[str]], ...]
    one_alias: bool
    crashes: tuple[Crash, ...]
    hangs: tuple[int, ...]
    flaps: tuple[Flap, ...]
    jumps: tuple[Jump, ...] = ()
    views: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = ()
    arms: tuple[tuple[int, ...], ...] = ()
    tokens: tuple[int, ...] = ()
    budget: Budget = Budget()
    policy: Policy = Policy()
    free: bool = False
    speakers: tuple[str, ...] = ()
    said: tuple[people.Said, ...] = ()

    @classmethod
    def drawn(cls, seed: int, members: int = 4) -> "Schedule":
        """The schedule of a seed: f of its members are Byzantine."""
        rng = random.Random(f"schedule {members} {seed}")
        f = (members - 1) // 3
        places = rng.sample(range(members), k=f)
        mallories = tuple((at, _habits(rng)) for at in places)
        good = [at for at in range(members) if at not in places]
        calm = rng.choice((0, 1_000, 4_000, 12_000))
        slow = rng.choice((20, 120, 600))
        split = rng.sample(range(members), k=rng.randint(1, members - 1))
        weather = Weather(
            delay=(1, slow),
            loss=rng.choice((0.0, 0.05, 0.3)),
            twice=rng.choice((0.0, 0.05, 0.3)),
            split=frozenset(split) if rng.random() < 0.2 else frozenset(),
            barriers=tuple(_barrier(rng, members, calm) for _ in range(rng.choice((0, 0, 1, 3)))),
            calm_at=calm,
            calm_delay=(1, rng.choice((5, 40, 150))),
        )
        crashes = tuple(
            Crash(
                position=at,
                persist=rng.randint(1, 12) if rng.random() < 0.7 else None,
                at_ms=rng.randint(1, 4_000),
                away_ms=rng.choice((10, 300, 2_000, 9_000)),
                torn=rng.random() < 0.4,
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
        jumps = tuple(
            Jump(
                position=rng.choice(good),
                at_ms=rng.randint(1, 4_000),
                by_ms=rng.choice((-HOUR_MS, -2_000, 2_000, HOUR_MS)),
            )
            for _ in range(rng.choice((0, 0, 1, 3)))
        )
        more = random.Random(f"policy {members} {seed}")  # by itself: the rest stays what it was
        policy = _policy(rng)
        crowd = random.Random(f"notes {members} {seed}")  # so again: most name nobody
        named, said = people.drawn(crowd, members)
        if named and crowd.random() < 0.5:
            mallories = tuple((at, habits | {people.FORGED_NOTES}) for at, habits in mallories)
        return cls(
            seed=seed,
            members=members,
            weather=weather,
            mallories=mallories,
            one_alias=f > 1 and rng.random() < 0.7,
            crashes=crashes,
            hangs=tuple(rng.sample(good, k=1 if rng.random() < 0.1 else 0)),
            flaps=flaps,
            jumps=jumps,
            views=tuple((_views(rng, members), _views(rng, members)) for _ in range(members)),
            arms=tuple(_arms(more) for _ in range(members)),
            tokens=tuple(more.choice((0, 40, 900)) for _ in range(members)),
            budget=Budget(tokens=more.choice((0, 0, 2_000 * members, 10_000 * members))),
            policy=_varied(more, policy) if more.random() < VARIED else policy,
            free=rng.random() < 0.2,
            speakers=named,
            said=said,
        )

    @property
    def good(self) -> tuple[int, ...]:
        """Positions of honest members."""
        bad = {at for at, _ in self.mallories}
        return tuple(at for at in range(self.members) if at not in bad)

    def describe(self) -> str:
        """One line for people."""
        bad = "; ".join(f"{at}: {', '.join(sorted(habits))}" for at, habits in self.mallories)
        return (
            f"seed {self.seed}: {self.members} members, {self.policy.rounds} rounds, "
            f"rule {self.policy.rule}, stops {self.policy.stops or 'none'}, "
            f"dials {self.policy.dials}, {self.budget.tokens} tokens, "
            f"{'free text' if self.free else 'options'}, "
            f"{self.weather}, Byzantine {{{bad}}}, crashes {list(self.crashes)}, "
            f"hanging models {list(self.hangs)}, flaps {list(self.flaps)}, "
            f"wall clocks {list(self.jumps)}, speakers {list(self.speakers)}, "
            f"notes {'; '.join(map(str, self.said)) or 'none'}"
        )


def _habits(rng: random.Random) -> frozenset[str]:
    if rng.random() < 0.08:
        return frozenset({TWINS})
    return frozenset(rng.sample(HABITS, k=rng.choice((1, 2, 3, 5))))


def _barrier(rng: random.Random, members: int, calm: int) -> Barrier:
    """Links to or from some members, or any at random; of all that passes, or of some."""
    some = rng.sample(range(members), k=rng.randint(1, members - 1))
    every = [(one, other) for one in range(members) for other in range(members) if one != other]
    how = rng.randrange(3)
    links = [
        pair
        for pair in every
        if (pair[0] in some, pair[1] in some, rng.random() < 0.4)[how]  # from, to, or any
    ]
    kinds = tuple(kind for kind in Kind if kind is not Kind.TASK_OPEN)
    start = rng.randint(0, max(1, calm))
    return Barrier(
        from_ms=start,
        until_ms=start + rng.choice((200, 1_500, 6_000)),
        links=frozenset(links),
        kinds=frozenset(
            rng.choice(((), VOTES, rng.sample(kinds, k=2), (Kind.PROPOSE,), (Kind.REPORT,)))
        ),
        views=frozenset(rng.choice(((), (), (0,), (0, 1)))),
    )


def _views(rng: random.Random, members: int) -> tuple[int, ...]:
    """What a ledger says of everybody: often nothing in particular."""
    return tuple(rng.choice((5_000, 5_000, rng.randint(0, 10_000))) for _ in range(members))


def _policy(rng: random.Random) -> Policy:
    """One round, mostly, with deadlines of seconds; rules of the ballot as they come."""
    return Policy(
        rounds=rng.choices((1, 2, 3), weights=(80, 15, 5))[0],
        accept_ms=1_000,
        draft_ms=2_000,
        exchange_ms=1_500,
        judge_ms=2_000,
        open_ms=1_500,
        proposal_bytes=PROPOSAL_BYTES,
        endorsements=rng.choice(("scaled", "scaled", "credits")),
        mask=rng.choice(("proposal", "proposal", "class")),
        ballots=rng.choice(("all", "all", "trimmed")),
    )


def _varied(rng: random.Random, policy: Policy) -> Policy:
    """Any rule, any stops in any order, any dials, and rounds enough for them to matter."""
    return replace(
        policy,
        rounds=rng.choices((1, 2, 3, 4), weights=(30, 35, 25, 10))[0],
        rule=rng.choice((*RULES, "adaptive", "adaptive_capped")),
        weights=rng.choice(("reputation", "reputation", "equal")),
        stops=" ".join(rng.sample(STOPS, k=rng.randint(0, len(STOPS)))),
        dials=rng.choice(("follow", "maci", "ucb", "ucb")),
        ties=rng.choice(("half", "half", "davidson")),
        position=rng.choice(("none", "none", "fitted")),
        judges=rng.choice(("alike", "alike", "discerning")),
        strengths_over=rng.choice(("classes", "classes", "candidates")),
        pairs=rng.choice(("all", "all", "ring", "swiss", "information")),
        credits=rng.choice((1, 100, ONE)),
        ballots=rng.choice(("all", "trimmed", "median_of_means")),
        effort=rng.choice((1, 6_000, ONE)),
        curve_fatigue=rng.choice((0, 6_000, 1_000_000)),
        near_consensus=rng.choice((0, 1_000, ONE)),
        quality_gate=rng.choice((0, 50, 100)),
        ucb_cost=rng.choice((0, 1_000, ONE)),
        context_tokens=rng.choice((512, 8_192)),
        forget=rng.choice((0, 5_000, ONE)),
        plan_below=rng.choice((0, 9_000, ONE)),
        sway_slope=rng.choice((1, 2_000)),
    )


def _arms(rng: random.Random) -> tuple[int, ...]:
    """What a ledger says of the bandit's moves: nothing, or anything."""
    if rng.random() < 0.4:
        return ()
    most = (200, ONE, rng.choice((4_000, COUNT_CAP)))
    return tuple(rng.choice((0, rng.randint(0, most[at % 3]))) for at in range(ARM_FIGURES))
