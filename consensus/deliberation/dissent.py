"""What a verdict says for the answer that did not win (rule E3a)."""

from collections.abc import Sequence
from typing import Any

from ..envelope import MessageId, tagged_hash
from ..plateau.signals import quality
from ..tally import Candidate, CountedBallot, Tally

ARGUMENT_CAP = 1_000
"""Characters of the argument that a dissent carries: a paragraph. In full it stands in the
proposal, which the verdict holds."""


def dissent(
    result: Tally,
    candidates: Sequence[Candidate],
    ballots: Sequence[CountedBallot],
    families: Sequence[str],
    seed: bytes,
) -> dict[str, Any] | None:
    """The runner-up's answer in full, its figures, and the best argument for it; None without one.

    `members` are the positions of its authors, `belief` is in bp. The best argument is the
    rationale with the highest median of argument points, by judges of other `families`, among the
    class's candidates that give one, equal ones by a hash with `seed`, which is agreed before
    anyone can see it; `by` is its author, None if nobody gave a rationale.
    """
    runner_up = result.group(result.runner_up)
    if runner_up is None:
        return None
    points = quality(candidates, ballots, families).arguments

    def rank(id_: MessageId) -> tuple[int, bytes]:
        return -points.get(id_, 0), tagged_hash("argument", seed, id_)

    written = {item.id: item for item in candidates if item.proposal.rationale.strip()}
    best = min((id_ for id_ in runner_up.candidates if id_ in written), key=rank, default=None)
    argued = None if best is None else written[best]
    (belief,) = (item.belief for item in result.classes if item.answer == runner_up.answer)
    return {
        "answer": runner_up.text,
        "argument": "" if argued is None else argued.proposal.rationale[:ARGUMENT_CAP],
        "belief": belief,
        "by": None if argued is None else argued.author,
        "members": list(runner_up.authors),
    }
