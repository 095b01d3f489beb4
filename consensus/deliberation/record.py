"""The agreed record that a draft is made from (rule R1)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..agreement.instance import value_id
from ..bodies import Opening, Proposal, TaskOpen
from ..envelope import MessageId, Stage
from ..exact import lower_median
from ..masking import record_order, strike
from ..plateau import Dials
from ..tally.credits import full
from .context import contest, fold
from .requests import Claim, Context, Critique, Reason, RecordEntry, View
from .round import RoundState

RATIONALE_CAP = 4_000
"""Characters of one rationale in the record: N proposals of earlier rounds share a prompt. An
answer stands in it whole, since one cut short could not be taken over: `MAX_ANSWER` is no more."""
CRITIQUE_CAP = 600
"""Characters of one critique in the record, for the same reason."""
CITED = 16
"""Cited ids of one proposal that the record names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A proposal of the record: where it stands and what was said of it."""

    letter: str
    round: int
    id: MessageId
    proposal: Proposal
    critiques: tuple[Critique, ...]


def agreed_record(entries: Sequence[Entry], own: frozenset[MessageId]) -> tuple[RecordEntry, ...]:
    """What finished rounds left (`entries`), as a model is told it (R1). `own` are ids of this
    member's proposals; the entry says so to its own model and to nobody else."""
    return tuple(
        RecordEntry(
            round=entry.round,
            letter=entry.letter,
            proposal=replace(entry.proposal, rationale=entry.proposal.rationale[:RATIONALE_CAP]),
            critiques=tuple(
                replace(critique, text=critique.text[:CRITIQUE_CAP]) for critique in entry.critiques
            ),
            own=entry.id in own,
        )
        for entry in entries
    )


def context(
    entries: Sequence[Entry], rounds: Sequence[RoundState], spec: TaskOpen, taken: int = 0
) -> Context:
    """The same record in words, by answers and folded to the policy's limit (R1b), of which
    people's notes have `taken` so many bytes (R1c)."""
    policy = spec.committee.policy
    claims: list[Claim] = []
    for state in rounds:
        figures = state.values[Stage.OUTCOME].figures
        assert figures is not None
        told = [entry for entry in entries if entry.round == state.number]
        for item in figures["tally"]["classes"]:
            of = [entry for entry in told if entry.id.hex() in item["candidates"]]
            if of:
                claims.append(_claim(item, of, len(told)))
    place = {entry.letter: at for at, entry in enumerate(entries)}
    claims.sort(key=lambda claim: place[claim.letters[0]])
    return fold(claims, tokens=policy.context_tokens, forget=policy.forget, taken=taken)


def _claim(figures: dict[str, Any], entries: Sequence[Entry], of: int) -> Claim:
    answer = entries[0].proposal.answer
    given = sorted(said.endorsement for entry in entries for said in entry.critiques)
    return Claim(
        round=entries[0].round,
        answer=answer,
        letters=tuple(entry.letter for entry in entries),
        of=of,
        confidence=figures["proposals"],
        belief=figures["belief"],
        judged=len(given),
        endorsement=lower_median(given) if given else 0,
        contest=contest(given),
        reasons=tuple(
            Reason(
                letter=entry.letter,
                wording="" if entry.proposal.answer == answer else entry.proposal.answer,
                text=entry.proposal.rationale,
                cited=entry.proposal.evidence[:CITED],
            )
            for entry in entries
        ),
        views=tuple(
            View(letter=entry.letter, critique=critique)
            for entry in entries
            for critique in entry.critiques
            if critique.text.strip()
        ),
    )


def entries_of(rounds: Sequence[RoundState], spec: TaskOpen) -> list[Entry]:
    """Counted proposals and unstruck critiques of finished rounds, under fresh letters (R1),
    as far as they passed the quality gate that the outcome set (P3).

    They stand in the order of a hash that nobody could foresee when writing them.
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
    return [
        Entry(
            letter=letter,
            id=item,
            round=found[item][0],
            proposal=found[item][1],
            critiques=found[item][2],
        )
        for letter, item in record_order(sorted(found), seed)
    ]


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
                    text=mark.critique,
                )
            )
    return found
