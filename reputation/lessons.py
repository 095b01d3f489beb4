"""What a task teaches about rules that were asked what they would have answered (O7a).

Only clients' words teach it. Held against the outcome itself a mixture would find that whatever
it follows is right.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .facts import ONE, FeedbackFact, VerdictFact
from .observations import GOLD


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """One task's losses, one an expert, in bp of a whole task; `kept` in [0, 1] is what decay has
    left, at its opening, of the tasks before it."""

    kept: float
    losses: tuple[int, ...]


def losses(fact: VerdictFact, statements: Sequence[FeedbackFact]) -> tuple[int, ...] | None:
    """What each expert lost in a task, in bp: the mean over the clients' words; None without any.

    An expert loses the share of its say that was not on the right answer. The opener's word is
    not among them: it drafted, and one such word on one task had every member of its committee
    weigh its own draft as the best member's (O7a). Where it is only known that the verdict was
    wrong, what was on it is lost whole and what was on other answers by half: nobody knows which of
    those was right, and to charge nothing would teach that disagreeing is right.
    """
    told = [found for item in statements if (found := _told(fact, item)) is not None]
    if not told or not fact.picks:
        return None
    return tuple(sum(one[at] for one in told) // len(told) for at in range(len(fact.picks)))


def _told(fact: VerdictFact, statement: FeedbackFact) -> list[int] | None:
    if statement.client == fact.opener:
        return None
    truth = fact.winner if statement.right else -1
    if statement.answer and not statement.right:
        if statement.answer not in fact.answers:
            return None  # nobody gave it: all lose alike, which teaches nothing
        truth = fact.answers.index(statement.answer)
    if truth >= 0:
        return [GOLD * (ONE - _on(one, truth)) // ONE for one in fact.picks]
    if statement.right or fact.winner < 0:
        return None
    return [GOLD * (ONE + _on(one, fact.winner)) // (2 * ONE) for one in fact.picks]


def _on(picked: Sequence[tuple[int, int]], answer: int) -> int:
    """An expert's share on an answer, in bp."""
    return sum(share for at, share in picked if at == answer)
