"""Who was right how often, counted from drafts and answers alone.

The demonstration's table, which reads it off verdicts, is held against this.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from consensus.bodies import Proposal
from node.demo.accuracy import Row, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One case with its truth, the drafts of its first round by organisation, and the verdict.

    An organisation that drafted nothing is absent. `swarm` is None if there is no verdict
    with a winner, which counts as wrong; `tied` holds all answers that share its place.
    """

    truth: str
    drafts: Mapping[str, Proposal]
    swarm: str | None
    tied: tuple[str, ...] = ()


def tabulate(
    cases: Sequence[Decided], organisations: Sequence[str], options: Sequence[str]
) -> Table:
    """Count who was right.

    An organisation alone is asked where it drafted. Majority and mean take the drafts there
    are; their ties are split evenly among the tied answers, which is what a fair coin gives
    on average. The mean of probabilities is what a coordinator who sees every belief would
    answer (beliefs in bp over `options`; drafts without one are left out).
    """
    alone = tuple(
        Row(
            name=name,
            right=sum(
                case.drafts[name].answer == case.truth for case in cases if name in case.drafts
            ),
            asked=sum(name in case.drafts for case in cases),
        )
        for name in organisations
    )
    return Table(
        alone=alone,
        majority=_row("majority", cases, [_votes(case) for case in cases]),
        mean=_row("mean of probabilities", cases, [_sums(case, options) for case in cases]),
        swarm=Row(
            name="swarm", right=sum(case.swarm == case.truth for case in cases), asked=len(cases)
        ),
        split=_row(
            "swarm, ties split",
            cases,
            [dict.fromkeys(case.tied or ([case.swarm] if case.swarm else []), 1) for case in cases],
        ),
        oracle=Row(
            name="any right",
            right=sum(
                any(draft.answer == case.truth for draft in case.drafts.values()) for case in cases
            ),
            asked=len(cases),
        ),
    )


def _row(name: str, cases: Sequence[Decided], scores: Sequence[Mapping[str, int]]) -> Row:
    right = sum(_share_of_top(score, case.truth) for case, score in zip(cases, scores, strict=True))
    return Row(name=name, right=right, asked=len(cases))


def _share_of_top(score: Mapping[str, int], truth: str) -> float:
    most = max(score.values(), default=0)
    top = [answer for answer, value in score.items() if value == most]
    return 1 / len(top) if truth in top else 0.0


def _votes(case: Decided) -> Mapping[str, int]:
    return Counter(draft.answer for draft in case.drafts.values())


def _sums(case: Decided, options: Sequence[str]) -> Mapping[str, int]:
    beliefs = [draft.belief for draft in case.drafts.values() if draft.belief]
    if not beliefs:
        return {}
    return {option: sum(b[k] for b in beliefs) for k, option in enumerate(options)}
