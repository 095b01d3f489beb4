"""What to find out next, where a verdict stays unsure (rule P5): MACI's precision RAG plan.

A function of agreed figures alone: the two answers that stand highest, what judges held against
either, and what was cited for one and not for the other. Sentences are templates around words of
members, which are data as everywhere.
"""

from collections.abc import Sequence
from typing import Any, Final

from ..envelope import tagged_hash
from ..exact import ONE_BP, round_ratio
from ..tally import AnswerClass, Candidate, CountedBallot, Tally

EACH: Final = 2
"""Most questions about one rival, and most sources for one: what somebody would look up."""

CLAIM_CAP: Final = 240
"""Characters of a critique in a question: its first sentence or two."""

NAME_CAP: Final = 80
"""Characters of an answer in a sentence; in full it stands among the rivals."""


def retrieval_plan(
    result: Tally,
    candidates: Sequence[Candidate],
    ballots: Sequence[CountedBallot],
    seed: bytes,
    below: int,
) -> dict[str, Any] | None:
    """The rivals, questions that would tell them apart, and what to fetch; None if the winner is
    believed `below` bp or more, or has no rival.

    `rivals` are the winner and the runner-up with their beliefs, and with their shares of the
    two together, in bp. Each question and each fetch says in `for` the rival (0 or 1) that gains
    if it turns out so, None if either may. Questions come from critiques of a rival's candidates:
    those on which the marks of judges are furthest apart first, then the harsher, then by a
    hash with `seed`. `by` is the judge's position.
    """
    pair = [result.group(name) for name in (result.winner, result.runner_up)]
    if result.belief >= below or pair[0] is None or pair[1] is None:
        return None
    rivals = [item for item in pair if item is not None]
    beliefs = {item.answer: item.belief for item in result.classes}
    held = [beliefs[item.answer] for item in rivals]
    whole = sum(held)
    shares = [round_ratio(part * ONE_BP, whole) if whole else ONE_BP // 2 for part in held]
    names = [_name(item.text) for item in rivals]
    return {
        "fetch": _sources(rivals, names, candidates, seed),
        "questions": _questions(rivals, names, ballots, seed),
        "rivals": [
            {"answer": item.text, "belief": belief, "share": share}
            for item, belief, share in zip(rivals, held, shares, strict=True)
        ],
    }


def _questions(
    rivals: Sequence[AnswerClass],
    names: Sequence[str],
    ballots: Sequence[CountedBallot],
    seed: bytes,
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for at, item in enumerate(rivals):
        marks = [
            (id_, counted.voter, mark)
            for counted in ballots
            for mark in counted.ballot.marks
            if (id_ := counted.ballot.held[mark.candidate]) in item.candidates
        ]
        points = {
            id_: [mark.argument for other, _, mark in marks if other == id_]
            for id_ in item.candidates
        }
        said = sorted(
            (
                -(max(points[id_]) - min(points[id_])),
                mark.argument,
                tagged_hash("question", seed, id_, bytes([voter])),
                voter,
                " ".join(mark.critique.split())[:CLAIM_CAP],
            )
            for id_, voter, mark in marks
            if mark.critique.strip()
        )
        for _, _, _, voter, claim in said[:EACH]:
            text = f"Does this hold against {names[at]}: {claim}"
            found.append({"by": voter, "for": 1 - at, "text": text})
    if not found:
        text = f"What would be seen if {names[0]} were so, and not if {names[1]} were?"
        found.append({"by": None, "for": None, "text": text})
    return found


def _sources(
    rivals: Sequence[AnswerClass],
    names: Sequence[str],
    candidates: Sequence[Candidate],
    seed: bytes,
) -> list[dict[str, Any]]:
    cited: list[dict[str, int]] = []
    for item in rivals:
        counts: dict[str, int] = {}
        for one in candidates:
            for source in set(one.proposal.evidence) if one.id in item.candidates else ():
                counts[source] = counts.get(source, 0) + 1
        cited.append(counts)
    found: list[dict[str, Any]] = []
    for at, counts in enumerate(cited):
        alone = [source for source in counts if source not in cited[1 - at]]
        alone.sort(key=lambda one: (-counts[one], tagged_hash("source", seed, one.encode())))
        for source in alone[:EACH]:
            text = (
                f"Read {source}: cited for {names[at]} by {counts[source]}, for the other by nobody"
            )
            found.append({"for": at, "source": source, "text": text})
    if not found:
        both = "both cite the same" if cited[0] else "nobody cites anything for either"
        text = f"Find a source that tells {names[0]} from {names[1]}: {both}"
        found.append({"for": None, "source": None, "text": text})
    return found


def _name(text: str) -> str:
    """An answer within a sentence: one line, quoted, cut where it is long."""
    line = " ".join(text.split())
    return f'"{line}"' if len(line) <= NAME_CAP else f'"{line[:NAME_CAP]}..."'
