"""The plateau of one round: signals, whether to stop, dials for the next (rules P1 to P4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..bodies import AnswerSpec, Budget
from ..committee import Quorum
from ..exact import ONE_BP
from ..policy import Policy
from ..tally import Candidate, Claims, CountedBallot, Tally
from .dials import MACI_OPENING, Dials, follow, moved, passing, scheduled
from .efficiency import Curve, conviction, convinced
from .maci import Flags
from .scheduler import MOVES, Bandit, Played, affordable, choose, combine, reward
from .signals import Quality, cited, divergence, normal_entropy, overlap, quality, semantic_entropy
from .stop import Reason, Seen, gained, stop
from .sway import Sway


@dataclass(frozen=True, slots=True, kw_only=True)
class Plateau:
    """Part of the outcome: all that later rounds read from this one is in `to_dict`.

    In bp: `entropy` H of the belief, `gain` of information (the fall of H since the round
    before, in round 1 since knowing nothing), `divergence` D, `overlap` of evidence, `semantic`
    entropy of the answers and `calmest`, its least so far. In
    points: median `evidence` and `argument`. `stood` counts the rounds in a row that
    `winner` has won, under one or another of its `spellings` (those of free texts change with
    their classes), `flat` those in a row without a gain; `flags` are MACI's, `convinced` is the
    conviction gathered, in parts of `exact.GRID`. `tokens`, `micros` and `ms` are the
    claims for the task so far. `passed` are the candidates over the next round's gates. `kin`
    says that members of one family judged each other.
    """

    round: int
    reason: Reason | None
    winner: str | None
    spellings: tuple[str, ...]
    entropy: int
    gain: int
    divergence: int
    overlap: int
    evidence: int
    argument: int
    kin: bool
    stood: int
    flat: int
    flags: Flags
    convinced: int
    semantic: int
    calmest: int
    sway: Sway
    tokens: int
    micros: int
    ms: int
    dials: Dials
    bandit: Bandit
    passed: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data of integers and strings, with a canonical encoding."""
        return {
            "winner": self.winner,
            "argument": self.argument,
            "bandit": self.bandit.to_dict(),
            "calmest": self.calmest,
            "convinced": self.convinced,
            "dials": self.dials.to_dict(),
            "divergence": self.divergence,
            "entropy": self.entropy,
            "evidence": self.evidence,
            "flags": self.flags.to_dict(),
            "flat": self.flat,
            "gain": self.gain,
            "kin": self.kin,
            "micros": self.micros,
            "ms": self.ms,
            "overlap": self.overlap,
            "passed": list(self.passed),
            "reason": None if self.reason is None else str(self.reason),
            "round": self.round,
            "semantic": self.semantic,
            "spellings": list(self.spellings),
            "stood": self.stood,
            "sway": self.sway.to_dict(),
            "tokens": self.tokens,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """What the round before left, as it was agreed; `figures` are None in round 1."""

    figures: Mapping[str, Any] | None
    dials: Dials
    flags: Flags
    bandit: Bandit

    @classmethod
    def of(
        cls, previous: Mapping[str, Any] | None, policy: Policy, arms: Sequence[Sequence[int]]
    ) -> "_Before":
        if previous is None:
            opening = MACI_OPENING if policy.dials == "maci" else Dials()
            bandit = Bandit(arms=combine(arms)) if policy.dials == "ucb" else Bandit()
            return cls(figures=None, dials=opening, flags=Flags(), bandit=bandit)
        return cls(
            figures=previous,
            dials=Dials.of(previous["dials"]),
            flags=Flags.of(previous["flags"]),
            bandit=Bandit.of(previous["bandit"]),
        )

    def get(self, name: str, otherwise: int) -> int:
        """A figure of the round before, or what stands for it in round 1."""
        return otherwise if self.figures is None else int(self.figures[name])


def assess(
    *,
    policy: Policy,
    quorum: Quorum,
    spec: AnswerSpec,
    budget: Budget,
    tally: Tally,
    candidates: Sequence[Candidate],
    ballots: Sequence[CountedBallot],
    claims: Claims,
    families: Sequence[str],
    previous: Mapping[str, Any] | None,
    round_: int,
    arms: Sequence[Sequence[int]] = (),
) -> Plateau:
    """Judge whether round `round_` (from 1) was the last, and set the next one's dials.

    `candidates` and `ballots` are those that `tally` counted, `claims` the medians for the
    task so far, `families` the committee's by position, `previous` the `to_dict` of the
    round before as it was agreed (None in round 1), `arms` the members' views of the bandit's
    arms in round 1's commits (R2b), read in round 1 alone.
    """
    before = _Before.of(previous, policy, arms or ((),) * quorum.n)
    counted = {id_ for item in tally.groups for id_ in item.candidates}
    entering = [item for item in candidates if item.id in counted]
    marks = quality(entering, ballots, families)
    now = normal_entropy(spec, quorum.n, [item.belief for item in tally.classes])
    apart = divergence(tally.opinions, tally.weights.weights)
    places = {item.answer: at for at, item in enumerate(tally.classes)}
    won = None if tally.winner is None else places[tally.winner]
    spellings = () if won is None else tally.groups[won].spellings
    stood, flat = _lasting(before.figures, policy, spellings, now, apart)
    flags = before.flags.next((now, apart), policy.maci_entropy, policy.maci_divergence)
    semantic = semantic_entropy(quorum.n, quorum.q, tally.groups)
    calmest = before.get("calmest", ONE_BP)
    shared = overlap(entering)
    gathered = convinced(
        Curve.of(policy),
        before.get("convinced", 0),
        round_,
        conviction([item.support for item in tally.classes], won),
    )
    dials, bandit = _turn(policy, quorum.n, before, budget, claims, (now, apart), flags, marks)
    seen = Seen(
        policy=policy,
        quorum=quorum,
        tally=tally,
        families=families,
        round=round_,
        divergence=apart,
        marks=marks,
        stood=stood,
        flat=flat,
        flags=flags,
        before=before.dials,
        overlap=shared if cited(entering) else None,
        convinced=gathered,
        semantic=semantic,
        calmest=calmest,
    )
    fits = policy.dials != "ucb" or bandit.chosen is not None
    return Plateau(
        round=round_,
        reason=stop(seen, budget, claims, affordable=fits),
        winner=tally.winner,
        spellings=spellings,
        entropy=now,
        gain=before.get("entropy", ONE_BP) - now,
        divergence=apart,
        overlap=shared,
        evidence=marks.evidence,
        argument=marks.argument,
        kin=marks.kin,
        stood=stood,
        flat=flat,
        flags=flags,
        convinced=gathered,
        semantic=semantic,
        calmest=min(calmest, semantic),
        sway=(
            Sway.first(tally, quorum.f)
            if before.figures is None
            else Sway.of(before.figures["sway"]).then(tally.groups)
        ),
        tokens=claims.tokens,
        micros=claims.micros,
        ms=claims.ms,
        dials=dials,
        bandit=bandit,
        passed=tuple(id_.hex() for id_ in passing(tally.groups, marks, dials)),
    )


def _lasting(
    previous: Mapping[str, Any] | None,
    policy: Policy,
    spellings: Sequence[str],
    entropy: int,
    apart: int,
) -> tuple[int, int]:
    """For how many rounds the winner has stood, and nothing was gained."""
    stood, flat = 1 if spellings else 0, 0
    if previous is None:
        return stood, flat
    if set(spellings) & set(previous["spellings"]):
        stood = previous["stood"] + 1
    if not (
        gained(previous["entropy"], entropy, policy.plateau_entropy)
        or gained(previous["divergence"], apart, policy.plateau_divergence)
    ):
        flat = previous["flat"] + 1
    return stood, flat


def _turn(
    policy: Policy,
    n: int,
    before: _Before,
    budget: Budget,
    claims: Claims,
    level: tuple[int, int],
    flags: Flags,
    marks: Quality,
) -> tuple[Dials, Bandit]:
    """P3: the next round's dials, by the way that the policy names, and what it has learnt."""
    if policy.dials == "maci":
        turned = scheduled(before.dials, flags.entropy > 0, flags.divergence > 0)
        return turned, before.bandit
    if policy.dials == "follow":
        return follow(before.dials, level[1], marks.argument, marks.evidence), before.bandit
    arms, played, made = list(before.bandit.arms), None, before.bandit.chosen
    if made is not None and before.figures is not None:
        cost = max(0, claims.tokens - before.figures["tokens"])
        earned = reward(
            entropy=(before.figures["entropy"], level[0]),
            divergence=(before.figures["divergence"], level[1]),
            cost=cost,
            dearest=max(cost, *(arm.cost for arm in arms)),
            price=policy.ucb_cost,
        )
        played = Played(arm=made, reward=earned, cost=cost)
        arms[made] = arms[made].after(earned, cost)
    # R1b: the next round asks what this one asked, beside a longer record for each member. Twice
    # this round's tokens leave room for longer replies.
    most = 2 * max(0, claims.tokens - before.get("tokens", 0)) + n * policy.context_tokens
    chosen = choose(arms, affordable(budget, claims), most)
    bandit = Bandit(arms=tuple(arms), chosen=chosen, played=played)
    if chosen is None:
        return before.dials, bandit
    return moved(before.dials, *MOVES[chosen]), bandit
