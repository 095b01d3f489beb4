"""The outcome of a round: what its openings say, as one exact function (rules R8 to R10, V4, V5).

Proposer, voters and later verifiers all call `figures` on the same facts; a value is valid
if it equals the caller's own recomputation byte for byte. There is no tolerance.
"""

from dataclasses import dataclass, replace
from typing import Any, TypedDict

from ..agreement.instance import value_id
from ..agreement.validity import Invalid, Pending, Valid, Validity
from ..bodies import COUNT_CAP, AnswerSpec, Commit, Report, Views
from ..committee import FaultMode, Quorum
from ..masking import path_count, strike
from ..plateau import Plateau, assess
from ..policy import Policy
from ..tally.ballots import Candidate, Claims, CountedBallot
from ..tally.count import Count
from ..tally.result import Status, Tally, first_count, tally
from ..tally.rules.adaptive import PRIOR, combined
from ..tally.weights import Weights, weigh
from .dissent import dissent
from .opened import Facts, Opened, by_position, candidates_of, open_all
from .plan import retrieval_plan
from .points import PointValue

DEGRADED = "degraded"
"""Status of an outcome that lacks candidates or ballots of members, or a winner (R9a, V6)."""


def check_outcome(value: PointValue, facts: Facts) -> Validity:
    """Whether the figures of an outcome follow from what it names (V4, V5, R9)."""
    own = figures(value, facts)
    if isinstance(own, Pending):
        return own
    if replace(value, figures=own).encode() == value.encode():
        return Valid()
    unmasked = figures(value, facts, masked=False)
    if value.figures == unmasked:
        return Invalid(rule="R9", text="a voter's entries about its own proposal are counted")
    return Invalid(rule="V5", text=f"the figures differ in: {_differing(own, value.figures)}")


def build_outcome(value: PointValue, facts: Facts) -> PointValue | Pending:
    """`value` with its figures, or what is still missing to compute them."""
    own = figures(value, facts)
    return own if isinstance(own, Pending) else replace(value, figures=own)


def recount(value: PointValue, facts: Facts) -> Count | Pending:
    """The count behind an outcome's figures, each of which is computed when it is asked for: what
    they were rounded from, for whoever shows more of a round than is signed."""
    heard = _heard(value, facts, masked=True)
    return heard if isinstance(heard, Pending) else first_count(**heard.counted)


def figures(value: PointValue, facts: Facts, *, masked: bool = True) -> dict[str, Any] | Pending:
    """The figures of an outcome: integers, text and lists of them.

    `proposals` are the ids that count, `void` those that were claimed and held but do not:
    whoever computes the figures again needs their bytes to see why.
    `masked` False leaves the diagonal in, which no outcome may: it serves to name that fault.
    """
    heard = _heard(value, facts, masked=masked)
    if isinstance(heard, Pending):
        return heard
    opened, candidates = heard.opened, heard.candidates
    committee = facts.spec.committee
    before = facts.previous
    result = tally(
        **heard.counted,
        first_vote=None if before is None else before["tally"]["baselines"]["first_vote"],
    )
    # O3a: a refused ballot was not cast, so its marks and critiques weigh nothing either.
    refused = {item.voter for item in result.refused}
    ballots = tuple(item for item in heard.ballots if item.voter not in refused)
    plateau = assess(
        policy=committee.policy,
        quorum=committee.quorum,
        spec=facts.spec.answer,
        budget=facts.spec.budget,
        tally=result,
        candidates=candidates,
        ballots=ballots,
        claims=_claims(value, facts),
        families=committee.families,
        previous=None if before is None else before["plateau"],
        round_=facts.round,
        arms=_arms(facts),
    )
    lot = value_id(facts.slate_value)
    unsure = None
    if plateau.reason is not None:  # P5
        below = committee.policy.plan_below
        unsure = retrieval_plan(result, candidates, ballots, lot, below)
    return {
        "authors": [candidate.author for candidate in candidates],
        "ballots": sorted(opened.ballots),
        "decision": {
            **_decision(result, plateau, opened, facts),
            "dissent": dissent(result, candidates, ballots, committee.families, lot),
            "plan": unsure,
        },
        "plateau": plateau.to_dict(),
        "proposals": [candidate.id.hex() for candidate in candidates],
        "strikes": [list(item) for item in sorted(opened.strikes)],
        "tally": result.to_dict(),
        "void": sorted(item.hex() for item in opened.void),
    }


# -- what is counted --------------------------------------------------------------------


class _Counted(TypedDict):
    """What `tally` and `first_count` have in common."""

    spec: AnswerSpec
    policy: Policy
    quorum: Quorum
    candidates: tuple[Candidate, ...]
    ballots: tuple[CountedBallot, ...]
    weights: Weights
    judging: Weights
    experts: tuple[int, ...]
    seed: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """What of a round is counted, and what the openings came to beside that."""

    opened: Opened
    counted: _Counted

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        return self.counted["candidates"]

    @property
    def ballots(self) -> tuple[CountedBallot, ...]:
        return self.counted["ballots"]


def _heard(value: PointValue, facts: Facts, *, masked: bool) -> _Heard | Pending:
    needed = (*facts.slate.ids, *facts.freeze.ids, *value.ids, *value.reports)
    missing = tuple(item for item in needed if facts.lookup(item) is None)
    if missing:
        return Pending(ids=missing)
    opened = open_all(value, facts)
    candidates = candidates_of(opened, facts)
    if isinstance(candidates, Pending):
        return candidates
    ballots = []
    for voter, ballot in sorted(opened.ballots.items()):
        counted, struck = strike(ballot, opened.claims.get(voter))
        if struck:
            opened.strikes.add((voter, "self_vote"))
        ballots.append(CountedBallot(voter=voter, ballot=counted if masked else ballot))
    authors, judges, experts = _weights(facts)
    return _Heard(
        opened=opened,
        counted=_Counted(
            spec=facts.spec.answer,
            policy=facts.spec.committee.policy,
            quorum=facts.spec.committee.quorum,
            candidates=candidates,
            ballots=tuple(ballots),
            weights=authors,
            judging=judges,
            experts=experts,
            seed=value_id(facts.slate_value),
        ),
    )


# -- what goes in beside the ballots ----------------------------------------------------


def _weights(facts: Facts) -> tuple[Weights, Weights, tuple[int, ...]]:
    """R2b, L3: what members weigh as authors and as judges, and what rules do where one mixes
    them (O7a), from the views in round 1's commits, carried from outcome to outcome."""
    if facts.previous is not None:
        carried = facts.previous["tally"]
        authors, judges = (
            Weights(
                scores=tuple(carried[f"{skill}scores"]), weights=tuple(carried[f"{skill}weights"])
            )
            for skill in ("", "judge_")
        )
        mixed = carried.get("mixed")
        return authors, judges, PRIOR if mixed is None else tuple(mixed["weights"])
    committee = facts.spec.committee
    views = _views(facts)
    authors = weigh([view.authors for view in views], committee.quorum)
    judges = weigh([view.judges for view in views], committee.quorum)
    experts = combined([view.rules for view in views])
    if committee.policy.weights == "equal":
        return authors.equalled(), judges.equalled(), experts
    return authors, judges, experts


def _arms(facts: Facts) -> list[tuple[int, ...]]:
    """R2b: what members know of the bandit's arms (P3); from round 2 on the outcome before has
    what they came to."""
    return [view.arms for view in _views(facts)] if facts.previous is None else []


def _views(facts: Facts) -> list[Views]:
    """The views in a round's commits, by position; none of who did not commit."""
    views = [Views()] * facts.spec.committee.quorum.n
    for position, message in by_position(facts.slate.ids, facts).items():
        assert isinstance(message.body, Commit)
        views[position] = message.body.views
    return views


def _claims(value: PointValue, facts: Facts) -> Claims:
    """P2a: time is up if t say so. Each member claims its own spending since the task began;
    the task's is N times the lower median, which no f liars move past an honest claim."""
    bodies = []
    for item in value.reports:
        message = facts.lookup(item)
        assert message is not None and isinstance(message.body, Report)
        bodies.append(message.body)
    middle, quorum = (len(bodies) - 1) // 2, facts.spec.committee.quorum
    return Claims(
        deadline=sum(body.deadline for body in bodies) >= quorum.t,
        tokens=min(COUNT_CAP, quorum.n * sorted(body.tokens for body in bodies)[middle]),
        micros=min(COUNT_CAP, quorum.n * sorted(body.micros for body in bodies)[middle]),
        ms=sorted(body.ms for body in bodies)[middle],
    )


# -- the decision -----------------------------------------------------------------------


def _decision(result: Tally, plateau: Plateau, opened: Opened, facts: Facts) -> dict[str, Any]:
    """R10: continue or finish, and what a verdict says first (E3)."""
    committee = facts.spec.committee
    alone = committee.quorum.n == 1
    missing = [] if alone else _missing(opened, facts, result)
    status = str(result.status)
    if result.status in (Status.NO_QUORUM, Status.NO_CANDIDATES):  # R9a
        missing.insert(0, f"no winner: {status.replace('_', ' ')}")
    if missing and result.status is not Status.UNJUDGED:
        status = DEGRADED
    warnings = []
    if alone:
        warnings.append(["unjudged", "a committee of one: nobody else judged the answer"])
    if missing:
        warnings.append(["degraded", "; ".join(missing)])
    if result.robustness.fragile:
        warnings.append(["fragile", f"{result.robustness.least} of {committee.quorum.n} members"])
    if not path_count(committee.quorum):
        warnings.append(["unmasked", "fewer than four members mask nothing"])
    if committee.mode is FaultMode.CRASH:
        warnings.append(["crash_mode", "one equivocating member can fork this committee"])
    if result.winner is not None and result.belief < committee.policy.min_confidence:
        least = committee.policy.min_confidence
        warnings.append(["unsure", f"believed {result.belief} bp, the policy asks for {least}"])
    if plateau.kin and not alone:
        warnings.append(["one_family", "one model family judged its own kind's arguments"])
    if plateau.sway.alarms(committee.policy.sway_slope):
        warnings.append(["swayed", _swayed(plateau, facts)])
    winner = result.group(result.winner)
    return {
        "answer": None if winner is None else winner.text,
        "dials": plateau.dials.to_dict(),
        "kind": "continue" if plateau.reason is None else "finish",
        "probability": result.belief,
        "reason": plateau.reason,
        "status": status,
        "warnings": warnings,
    }


def _swayed(plateau: Plateau, facts: Facts) -> str:
    """P4: who is watched, and how many of the others came over."""
    sway, members = plateau.sway, facts.spec.committee.members
    names = ", ".join(members[at].hex()[:8] for at in sway.members)
    first, last = sway.drawn[0], sway.drawn[-1]
    return f"what {names} said first, {first} bp of the others said too, and {last} bp now"


def _missing(opened: Opened, facts: Facts, result: Tally) -> list[str]:
    """V6: which candidates and ballots are missing, whose, and why."""
    committee = facts.spec.committee
    refused = {item.voter: item.reason for item in result.refused}
    lines = []
    for position in range(committee.quorum.n):
        name = committee.members[position].hex()[:8]
        reasons = sorted(reason for who, reason in opened.strikes if who == position)
        if position in opened.abstained:
            lines.append(f"{name} drafted nothing: {opened.abstained[position]}")
        ballot = opened.ballots.get(position)
        if ballot is not None and ballot.abstain:
            lines.append(f"{name} judged nothing: {ballot.abstain}")
        elif ballot is None and not reasons:
            lines.append(f"{name} has no counted ballot")
        elif position in refused:
            lines.append(f"{name}'s ballot is refused: {refused[position]}")
        lines += [
            f"{name}: {reason.replace('_', ' ')}" for reason in reasons if reason != "self_vote"
        ]
    return lines


# -- small things -----------------------------------------------------------------------


def _differing(own: dict[str, Any], other: dict[str, Any] | None, path: str = "") -> str:
    """The first figure in which `other` differs from `own`, as a dotted path."""
    if not isinstance(other, dict):
        return path or "figures"
    for key in sorted({*own, *other}):
        mine, theirs = own.get(key), other.get(key)
        if mine != theirs:
            here = f"{path}.{key}" if path else key
            return _differing(mine, theirs, here) if isinstance(mine, dict) else here
    return path or "figures"
