"""The agreed record that a draft is made from (rule R1)."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..agreement.instance import value_id
from ..bodies import Opening, Proposal, TaskOpen
from ..envelope import MessageId, Stage
from ..masking import record_order, strike
from ..plateau import Dials
from ..tally.credits import full
from .requests import Critique, RecordEntry
from .round import RoundState

RATIONALE_CAP = 4_000
"""Characters of one rationale in the record: N proposals of earlier rounds share a prompt. An
answer stands in it whole, since one cut short could not be taken over: `MAX_ANSWER` is no more."""
CRITIQUE_CAP = 600
"""Characters of one critique in the record, for the same reason."""


def agreed_record(
    rounds: Iterable[RoundState], spec: TaskOpen, own: frozenset[MessageId]
) -> tuple[RecordEntry, ...]:
    """Counted proposals and unstruck critiques of finished rounds, under fresh letters (R1),
    as far as they passed the quality gate that the outcome set (P3).

    They stand in the order of a hash that nobody could foresee when writing them. `own` are
    ids of this member's proposals; the entry says so to its own model and to nobody else.
    """
    found: dict[MessageId, tuple[int, Proposal, tuple[Critique, ...]]] = {}
    seed = spec.nonce
    for state in rounds:
        outcome = state.values[Stage.OUTCOME]
        assert outcome.figures is not None
        seed = value_id(state.points[Stage.OUTCOME].value)
        critiques = _critiques(state, spec)
        for text in outcome.figures["plateau"]["passed"]:  # P3: over the quality gate
            item = MessageId(bytes.fromhex(text))
            message = state.lookup(item)
            assert message is not None and isinstance(message.body, Proposal)
            found[item] = (state.number, message.body, tuple(critiques.get(item, ())))
    entries = []
    for letter, item in record_order(sorted(found), seed):
        number, proposal, words = found[item]
        entries.append(
            RecordEntry(
                round=number,
                letter=letter,
                proposal=replace(proposal, rationale=proposal.rationale[:RATIONALE_CAP]),
                critiques=words,
                own=item in own,
            )
        )
    return tuple(entries)


def dials_of(rounds: Sequence[RoundState]) -> Dials:
    """The dials that the last outcome set for this round (P3), or the opening ones."""
    if not rounds:
        return Dials()
    figures = rounds[-1].values[Stage.OUTCOME].figures
    assert figures is not None
    return Dials(**figures["decision"]["dials"])


def _critiques(state: RoundState, spec: TaskOpen) -> dict[MessageId, list[Critique]]:
    """Marks on each proposal from counted ballots, a voter's on its own struck (R8, R9).

    Endorsements are in points, also where a ballot has votes (O3a).
    """
    outcome = state.values[Stage.OUTCOME]
    assert outcome.figures is not None
    refused = {item["voter"] for item in outcome.figures["tally"]["refused"]}  # O3a
    counted = {spec.committee.members[at] for at in outcome.figures["ballots"] if at not in refused}
    most = full(spec.committee.policy)
    found: dict[MessageId, list[Critique]] = {}
    for item in outcome.ids:
        message = state.lookup(item)
        if message is None or message.signer not in counted:
            continue
        opening = message.body
        if not isinstance(opening, Opening) or opening.ballot is None:
            continue
        ballot, _ = strike(opening.ballot, MessageId(opening.proposal) or None)
        for mark in ballot.marks:
            found.setdefault(ballot.held[mark.candidate], []).append(
                Critique(
                    endorsement=max(-100, min(100, mark.endorsement * 100 // most)),
                    evidence=mark.evidence,
                    argument=mark.argument,
                    text=mark.critique[:CRITIQUE_CAP],
                )
            )
    return found
