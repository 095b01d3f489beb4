"""A budget-feasible bandit over moves of the dials (MACI, appendix L; UCB1: Auer et al. 2002).

An arm is a move of contentiousness and of the gates. What it earned is how far entropy and
divergence fell in the round after it, less what that round cost. Counts, means and costs come out
of the members' ledgers by R2b and go on from round to round in the outcome; nobody's own ledger
is read. All figures are integers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any

from ..bodies import ARM_FIGURES, Budget
from ..exact import LN_UNIT, ONE_BP, ln, lower_medians, round_ratio
from ..tally import Claims

STEP = 2_000
"""One move of a dial, in bp (delta of L.6)."""

MOVES = tuple((calmer, stricter) for calmer in (0, -STEP, STEP) for stricter in (0, STEP, -STEP))
"""The arms: a move of contentiousness and one of both gates, staying put first. Untried arms are
tried in this order. The paper counts ten, and staying put twice among them."""

FINE = 10**8
"""An index is compared in this many parts of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """What is known of a move: how often it was made, its mean reward in bp, and the most tokens
    that the round after it took."""

    count: int = 0
    reward: int = 0
    cost: int = 0

    def after(self, reward: int, cost: int) -> "Arm":
        """With one more round; the mean is rounded half to even."""
        whole = self.reward * self.count + reward
        return Arm(
            count=self.count + 1,
            reward=round_ratio(whole, self.count + 1),
            cost=max(self.cost, cost),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A move that was made, what it earned in bp, and the tokens of the round after it."""

    arm: int
    reward: int
    cost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bandit:
    """All arms, the one that was chosen for the next round (None if none fits the budget, or if
    there is no bandit), and what the one before it came to."""

    arms: tuple[Arm, ...] = ()
    chosen: int | None = None
    played: Played | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Bandit":
        """The bandit that a round before agreed on."""
        arms = tuple(Arm(count=one[0], reward=one[1], cost=one[2]) for one in data["arms"])
        return cls(arms=arms, chosen=data["chosen"])

    def to_dict(self) -> dict[str, Any]:
        """Plain data of integers."""
        played = self.played
        return {
            "arms": [[arm.count, arm.reward, arm.cost] for arm in self.arms],
            "chosen": self.chosen,
            "played": None if played is None else [played.arm, played.reward, played.cost],
        }


def combine(views: Sequence[Sequence[int]]) -> tuple[Arm, ...]:
    """The arms that the members' views come to: each figure's unweighted lower median (R2b).

    A view has count, mean reward and largest cost of each arm in turn; one of another length
    knows nothing, and counts as zeros. With at most f liars every figure lies between two that
    honest members gave, or is at most what one gave and at least zero.
    """
    flat = lower_medians(views, (0,) * ARM_FIGURES)
    return tuple(
        Arm(count=flat[at], reward=flat[at + 1], cost=flat[at + 2])
        for at in range(0, ARM_FIGURES, 3)
    )


def reward(
    *, entropy: tuple[int, int], divergence: tuple[int, int], cost: int, dearest: int, price: int
) -> int:
    """What a round earned, in bp within 0 and 10,000.

    Half of what entropy fell by and half of what divergence fell by (before, after; a rise is
    nothing), less `price` bp times `cost` over `dearest`, the most tokens that any round took.
    """
    fallen = sum(max(0, before - after) for before, after in (entropy, divergence))
    paid = round_ratio(price * cost, dearest) if dearest else 0
    return max(0, min(ONE_BP, round_ratio(fallen, 2) - paid))


def affordable(budget: Budget, claims: Claims) -> int | None:
    """The most tokens (0 or more) that the next round may take by what is left of `budget`, in
    tokens and in money; None for no limit. `claims` is what the task has taken so far.

    Money is counted in tokens at what this task's tokens have cost on average, rounded down: arms
    are known by their tokens from many tasks, and prices are the present task's. While no token or
    no money has been spent there is no price, and money ends a task only once it is spent (P2a).
    """
    limits: list[int] = []
    if budget.tokens:
        limits.append(budget.tokens - claims.tokens)
    if budget.micros and claims.micros and claims.tokens:
        limits.append((budget.micros - claims.micros) * claims.tokens // claims.micros)
    return max(0, min(limits)) if limits else None


def choose(arms: Sequence[Arm], left: int | None, most: int | None = None) -> int | None:
    """The arm for the next round, or None if none fits into the `left` tokens (None: no limit).

    An arm fits if the dearest round it ever led to does; an untried one costs as the dearest of
    all. No round costs more than `most`, what the next one of this task can (None: not known):
    else whoever has one dear task decided has no later one with a smaller budget go on, for good.
    The first untried one that fits is tried; else the highest of mean reward
    + sqrt(2 ln t / n) wins, the first of equal ones.
    """
    dearest = max((arm.cost for arm in arms), default=0)
    costs = [arm.cost if arm.count else dearest for arm in arms]
    if most is not None:
        costs = [min(cost, most) for cost in costs]
    fitting = [at for at, cost in enumerate(costs) if left is None or cost <= left]
    untried = [at for at in fitting if not arms[at].count]
    if untried or not fitting:
        return untried[0] if untried else None
    tries = ln(sum(arm.count for arm in arms))

    def index(at: int) -> int:
        arm = arms[at]
        wide = isqrt(2 * tries * FINE * FINE // (arm.count * LN_UNIT))
        return arm.reward * (FINE // ONE_BP) + wide

    return max(fitting, key=lambda at: (index(at), -at))
