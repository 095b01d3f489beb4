"""What the protocol promises of a whole deliberation, checked from outside as it runs.

None of it asks the code under test whether a rule holds: it compares what honest members wrote
and decided. So a rule that all members break alike is noticed too.
"""

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from consensus.agreement.effects import Persist
from consensus.bodies import COUNT_CAP, Ballot, Opening, Report
from consensus.deliberation.opened import Facts
from consensus.deliberation.outcome import figures
from consensus.deliberation.points import PointValue
from consensus.envelope import Kind, Member, MessageId, Stage, split_prefixed
from consensus.ports import Message

from .member import SafetyError, SimNode

if TYPE_CHECKING:
    from .swarm import Swarm

CLOSED_BY = {Kind.COMMIT: Stage.SLATE, Kind.SEAL: Stage.FREEZE}
"""What nobody honest writes once that point is decided: nobody commits after reading (R2a, R7)."""
OPENED_BY = {
    Kind.PACKET: Stage.SLATE,
    Kind.BUNDLE: Stage.SLATE,
    Kind.BATCH: Stage.SLATE,
    Kind.SEAL: Stage.SLATE,
    Kind.OPENING: Stage.FREEZE,
}
"""What nobody honest writes before: no proposal leaves before the slate, nothing opens before the
freeze (R2a, R7)."""
FAULTS_OF_WILL = frozenset({"mismatch", "alias", "self_vote", "void_answer"})
"""Strikes that a member earns by what it signed: an honest one never does (R8, R9)."""


class Promises:
    """The books of one trial."""

    def __init__(self, swarm: "Swarm") -> None:
        self._swarm = swarm
        self._reports: dict[tuple[int, Stage], dict[bytes, frozenset[MessageId]]] = {}
        self._values: dict[tuple[int, Stage], PointValue] = {}
        self._wrote: dict[MessageId, Message] = {}
        self._counted: set[int] = set()
        self._known: set[tuple[int, int, int, Stage]] = set()

    def wrote(self, node: SimNode, effect: Persist) -> None:
        """An honest member fills a slot: is it time for that?"""
        message, task = effect.message, node.task
        self._wrote[message.id] = message
        if task is None or not task.rounds or message.ctx.round != task.round.number:
            return
        state, kind = task.round, message.kind
        after, before = CLOSED_BY.get(kind), OPENED_BY.get(kind)
        # A decision of the same step may have come of this very message.
        known = (node.position, node.life, state.number)
        if after is not None and (*known, after) in self._known:
            raise SafetyError(f"{node.name} writes a {kind.name} after the {after.name}")
        if before is not None and before not in state.points:
            raise SafetyError(f"{node.name} writes a {kind.name} before the {before.name}")
        if isinstance(message.body, Report):
            place = (message.ctx.round, message.ctx.stage)
            self._reports.setdefault(place, {})[message.signer] = frozenset(message.body.ids)
        if kind is Kind.SEAL:
            self._only_what_came(node, effect)

    def decided(self, node: SimNode, round_: int, stage: Stage) -> None:
        """An honest member decides a point."""
        assert node.task is not None
        state = node.task.rounds[round_ - 1]
        value = state.values.get(stage)
        if value is None:
            raise SafetyError(f"{node.name} decides a {stage.name} that is no value")
        self._values[round_, stage] = value
        self._known.add((node.position, node.life, round_, stage))

    def settled(self, node: SimNode, round_: int) -> None:
        """An honest member holds all that a round's outcome names: does it count what it should?"""
        if round_ in self._counted:
            return
        self._counted.add(round_)
        assert node.task is not None
        state = node.task.rounds[round_ - 1]
        facts = node.task.desk.facts(state)
        self._counts(state.values[Stage.OUTCOME], facts)

    def end(self) -> None:
        """All is said: what t honest members reported is in, whoever proposed (V2)."""
        least = self._swarm.committee.quorum.t
        for place, value in self._values.items():
            reports = self._reports.get(place, {})
            named = Counter(item for ids in reports.values() for item in ids)
            for item, count in named.items():
                if count >= least and item in self._wrote and item not in value.ids:
                    raise SafetyError(
                        f"the {place[1].name} of round {place[0]} leaves out what "
                        f"{count} honest members reported"
                    )

    def _only_what_came(self, node: SimNode, effect: Persist) -> None:
        """R3a: a ballot lists the own proposal only once a BATCH brought it."""
        task = node.task
        assert task is not None
        if not task.exchange.mixes:
            return
        payload, _ = split_prefixed(effect.secret, 2)
        opening = self._swarm.ring.reader().decode(Kind.OPENING, payload)
        assert isinstance(opening, Opening) and opening.ballot is not None
        batches = task.round.content(Kind.BATCH, Stage.EXCHANGE)
        came = {part.id for held in batches.values() for one in held for part in one.parts}
        if not came.issuperset(opening.ballot.held):
            raise SafetyError(f"{node.name} lists a proposal that no BATCH brought")

    def _counts(self, value: PointValue, facts: Facts) -> None:
        swarm, found = self._swarm, value.figures
        assert found is not None
        members = swarm.committee.members
        signers = {
            stage: {_held(item, facts).signer for item in point.ids}
            for stage, point in ((Stage.SLATE, facts.slate), (Stage.FREEZE, facts.freeze))
        }
        for position in found["authors"]:
            if members[position] not in signers[Stage.SLATE]:
                raise SafetyError(f"{swarm.names[position]} is counted and is not in the slate")
        for position in found["ballots"]:
            if members[position] not in signers[Stage.FREEZE]:
                raise SafetyError(f"{swarm.names[position]}'s ballot counts and is not frozen")
        for position, reason in found["strikes"]:
            if swarm.nodes[position].honest and reason in FAULTS_OF_WILL:
                raise SafetyError(f"honest {swarm.names[position]} is struck for {reason}")
        openings = [_held(item, facts) for item in value.ids]
        sealed: dict[bytes, list[int]] = {}
        for one in openings:
            position = members.index(Member(one.signer))
            if isinstance(one.body, Opening) and one.body.salt and position in found["ballots"]:
                sealed.setdefault(one.body.salt, []).append(position)
        for positions in sealed.values():  # Byzantine members may share all they have
            if len(positions) > 1 and any(swarm.nodes[at].honest for at in positions):
                raise SafetyError("a copied ballot counts")
        self._honest_claims_bound_spending(value, facts)
        self._nobody_judges_itself(value, facts, openings)

    def _honest_claims_bound_spending(self, value: PointValue, facts: Facts) -> None:
        """P2a: what a task took lies between what two honest members claim, and time is up for
        one of them at least."""
        assert value.figures is not None
        nodes, found = self._swarm.nodes, value.figures["plateau"]
        honest = {node.member for node in nodes if node.honest}
        held = [_held(item, facts) for item in value.reports]
        claims = [one.body for one in held if one.signer in honest]
        for name, times in (("tokens", len(nodes)), ("micros", len(nodes)), ("ms", 1)):
            said = [min(COUNT_CAP, times * getattr(claim, name)) for claim in claims]
            if not min(said) <= found[name] <= max(said):
                raise SafetyError(f"liars move the {name} that a task took to {found[name]}")
        late = any(isinstance(claim, Report) and claim.deadline for claim in claims)
        if found["reason"] == "deadline" and not late:
            raise SafetyError("liars alone say that time is up")

    def _nobody_judges_itself(
        self, value: PointValue, facts: Facts, openings: list[Message]
    ) -> None:
        """R9: without every entry on the own proposal all figures stay the same."""
        assert value.figures is not None
        counted = zip(value.figures["authors"], value.figures["proposals"], strict=True)
        members = self._swarm.committee.members
        own = {members[at]: MessageId(bytes.fromhex(item)) for at, item in counted}
        bare = {one.id: _bare(one, own.get(Member(one.signer))) for one in openings}
        if all(bare[one.id] is one for one in openings):
            return
        stripped = replace(facts, lookup=lambda item: bare.get(item) or facts.lookup(item))
        again = figures(value, stripped)
        assert isinstance(again, dict)
        for name in ("tally", "plateau", "proposals", "ballots"):
            if again[name] != value.figures[name]:
                raise SafetyError(f"a word on one's own proposal moves the {name}")


def _bare(message: Message, mine: MessageId | None) -> Message:
    """An opening whose ballot says nothing of its voter's own proposal, if it has one."""
    opening = message.body
    assert isinstance(opening, Opening)
    ballot = opening.ballot
    if ballot is None or mine is None or mine not in ballot.held:
        return message
    own = ballot.held.index(mine)
    pairs = tuple(pair for pair in ballot.pairs if own not in (pair.first, pair.second))
    marks = tuple(mark for mark in ballot.marks if mark.candidate != own)
    if len(pairs) == len(ballot.pairs) and len(marks) == len(ballot.marks):
        return message
    bare: Ballot = replace(ballot, pairs=pairs, marks=marks)
    return replace(message, body=replace(opening, ballot=bare))


def _held(item: MessageId, facts: Facts) -> Message:
    message = facts.lookup(item)
    assert message is not None
    return message
