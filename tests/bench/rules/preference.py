"""How often a judge prefers an answer because it is its own: both masks, measured."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

from .sets import Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One judge's word on two unequal answers.

    `share` is what the one at `first` won. `judge`, `first` and `second` are positions.
    """

    question: Question
    judge: int
    first: int
    second: int
    share: Fraction

    @property
    def own(self) -> int | None:
        """Which of the two, if either, is of the judge's own class."""
        mine = self.question.letters[self.judge]
        for at in (self.first, self.second):
            if self.question.letters[at] == mine:
                return at
        return None

    def won(self, at: int) -> Fraction:
        """1 if that one was preferred, a half for no preference."""
        share = self.share if at == self.first else 1 - self.share
        return Fraction((share > Fraction(1, 2)) + (share >= Fraction(1, 2)), 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share of `of` words."""

    part: Fraction
    of: int

    @property
    def percent(self) -> float:
        """In percent; 0 of none."""
        return float(100 * self.part / self.of) if self.of else 0.0

    @classmethod
    def among(cls, words: Sequence[Word], wins: Callable[[Word], Fraction]) -> "Rate":
        """The mean of `wins` over `words`."""
        return cls(part=sum(map(wins, words), Fraction()), of=len(words))


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """Rates of one pool, over words on two unequal answers.

    How often the judge's own side was preferred:
    `itself`: its own proposal, which no mask lets through. `equal`: an answer equal to its own
    that another wrote: what `mask = proposal` lets through and `mask = class` does not.
    `matched`: the same, where a judge of neither answer spoke of the same two, once for each
    such judge, and `matched_by_others`: how often that judge preferred the same side, so what
    an answer's quality explains without anybody's preference for its own.

    How often the right side was preferred, where one is right:
    `proposal`: all words that `mask = proposal` lets through, of which `for_own` and
    `against_own` are those about the judge's own class, by how they went, and `judge_right` and
    `judge_wrong` all by whether the judge's own answer is right. `class_`: those that
    `mask = class` lets through.

    `seen_proposal` and `seen_class` are how many words a mask lets through, decisive or not.
    """

    itself: Rate
    equal: Rate
    matched: Rate
    matched_by_others: Rate
    proposal: Rate
    class_: Rate
    for_own: Rate
    against_own: Rate
    judge_right: Rate
    judge_wrong: Rate
    seen_proposal: int
    seen_class: int


def preference(questions: Sequence[Question]) -> Preference:
    """Measure the words of all judges on pairs of unequal answers."""
    every = [word for question in questions for word in words(question)]
    itself = [word for word in every if word.judge in (word.first, word.second)]
    masked = [word for word in every if word.judge not in (word.first, word.second)]
    equal = [word for word in masked if word.own is not None]
    third = [word for word in masked if word.own is None]
    neither = {(word.question.id, word.judge, word.first, word.second): word for word in third}
    peers = [
        (word, other)
        for word in equal
        for judge in range(len(word.question.letters))
        if (other := neither.get((word.question.id, judge, word.first, word.second))) is not None
    ]
    decisive = [word for word in masked if _right(word) is not None]
    about_own = [word for word in decisive if word.own is not None]

    def right(chosen: Callable[[Word], bool], among: Sequence[Word]) -> Rate:
        return Rate.among([word for word in among if chosen(word)], _for_right)

    return Preference(
        itself=Rate.among(itself, lambda word: word.won(word.judge)),
        equal=Rate.among(equal, _for_own),
        matched=Rate.among([word for word, _ in peers], _for_own),
        matched_by_others=Rate(
            part=sum((other.won(_given(word.own)) for word, other in peers), Fraction()),
            of=len(peers),
        ),
        proposal=right(lambda _: True, decisive),
        class_=right(lambda word: word.own is None, decisive),
        for_own=right(lambda word: _for_own(word) == 1, about_own),
        against_own=right(lambda word: _for_own(word) == 0, about_own),
        judge_right=right(_judge_right, decisive),
        judge_wrong=right(lambda word: not _judge_right(word), decisive),
        seen_proposal=len(masked),
        seen_class=len(third),
    )


def words(question: Question) -> Iterator[Word]:
    """Every judge's word on every two unequal answers, its own included."""
    for judge, judged in enumerate(question.judges):
        if judged is None:
            continue
        for first, second in combinations(range(len(question.letters)), 2):
            if question.letters[first] == question.letters[second]:
                continue
            share = judged.wins(question.members[first], question.members[second])
            if share is not None:
                yield Word(question=question, judge=judge, first=first, second=second, share=share)


def _right(word: Word) -> int | None:
    """Which of the two is right."""
    for at in (word.first, word.second):
        if word.question.letters[at] == word.question.gold:
            return at
    return None


def _judge_right(word: Word) -> bool:
    return word.question.letters[word.judge] == word.question.gold


def _given(at: int | None) -> int:
    assert at is not None
    return at


def _for_own(word: Word) -> Fraction:
    return word.won(_given(word.own))


def _for_right(word: Word) -> Fraction:
    return word.won(_given(_right(word)))
