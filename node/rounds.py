"""A round as the HTTP front shows it: figures, drafts and the vote matrix, once it has its outcome.

All of it is read off what members agreed on and opened. A round without an outcome shows nothing
here: whoever saw who wrote what before the ballots are opened could tell a judge (rules R3, R9).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from consensus.bodies import Ballot, Preference
from consensus.envelope import MessageId
from consensus.masking import strike
from consensus.policy import ONE, Policy
from consensus.tally.credits import full

from .api import seen
from .excerpts import shown_answers
from .opened import OpenedRound

TEXT_MAX: Final = 4_000
"""Most characters of a draft's answer or rationale, or of an argument: a page shows N of them."""

ELLIPSIS: Final = "\N{HORIZONTAL ELLIPSIS}"

_WON: Final = {Preference.FIRST: 1.0, Preference.SECOND: 0.0, Preference.TIE: 0.5}


@dataclass(frozen=True, slots=True, kw_only=True)
class Committee:
    """Who decides, for whoever reads: keys by position and what they are called, and the policy."""

    keys: Sequence[bytes]
    names: Sequence[str]
    policy: Policy


def cut(text: str, most: int = TEXT_MAX) -> str:
    """`text`, or how it begins."""
    return text if len(text) <= most else text[: most - 1] + ELLIPSIS


def round_seen(opened: OpenedRound, committee: Committee) -> seen.Round:
    """A round with its outcome."""
    figures = opened.figures
    tally, decision, baselines = (
        figures["tally"],
        figures["decision"],
        figures["tally"]["baselines"],
    )
    shown = shown_answers(tally)
    authors = dict(zip(figures["proposals"], figures["authors"], strict=True))

    def called(answer: str | None) -> str | None:
        return None if answer is None else shown.get(answer, answer)

    standings = [
        seen.Standing(
            answer=shown[item["answer"]],
            members=sorted(committee.names[authors[one]] for one in item["candidates"]),
            belief=item["belief"] / ONE,
            strength=item["strength"] / ONE,
            error=item["error"] / ONE,
            support=item["support"] / ONE,
            votes=item["votes"],
            wins=item["borda"] / ONE,
        )
        for item in sorted(
            tally["classes"],
            key=lambda item: (
                item["answer"] != tally["winner"],
                item["answer"] != tally["runner_up"],
                -item["belief"],
                item["answer"],
            ),
        )
    ]
    return seen.Round(
        round=opened.number,
        winner=called(tally["winner"]),
        belief=tally["belief"] / ONE,
        tied=bool(tally["tied"]),
        majority=called(baselines["majority"]),
        reason=decision["reason"],
        ballots=tally["ballots"],
        fragile=tally["robust"]["fragile"],
        standings=standings,
        drafts=list(_drafts(opened, authors, committee)),
        matrix=_matrix(opened, authors, shown, committee),
        signals=_signals(figures["plateau"]),
        strikes=[
            seen.Strike(member=committee.names[at], reason=reason)
            for at, reason in figures["strikes"]
        ],
    )


def _signals(plateau: Mapping[str, Any]) -> seen.Signals:
    return seen.Signals(
        entropy=plateau["entropy"] / ONE,
        gain=plateau["gain"] / ONE,
        divergence=plateau["divergence"] / ONE,
        overlap=plateau["overlap"] / ONE,
        evidence=plateau["evidence"],
        argument=plateau["argument"],
        stood=plateau["stood"],
        flat=plateau["flat"],
        contentiousness=plateau["dials"]["contentiousness"] / ONE,
        gate=plateau["dials"]["gate"] / ONE,
    )


def _drafts(
    opened: OpenedRound, authors: Mapping[str, int], committee: Committee
) -> Iterator[seen.Draft]:
    for id_, author in sorted(authors.items(), key=lambda item: committee.names[item[1]]):
        proposal = opened.proposals.get(bytes.fromhex(id_))
        if proposal is not None:
            yield seen.Draft(
                author=committee.names[author],
                answer=cut(proposal.answer),
                rationale=cut(proposal.rationale),
                confidence=(max(proposal.belief) if proposal.belief else proposal.confidence) / ONE,
            )


def _matrix(
    opened: OpenedRound, authors: Mapping[str, int], shown: Mapping[str, str], committee: Committee
) -> seen.Matrix:
    """Ballots as they were counted, by voter and draft; a masked cell is empty (R9, R9b)."""
    figures = opened.figures
    of = {one: item["answer"] for item in figures["tally"]["classes"] for one in item["candidates"]}
    columns = sorted(
        (one for one in authors if one in of), key=lambda one: committee.names[authors[one]]
    )
    own = {author: one for one, author in authors.items()}
    unit = full(committee.policy)
    rows = []
    for voter in sorted(figures["ballots"], key=lambda at: committee.names[at]):
        opening = opened.openings.get(committee.keys[voter])
        if opening is None or opening.ballot is None:
            continue
        mine = own.get(voter)
        counted, _ = strike(
            opening.ballot, None if mine is None else MessageId(bytes.fromhex(mine))
        )
        wins, marks = _said(counted, unit)
        cells = []
        for one in columns:
            same = committee.policy.mask == "class" and mine is not None and of[one] == of.get(mine)
            masked = one == mine or same
            cells.append(
                seen.Cell(
                    masked=masked,
                    wins=None if masked else wins.get(one),
                    endorsement=None if masked else marks.get(one),
                )
            )
        rows.append(seen.Row(voter=committee.names[voter], cells=cells))
    return seen.Matrix(
        authors=[committee.names[authors[one]] for one in columns],
        answers=[shown[of[one]] for one in columns],
        rows=rows,
    )


def _said(ballot: Ballot, unit: int) -> tuple[dict[str, float], dict[str, float]]:
    """By proposal: the share of its comparisons that it won here, and its mark, of `unit`."""
    held = [item.hex() for item in ballot.held]
    told: dict[str, list[float]] = {}
    for pair in ballot.pairs:
        won = _WON.get(pair.preference, 0.5)  # judged to say the same: as good as each other
        told.setdefault(held[pair.first], []).append(won)
        told.setdefault(held[pair.second], []).append(1.0 - won)
    wins = {one: sum(won) / len(won) for one, won in told.items()}
    marks = {
        held[mark.candidate]: max(-1.0, min(1.0, mark.endorsement / unit)) for mark in ballot.marks
    }
    return wins, marks
