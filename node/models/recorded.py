"""The `recorded` backend: a member that answers and judges as a real model was recorded to.

It plays one member of one pool of a data set (`recordings`). The question is known by its id,
which stands somewhere in the case's text; no question text is needed, or there.

What it says, and why no more than that:

- Its draft is the recorded letter, in every round: a recording has one round. Letters came
  without probabilities, so there is no belief, and the confidence is whole: a vote. A figure
  below that would have to be made up, or fitted to the right answers.
- Nothing in a proposal says which recorded answer it is, since the letter and the data set
  would name its author. What a candidate is judged by is therefore its letter. Where several
  other members of the pool gave one letter, each candidate with that letter stands for all of
  them alike: it wins over another the mean share that they win. This member's own recorded
  answer is left out of that. Two candidates of one letter are SAME.
- A recorded order or vote gives pairs and no marks: nobody was asked to endorse anything, and
  the blend's share for support goes to the other figures (O4).

A question that is not in the data set, a letter that is no option of the task, a missing answer
or ballot: the member abstains.
"""

import re
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import NoReturn, Self

import msgspec

from consensus.bodies import Preference, Proposal
from consensus.deliberation.requests import Case, DraftRequest, JudgeRequest, Judgment, LetteredPair
from consensus.exact import round_ratio
from consensus.policy import ONE

from .base import Description, Failure, ModelError, ModelSetupError
from .opinion import compared, option_of
from .recordings import Recording, RecordingError, Recordings, load
from .registry import read_options

NAME = "recorded"
"""The backend's name in configuration and errors."""

_WORD = re.compile(r"[^\s,;:()\[\]{}\"'<>]+")


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of a recorded member.

    `data` is a data set of the package by name, or a file; `pool` whose judgments of each
    other are replayed; `member` the model that this node plays. `family` is the model family
    it passes for, by default what `family_of` makes of its name.
    """

    data: str
    pool: str
    member: str
    family: str = ""


def family_of(member: str) -> str:
    """What errs together with `member`: the maker before a slash, the model before a #."""
    return member.partition("/")[0].partition("#")[0]


class Recorded:
    """One recorded member."""

    def __init__(self, options: Options, recordings: Recordings) -> None:
        self._options = options
        self._recordings = recordings

    @classmethod
    async def open(cls, options: Mapping[str, object], base: Path) -> Self:
        """A member that replays what `options` name. Raises `ModelSetupError`."""
        read = read_options(NAME, options, Options)
        try:
            recordings = load(read.data, base)
        except RecordingError as error:
            raise ModelSetupError(f"options of the {NAME} model: data: {error}") from None
        pools = recordings.pools
        if read.pool not in pools:
            raise ModelSetupError(
                f"options of the {NAME} model: {read.data} has no pool {read.pool!r}; it has: "
                f"{', '.join(pools) or 'none'}"
            )
        if read.member not in pools[read.pool]:
            raise ModelSetupError(
                f"options of the {NAME} model: {read.member!r} is no member of {read.pool}; its "
                f"members are: {', '.join(pools[read.pool])}"
            )
        return cls(read, recordings)

    async def draft(self, request: DraftRequest) -> Proposal:
        """The recorded letter."""
        found = self._question("draft", request.case)
        letter = found.answers.get(self._options.member)
        if letter is None:
            _refuse("draft", f"no answer of {self._options.member} to {found.id} is recorded")
        if option_of(request.case.answer, letter) is None:
            _refuse("draft", f"{letter}, recorded for {found.id}, is no option of the task")
        return Proposal(answer=letter)

    async def judge(self, request: JudgeRequest) -> Judgment:
        """The recorded order of the candidates' letters."""
        found = self._question("judge", request.case)
        options, member = self._options, self._options.member
        judged = found.judged.get(options.pool, {}).get(member)
        if judged is None:
            _refuse("judge", f"no judgment by {member} on {found.id} is recorded")
        behind: dict[int, list[str]] = {}
        for other in self._recordings.pools[options.pool]:
            letter = found.answers.get(other)
            option = None if letter is None else option_of(request.case.answer, letter)
            if other != member and option is not None:
                behind.setdefault(option, []).append(other)
        known = {
            candidate.letter: option
            for candidate in request.candidates
            if (option := option_of(request.case.answer, candidate.proposal.answer)) in behind
        }

        def word(first: str, second: str) -> LetteredPair | None:
            if first not in known or second not in known:
                return None
            if known[first] == known[second]:
                return _pair(first, second, None)
            said = [
                share
                for one in behind[known[first]]
                for other in behind[known[second]]
                if (share := judged.wins(one, other)) is not None
            ]
            return _pair(first, second, sum(said, Fraction()) / len(said)) if said else None

        return Judgment(pairs=compared(request, word))

    def describe(self) -> Description:
        """The recorded model's name, and what it is replayed from."""
        options = self._options
        return Description(
            family=options.family or family_of(options.member),
            name=f"{NAME} {options.member}",
            detail={
                "data": self._recordings.name,
                "pool": options.pool,
                "questions": str(len(self._recordings.questions)),
                "judged": str(len(self._recordings.judged_by(options.pool))),
            },
        )

    async def close(self) -> None:
        """Nothing to let go of."""

    def _question(self, doing: str, case: Case) -> Recording:
        """The recording of the one question whose id is a word of the case's texts."""
        words = {word for part in case.messages for word in _WORD.findall(part.text)}
        found = sorted(words & self._recordings.questions.keys())
        if len(found) != 1:
            what = f"{len(found)} recorded questions, {found[0]} first," if found else "no question"
            _refuse(
                doing, f"the case names {what} of {self._recordings.name}; it must name one by id"
            )
        return self._recordings.questions[found[0]]


def _pair(first: str, second: str, share: Fraction | None) -> LetteredPair:
    """A comparison in which `first` wins `share`; None says that both answer the same."""
    if share is None:
        preference, confidence = Preference.SAME, ONE
    elif share == Fraction(1, 2):
        preference, confidence = Preference.TIE, ONE
    else:
        preference = Preference.FIRST if share > Fraction(1, 2) else Preference.SECOND
        lead = abs(2 * share - 1) * ONE
        confidence = round_ratio(lead.numerator, lead.denominator)
    return LetteredPair(first=first, second=second, preference=preference, confidence=confidence)


def _refuse(doing: str, cause: str) -> NoReturn:
    raise ModelError(model=NAME, doing=doing, failure=Failure.CASE, cause=cause)
