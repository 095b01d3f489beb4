"""The outcome of a round: what its openings say, as one exact function (rules R8 to R10, V4, V5).

Proposer, voters and later verifiers all call `figures` on the same facts; a value is valid
if it equals the caller's own recomputation byte for byte. There is no tolerance.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from ..agreement.instance import value_id
from ..agreement.validity import Invalid, Pending, Valid, Validity
from ..bodies import (
    COUNT_CAP,
    Ballot,
    Commit,
    Opening,
    Proposal,
    Report,
    Seal,
    TaskOpen,
    Views,
)
from ..committee import FaultMode
from ..envelope import Ctx, Kind, MessageId, Stage
from ..masking import alias_claim, commitment, path_count, seal, strike
from ..plateau import Plateau, assess
from ..ports import Message
from ..tally.ballots import Candidate, Claims, CountedBallot
from ..tally.result import Status, Tally, tally
from ..tally.rules.adaptive import PRIOR, combined
from ..tally.weights import Weights, weigh
from .dissent import dissent
from .eligible import proposal_problem
from .points import Lookup, PointValue

DEGRADED = "degraded"
"""Status of an outcome that lacks candidates or ballots of members, or a winner (R9a, V6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What an outcome is a function of, besides the openings and REPORTs it names.

    `slate_value` are the slate's decided bytes, `previous` the figures of the round before,
    `ctx` the outcome's instance, `verify` the signature check (signer, preimage, signature).
    """

    spec: TaskOpen
    task: bytes
    round: int
    slate: PointValue
    slate_value: bytes
    freeze: PointValue
    previous: dict[str, Any] | None
    ctx: Ctx
    lookup: Lookup
    verify: Callable[[bytes, bytes, bytes], bool]


@dataclass(kw_only=True)
class _Opened:
    """What the openings amount to, by committee position."""

    claims: dict[int, MessageId] = field(default_factory=dict)
    aliases: dict[int, bytes] = field(default_factory=dict)
    ballots: dict[int, Ballot] = field(default_factory=dict)
    strikes: set[tuple[int, str]] = field(default_factory=set)
    void: set[MessageId] = field(default_factory=set)
    abstained: dict[int, str] = field(default_factory=dict)


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


def figures(value: PointValue, facts: Facts, *, masked: bool = True) -> dict[str, Any] | Pending:
    """The figures of an outcome: integers, text and lists of them.

    `proposals` are the ids that count, `void` those that were claimed and held but do not:
    whoever computes the figures again needs their bytes to see why.
    `masked` False leaves the diagonal in, which no outcome may: it serves to name that fault.
    """
    needed = (*facts.slate.ids, *facts.freeze.ids, *value.ids, *value.reports)
    missing = tuple(item for item in needed if facts.lookup(item) is None)
    if missing:
        return Pending(ids=missing)
    opened = _open_all(value, facts)
    candidates = _candidates(opened, facts)
    if isinstance(candidates, Pending):
        return candidates
    ballots = []
    for voter, ballot in sorted(opened.ballots.items()):
        counted, struck = strike(ballot, opened.claims.get(voter))
        if struck:
            opened.strikes.add((voter, "self_vote"))
        ballots.append(CountedBallot(voter=voter, ballot=counted if masked else ballot))
    committee = facts.spec.committee
    before = facts.previous
    authors, judges, experts = _weights(facts)
    result = tally(
        spec=facts.spec.answer,
        policy=committee.policy,
        quorum=committee.quorum,
        candidates=candidates,
        ballots=tuple(ballots),
        weights=authors,
        judging=judges,
        experts=experts,
        seed=value_id(facts.slate_value),
        first_vote=None if before is None else before["tally"]["baselines"]["first_vote"],
    )
    # O3a: a refused ballot was not cast, so its marks and critiques weigh nothing either.
    refused = {item.voter for item in result.refused}
    ballots = [item for item in ballots if item.voter not in refused]
    plateau = assess(
        policy=committee.policy,
        quorum=committee.quorum,
        spec=facts.spec.answer,
        budget=facts.spec.budget,
        tally=result,
        candidates=candidates,
        ballots=tuple(ballots),
        claims=_claims(value, facts),
        families=committee.families,
        previous=None if before is None else before["plateau"],
        round_=facts.round,
    )
    return {
        "authors": [candidate.author for candidate in candidates],
        "ballots": sorted(opened.ballots),
        "decision": {
            **_decision(result, plateau, opened, facts),
            "dissent": dissent(result, candidates, ballots, value_id(facts.slate_value)),
        },
        "plateau": plateau.to_dict(),
        "proposals": [candidate.id.hex() for candidate in candidates],
        "strikes": [list(item) for item in sorted(opened.strikes)],
        "tally": result.to_dict(),
        "void": sorted(item.hex() for item in opened.void),
    }


# -- openings ---------------------------------------------------------------------------


def _open_all(value: PointValue, facts: Facts) -> _Opened:
    """R8: which openings count, whole or not at all, and what the others cost."""
    committee = facts.spec.committee
    opened = _Opened()
    commits = _by_position(facts.slate.ids, facts)
    seals = _by_position(facts.freeze.ids, facts)
    openings = _by_position(value.ids, facts)
    aliases: dict[bytes, list[int]] = {}
    for position in range(committee.quorum.n):
        commit, sealed = commits.get(position), seals.get(position)
        if commit is None:
            opened.strikes.add((position, "no_show"))
        elif isinstance(commit.body, Commit) and commit.body.abstain:
            opened.abstained[position] = commit.body.abstain
            commit = None
        message = openings.get(position)
        if message is None:
            if commit is not None or sealed is not None:
                opened.strikes.add((position, "unopened"))
            continue
        opening = message.body
        assert isinstance(opening, Opening)
        if not _matches(opening, commit, sealed, message.signer, facts):
            opened.strikes.add((position, "mismatch"))
            continue
        if commit is not None:
            opened.claims[position] = MessageId(opening.proposal)
            opened.aliases[position] = opening.alias
            aliases.setdefault(opening.alias, []).append(position)
        if sealed is not None and opening.ballot is not None:
            opened.ballots[position] = opening.ballot
    for positions in aliases.values():
        if len(positions) > 1:  # R8: two valid claims to one alias void it and strike both
            for position in positions:
                del opened.claims[position]
                opened.ballots.pop(position, None)
                opened.strikes.add((position, "alias"))
    return opened


def _matches(
    opening: Opening, commit: Message | None, sealed: Message | None, member: bytes, facts: Facts
) -> bool:
    """R8: everything that is due is there and opens what was committed."""
    if commit is not None:
        assert isinstance(commit.body, Commit)
        slate = replace(facts.ctx, stage=Stage.SLATE).pack()
        if not opening.alias or commit.body.commitment != commitment(
            slate, member, opening.alias, MessageId(opening.proposal), opening.nonce
        ):
            return False
        claim = alias_claim(facts.ctx.pack(), member)
        if not facts.verify(opening.alias, claim, opening.alias_signature):
            return False
    if sealed is not None:
        assert isinstance(sealed.body, Seal)
        freeze = replace(facts.ctx, stage=Stage.FREEZE).pack()
        if opening.ballot is None or sealed.body.hash != seal(
            freeze, member, opening.ballot_bytes, opening.salt
        ):
            return False
    return True


def _candidates(opened: _Opened, facts: Facts) -> tuple[Candidate, ...] | Pending:
    """V4: claimed proposals that all but at most f of the opened ballots list as held.

    At least t ballots must list one, so that its bytes can be had from an honest member.
    """
    quorum = facts.spec.committee.quorum
    lists: dict[MessageId, int] = {}
    for ballot in opened.ballots.values():
        for item in ballot.held:
            lists[item] = lists.get(item, 0) + 1
    least = max(len(opened.ballots) - quorum.f, quorum.t)
    claimed = sorted((item, author) for author, item in opened.claims.items())
    held = [(item, author) for item, author in claimed if lists.get(item, 0) >= least]
    missing = tuple(item for item, _ in held if facts.lookup(item) is None)
    if missing:
        return Pending(ids=missing)
    candidates = []
    for item, author in held:
        message = facts.lookup(item)
        assert message is not None
        exchange = replace(facts.ctx, stage=Stage.EXCHANGE)
        signed = message.signer == opened.aliases[author]
        if message.kind is not Kind.PROPOSAL or message.ctx != exchange or not signed:
            opened.strikes.add((author, "mismatch"))
            opened.void.add(item)
            continue
        assert isinstance(message.body, Proposal)
        if proposal_problem(facts.spec.answer, message.body):
            opened.strikes.add((author, "void_answer"))
            opened.void.add(item)
            continue
        candidates.append(Candidate(id=item, author=author, proposal=message.body))
    return tuple(candidates)


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
    views = [Views()] * committee.quorum.n
    for position, message in _by_position(facts.slate.ids, facts).items():
        assert isinstance(message.body, Commit)
        views[position] = message.body.views
    authors = weigh([view.authors for view in views], committee.quorum)
    judges = weigh([view.judges for view in views], committee.quorum)
    experts = combined([view.rules for view in views])
    if committee.policy.weights == "equal":
        return authors.equalled(), judges.equalled(), experts
    return authors, judges, experts


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


def _decision(result: Tally, plateau: Plateau, opened: _Opened, facts: Facts) -> dict[str, Any]:
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
    winner = result.group(result.winner)
    return {
        "answer": None if winner is None else winner.text,
        "dials": {"contentiousness": plateau.dials.contentiousness, "gate": plateau.dials.gate},
        "kind": "continue" if plateau.reason is None else "finish",
        "probability": result.belief,
        "reason": plateau.reason,
        "status": status,
        "warnings": warnings,
    }


def _missing(opened: _Opened, facts: Facts, result: Tally) -> list[str]:
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


def _by_position(ids: tuple[MessageId, ...], facts: Facts) -> dict[int, Message]:
    found: dict[int, Message] = {}
    for item in ids:
        message = facts.lookup(item)
        assert message is not None
        position = facts.spec.committee.position(message.signer)
        assert position is not None
        found[position] = message
    return found


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
