"""What one decided task teaches about its members' two skills (L2).

An observation is a pair of integers in bp, for and against; together at most `ONE` a skill and
task, which bounds how fast any score can move. README.md has the reasons for the figures.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from .facts import ONE, FeedbackFact, Showing, VerdictFact

GOLD: Final = ONE
"""What a client's word is worth: a whole observation."""

AGREEMENT: Final = ONE // 4
"""What agreeing with the outcome is worth where no client said whether it was right. A label
that is right with probability a tells (2a - 1)^2 of what a sure one tells; a quarter is a
verdict that is right three times in four."""

OPENER: Final = ONE // 2
"""What the word of the task's own opener is worth: it is a member, and so a party."""

AUTHOR, JUDGE = 0, 1

STRUCK: Final = {
    "alias": (AUTHOR, JUDGE),
    "mismatch": (AUTHOR, JUDGE),
    "no_show": (AUTHOR, JUDGE),
    "self_vote": (JUDGE,),
    "unopened": (AUTHOR, JUDGE),
    "void_answer": (AUTHOR,),
}
"""The skills against which each strike counts as a whole observation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """For and against a member, in bp, as an author and as a judge."""

    author: tuple[int, int] = (0, 0)
    judge: tuple[int, int] = (0, 0)

    def __bool__(self) -> bool:
        return any(self.author) or any(self.judge)


NOTHING: Final = Observation()


def observe(
    fact: VerdictFact,
    member: bytes,
    *,
    statements: Sequence[FeedbackFact] = (),
    accepted: Collection[bytes] = (),
) -> Observation:
    """What `fact` teaches about `member`.

    `statements` are one a client, each client's last; `accepted` are the members whose ACCEPT
    is held. A strike needs the member's own acceptance: shown in the verdict, or held (L2).
    """
    showing = fact.of(member)
    if showing is None:
        return NOTHING
    skills = _by_word(fact, showing, statements) or _by_agreement(fact, showing)
    if showing.accepted or member in accepted:
        for strike in showing.strikes:
            for skill in STRUCK[strike]:
                skills[skill] = (0, ONE)
    return Observation(author=skills[AUTHOR], judge=skills[JUDGE])


def _by_agreement(fact: VerdictFact, showing: Showing) -> list[tuple[int, int]]:
    """Without a client's word: did the member's draft win, did its comparisons favour the winner?

    A fragile outcome teaches nothing, since those that might be faulty could have made it. Nor
    does a task in which all drafts agree: whoever asks what everybody knows raises nobody.
    """
    drafts = {item.answer for item in fact.showings if item.answer >= 0}
    if fact.winner < 0 or fact.fragile or len(drafts) < 2:
        return [(0, 0), (0, 0)]
    mass = AGREEMENT * fact.belief // ONE
    author = (0, 0) if showing.answer < 0 else _either(showing.answer == fact.winner, mass)
    return [author, _comparisons(showing, fact.winner, mass)]


def _by_word(
    fact: VerdictFact, showing: Showing, statements: Sequence[FeedbackFact]
) -> list[tuple[int, int]] | None:
    """With clients' words: the mean of what each of them makes of the member.

    Nobody's word counts on itself.
    """
    statements = [item for item in statements if item.client != showing.member]
    told = [found for item in statements if (found := _told(fact, showing, item)) is not None]
    if not told:
        return None
    return [
        (
            sum(one[skill][0] for one in told) // len(told),
            sum(one[skill][1] for one in told) // len(told),
        )
        for skill in (AUTHOR, JUDGE)
    ]


def _told(
    fact: VerdictFact, showing: Showing, statement: FeedbackFact
) -> list[tuple[int, int]] | None:
    """What one client's word makes of a member; None if it says nothing of this task."""
    gold = OPENER if statement.client == fact.opener else GOLD
    drafted, named = showing.answer >= 0, statement.answer
    truth = fact.winner if statement.right else -1
    if named and not statement.right:
        truth = fact.answers.index(named) if named in fact.answers else -1
        if truth < 0:  # the right answer is known, and nobody gave it
            return [(0, gold if drafted else 0), (0, 0)]
    if truth >= 0:
        author = _either(showing.answer == truth, gold) if drafted else (0, 0)
        return [author, _comparisons(showing, truth, gold)]
    if statement.right or fact.winner < 0:
        return None
    # Wrong, and nothing else is known: who gave that answer was wrong, and so was who preferred
    # it. Of the others' answers nobody knows.
    lost = (0, gold) if showing.answer == fact.winner else (0, 0)
    against, favour = _comparisons(showing, fact.winner, gold)
    return [lost, (favour, against)]


def _either(good: bool, mass: int) -> tuple[int, int]:
    return (mass, 0) if good else (0, mass)


def _comparisons(showing: Showing, answer: int, mass: int) -> tuple[int, int]:
    """How a member's comparisons treated `answer`, as for and against."""
    if not showing.judged:
        return 0, 0
    share, part = showing.judged[answer]
    whole = mass * part // ONE
    won = whole * share // ONE
    return won, whole - won
