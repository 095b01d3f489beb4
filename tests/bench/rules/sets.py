"""The recorded sets as rounds: what real models answered, and how they judged each other.

Every member of a pool proposes its letter, and every judge's ranking or vote becomes a ballot on
the others' proposals: one pair for any two of them that the recording says something about. The
judge's own answer is left out, as it is in a real round (R5). What a pool all agreed on has no
ballots, and no rule can be right or wrong there in any other way than the next.
"""

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib import resources
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Final

from consensus.bodies import AnswerKind, AnswerSpec, Preference
from consensus.exact import ONE_BP, round_ratio
from consensus.policy import Policy
from consensus.tally import Candidate
from consensus.tally.credits import afford
from node.demo.hle import POOLS
from node.models.recordings import Judged, Recording, Recordings, load
from tests.harness.recorded import majority
from tests.harness.tallies import Round, Word, ballot, candidate

COUNCIL: Final = "hle_council"
NODES: Final = "hle_weighted_consensus"
CHAIR: Final = "cabinet"
"""What the council's origin calls a chair: one model that reads all answers and all rankings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question with ballots on it.

    `letters` are the members' answers by position, `judges` their words likewise, on all
    answers, own included (`Judged` names `members`); None for who judged nothing. `shown` is
    the order in which the answers stood before the judges, by position; empty if that is not
    recorded.
    """

    id: str
    gold: str
    letters: tuple[str, ...]
    members: tuple[str, ...]
    judges: tuple[Judged | None, ...]
    options: tuple[str, ...]
    shown: tuple[int, ...]

    def round(self, *, marks: bool = False, policy: Policy | None = None) -> Round:
        """The round in which the members answer and judge as recorded.

        With `marks` a ballot also endorses, which nobody was asked for (`endorsements`); where
        the policy has credits it buys votes by that.
        """
        policy = policy or Policy()
        candidates = tuple(candidate(at, letter) for at, letter in enumerate(self.letters))
        ballots = tuple(
            ballot(
                voter,
                candidates,
                self.words(voter, judged),
                self._marks(voter, judged, candidates, policy) if marks else None,
            )
            for voter, judged in enumerate(self.judges)
            if judged is not None
        )
        return Round(
            spec=AnswerSpec(kind=AnswerKind.CHOICE, options=self.options),
            n=len(self.letters),
            candidates=candidates,
            ballots=ballots,
            policy=policy,
            seed=hashlib.sha256(self.id.encode()).digest(),
        )

    def words(self, voter: int, judged: Judged) -> list[Word]:
        """The pairs of others' proposals that `judged` says something about.

        First in a pair is who was shown first. Where that is not recorded it is drawn for each
        judge: an order of the members would tell a position term who wrote what.
        """
        return [
            word(one, other, share)
            for one, other in combinations(self.shown or self._drawn(voter), 2)
            if voter not in (one, other)
            and (share := judged.wins(self.members[one], self.members[other])) is not None
        ]

    def _marks(
        self, voter: int, judged: Judged, candidates: Sequence[Candidate], policy: Policy
    ) -> dict[int, int]:
        endorsed = self.endorsements(voter, judged)
        if policy.endorsements != "credits":
            return endorsed
        ids = {at: candidates[at].id for at in endorsed}
        votes = afford(
            {ids[at]: given for at, given in endorsed.items()},
            {ids[at]: self.letters[at] for at in endorsed},
            policy.credits,
        )
        return {at: votes[ids[at]] for at in endorsed}

    def _drawn(self, voter: int) -> list[int]:
        order = list(range(len(self.letters)))
        Random(f"{self.id} {voter}").shuffle(order)
        return order

    def endorsements(self, voter: int, judged: Judged) -> dict[int, int]:
        """Made-up marks, for rules that read nothing else: by place, or by share of the vote.

        A ranking of others gives the first 100, the last -100, and even steps between. A vote
        gives its share in points of 0 to 100.
        """
        others = [at for at in range(len(self.letters)) if at != voter]
        if judged.vote is not None:
            return {at: round(100 * judged.vote[self.members[at]]) for at in others}
        others.sort(key=lambda at: judged.ranking.index(self.members[at]))
        steps = max(1, len(others) - 1)
        return {at: round_ratio(100 * (steps - 2 * k), steps) for k, at in enumerate(others)}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSet:
    """One line of the data's README.

    `judged` have ballots; `others` holds, for each question without, the share of it that every
    rule gets right. `best`, `chair` (None where no chair is recorded) and `oracle` are numbers
    of right answers: of the best single member (of nodes that share a model, their mean), of
    the recorded chair, and of questions that any member has right.
    """

    name: str
    pool: str
    title: str
    judged: tuple[Question, ...]
    others: tuple[Fraction, ...]
    best: Fraction
    chair: int | None
    oracle: int

    @property
    def size(self) -> int:
        """How many questions there are."""
        return len(self.judged) + len(self.others)

    def percent(self, right: Fraction | int) -> float:
        """That many right answers in percent of all questions."""
        return float(100 * Fraction(right) / self.size)


def word(one: int, other: int, share: Fraction) -> Word:
    """A pair in which `one` wins that `share` over `other`."""
    if share == Fraction(1, 2):
        return one, other, Preference.TIE, ONE_BP
    lead = abs(2 * share - 1) * ONE_BP
    better = Preference.FIRST if share > Fraction(1, 2) else Preference.SECOND
    return one, other, better, round_ratio(lead.numerator, lead.denominator)


def recorded_sets() -> tuple[RecordedSet, ...]:
    """The five sets that the data's README has figures of, in its order."""
    council, nodes = load(COUNCIL, Path()), load(NODES, Path())
    staged = _staged()
    contested: list[RecordedSet] = []
    clean: list[RecordedSet] = []
    for pool in POOLS:
        members = council.pools[pool]
        answered = [
            item
            for item in council.questions.values()
            if all(item.answers[member] is not None for member in members)
        ]
        judged = [item for item in answered if pool in item.judged]
        agreed = [item for item in answered if pool not in item.judged]
        if any(len({item.answers[member] for member in members}) > 1 for item in agreed):
            raise ValueError(f"{pool} disagrees on a question without ballots")
        right = sum(staged[pool][item.id].chair == item.gold for item in judged)
        for into, name, rest in ((contested, "contested", ()), (clean, "clean", agreed)):
            unanimous = sum(item.answers[members[0]] == item.gold for item in rest)
            into.append(
                _set(
                    f"{pool} {name}",
                    council,
                    pool,
                    judged,
                    rest,
                    chair=right + unanimous,
                    shown={id_: one.shown for id_, one in staged[pool].items()},
                )
            )
    (panel,) = nodes.pools
    known = [item for item in nodes.questions.values() if item.gold is not None]
    voted = [item for item in known if panel in item.judged]
    rest = [item for item in known if panel not in item.judged]
    return (*contested, *clean, _set("six nodes", nodes, panel, voted, rest))


def _set(
    name: str,
    of: Recordings,
    pool: str,
    judged: Sequence[Recording],
    others: Sequence[Recording],
    *,
    chair: int | None = None,
    shown: Mapping[str, Sequence[str]] = {},
) -> RecordedSet:
    members, every = of.pools[pool], [*judged, *others]
    alone: dict[str, list[int]] = {}
    for member in members:
        right = sum(item.answers[member] == item.gold for item in every)
        alone.setdefault(member.partition("#")[0], []).append(right)
    return RecordedSet(
        name=name.replace(" ", "_"),
        pool=pool,
        title=f"{name}, {len(every)}",
        judged=tuple(_question(of, pool, members, item, shown.get(item.id, ())) for item in judged),
        others=tuple(majority(item, members) for item in others),
        best=max(Fraction(sum(found), len(found)) for found in alone.values()),
        chair=chair,
        oracle=sum(any(item.answers[m] == item.gold for m in members) for item in every),
    )


def _question(
    of: Recordings,
    pool: str,
    members: tuple[str, ...],
    item: Recording,
    shown: Sequence[str],
) -> Question:
    letters = tuple(letter for member in members if (letter := item.answers[member]) is not None)
    if item.gold is None or len(letters) != len(members):
        raise ValueError(f"{item.id} lacks its right answer, or an answer of {pool}")
    return Question(
        id=item.id,
        gold=item.gold,
        letters=letters,
        members=members,
        judges=tuple(item.judged[pool].get(member) for member in members),
        options=of.letters,
        shown=tuple(members.index(member) for member in shown),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Staging:
    """What a line of the council holds that no member may read, so that no loader gives it."""

    chair: str
    shown: tuple[str, ...]


def _staged() -> dict[str, dict[str, _Staging]]:
    """What the chair decided and in which order answers were shown, by pool and question."""
    file = resources.files("node") / "data" / "recorded" / f"{COUNCIL}.jsonl.gz"
    found: dict[str, dict[str, _Staging]] = {pool: {} for pool in POOLS}
    for line in gzip.decompress(file.read_bytes()).splitlines():
        item = json.loads(line)
        for pool, said in item.get("recorded", {}).items():
            shown = item["rankings"][pool]["display_order"]
            found[pool][item["id"]] = _Staging(chair=said[CHAIR], shown=tuple(shown))
    return found
