"""What a round's openings amount to: claims, ballots and candidates that count (rules R8, V4)."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from ..agreement.validity import Pending
from ..bodies import Ballot, Commit, Opening, Proposal, Seal, TaskOpen
from ..envelope import Ctx, Kind, MessageId, Stage
from ..masking import alias_claim, commitment, seal
from ..ports import Message
from ..tally.ballots import Candidate
from .eligible import proposal_problem
from .points import Lookup, PointValue


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
class Opened:
    """What the openings amount to, by committee position."""

    claims: dict[int, MessageId] = field(default_factory=dict)
    aliases: dict[int, bytes] = field(default_factory=dict)
    ballots: dict[int, Ballot] = field(default_factory=dict)
    strikes: set[tuple[int, str]] = field(default_factory=set)
    void: set[MessageId] = field(default_factory=set)
    abstained: dict[int, str] = field(default_factory=dict)


def open_all(value: PointValue, facts: Facts) -> Opened:
    """R8: which openings count, whole or not at all, and what the others cost."""
    committee = facts.spec.committee
    opened = Opened()
    commits = by_position(facts.slate.ids, facts)
    seals = by_position(facts.freeze.ids, facts)
    openings = by_position(value.ids, facts)
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


def candidates_of(opened: Opened, facts: Facts) -> tuple[Candidate, ...] | Pending:
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


def by_position(ids: tuple[MessageId, ...], facts: Facts) -> dict[int, Message]:
    """The messages with these ids, all of them held, by their signers' places in the committee."""
    found: dict[int, Message] = {}
    for item in ids:
        message = facts.lookup(item)
        assert message is not None
        position = facts.spec.committee.position(message.signer)
        assert position is not None
        found[position] = message
    return found
