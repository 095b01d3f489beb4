"""Recordings of real models: what they answered, and how they judged each other's answers.

Two forms of a line are read, both JSON. In the one, `answers` maps a model to its letter, and
`rankings` holds for each pool of members every judge's full ranking of the pool's answers, best
first. In the other, `answers` lists nodes with their letters, and `votes` holds for each panel
every judge's distribution over these answers, in their order; only panels of as many judges as
there are nodes, which are the nodes themselves, are read. What else a line holds is passed over.
"""

import gzip
import io
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import Any, Final

import msgspec

from consensus.bodies import MAX_LABEL
from consensus.committee import MAX_MEMBERS

from .. import files

FILE_MAX: Final = 4 << 20
"""Most bytes of a file as it lies on the disk: sixty times what is shipped."""
TEXT_MAX: Final = 64 << 20
"""Most bytes of its text: a small file can unpack to any size."""

SHIPPED: Final = ("hle_council", "hle_weighted_consensus")
"""The data sets that come with the package, by name; NOTICE beside them says where from."""


class RecordingError(ValueError):
    """A data set cannot be used. The text names the file, the line, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One question: `gold` is the right letter if it is known, `answers` each model's letter.

    A model that gave no letter has None. `judged` holds for each pool, and in it for each
    judge, how much it thought of each member's answer, its own included: more is better, and
    only the order counts for a ranking, the share for a vote.
    """

    id: str
    gold: str | None
    answers: Mapping[str, str | None]
    judged: Mapping[str, "Mapping[str, Judged]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One judge's word: a `ranking` of members, best first, or a `vote` (member: share)."""

    ranking: tuple[str, ...] = ()
    vote: Mapping[str, float] | None = None

    @property
    def members(self) -> frozenset[str]:
        """Whose answers it speaks about."""
        return frozenset(self.ranking if self.vote is None else self.vote)

    def wins(self, first: str, second: str) -> Fraction | None:
        """The share of a win that `first` has over `second`; None where nothing was said.

        A ranking gives a whole win. A vote gives the first's part of what both have together,
        and says nothing of two answers that have nothing.
        """
        if self.vote is None:
            return Fraction(self.ranking.index(first) < self.ranking.index(second))
        mine, other = Fraction(self.vote[first]), Fraction(self.vote[second])
        return mine / (mine + other) if mine + other else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recordings:
    """A data set: its questions by id, in the file's order, and each pool's members."""

    name: str
    questions: Mapping[str, Recording]
    pools: Mapping[str, tuple[str, ...]]

    @property
    def letters(self) -> tuple[str, ...]:
        """A, B, ... up to the last letter that the data set holds.

        Which options a single question had is not recorded.
        """
        found = {
            letter
            for item in self.questions.values()
            for letter in (item.gold, *item.answers.values())
            if letter is not None
        }
        return tuple(map(chr, range(ord("A"), ord(max(found, default="B")) + 1)))

    def judged_by(self, pool: str) -> tuple[Recording, ...]:
        """The questions on which the pool's judgments are recorded: those it disagreed on."""
        return tuple(item for item in self.questions.values() if pool in item.judged)


class _Ranked(msgspec.Struct):
    ballots: dict[str, list[str]]


class _Answer(msgspec.Struct):
    answer: str | None = None
    node: str = ""


class _Vote(msgspec.Struct):
    judge: int
    vote: list[float]


class _Line(msgspec.Struct):
    id: str
    answers: dict[str, _Answer] | list[_Answer]
    gold: str | None = None
    rankings: dict[str, _Ranked] = {}
    votes: dict[str, list[_Vote]] = {}


def load(data: str, base: Path) -> Recordings:
    """The data set `data`: one of `SHIPPED` by name, else a file, against the folder `base`.

    Raises `RecordingError`.
    """
    if data in SHIPPED:
        source = resources.files("node").joinpath("data", "recorded", f"{data}.jsonl.gz")
        return _parse(data, data, source.read_bytes())
    path = base / Path(data).expanduser()
    try:
        with path.open("rb") as file:
            packed = files.read_at_most(file.read, FILE_MAX + 1)
    except OSError as error:
        known = ", ".join(SHIPPED)
        raise RecordingError(
            f"{path} cannot be read: {error.strerror}; name a file, or a data set that comes with "
            f"the package: {known}"
        ) from None
    return _parse(path.name, str(path), packed)


def _parse(name: str, path: str, packed: bytes) -> Recordings:
    questions: dict[str, Recording] = {}
    pools: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(_lines(path, packed), 1):
        if not line.strip():
            continue
        try:
            found = _read(msgspec.json.decode(line, type=_Line))
            if found.id in questions:
                raise ValueError(f"the question {found.id} is there twice")
            for pool, judges in found.judged.items():
                _same_members(pool, pools, judges)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise RecordingError(f"{path}, line {number}: {error}; mend or drop the line") from None
        questions[found.id] = found
    if not questions:
        raise RecordingError(f"{path} holds no question; name another file")
    return Recordings(name=name, questions=questions, pools=pools)


def _lines(path: str, packed: bytes) -> Iterator[bytes]:
    """The lines of the file, unpacked if it is packed."""
    if len(packed) > FILE_MAX:
        raise RecordingError(f"{path} is over {FILE_MAX} bytes; keep only what is replayed")
    if packed.startswith(b"\x1f\x8b"):
        try:
            with gzip.open(io.BytesIO(packed)) as file:
                packed = files.read_at_most(file.read, TEXT_MAX + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise RecordingError(f"{path} cannot be unpacked: {error}; copy it again") from None
        if len(packed) > TEXT_MAX:
            raise RecordingError(f"{path} unpacks to over {TEXT_MAX} bytes; keep what is replayed")
    yield from packed.splitlines()


def _read(line: _Line) -> Recording:
    if not 0 < len(line.id) <= MAX_LABEL or line.id.split() != [line.id]:
        raise ValueError(f"the question's id {line.id[:60]!r} is no single word")
    if isinstance(line.answers, dict):
        answers = {model: _letter(item) for model, item in line.answers.items()}
    else:
        answers = {item.node: _letter(item) for item in line.answers}
        if len(answers) != len(line.answers):
            raise ValueError("two answers are of one node, or of none")
    if not 1 <= len(answers) <= MAX_MEMBERS:
        raise ValueError(f"{len(answers)} answers; 1 to {MAX_MEMBERS} are read")
    for letter in (line.gold, *answers.values()):
        if letter is not None and (len(letter) != 1 or not "A" <= letter <= "Z"):
            raise ValueError(f"{letter[:60]!r} is no letter of A to Z")
    judged = {pool: _ranked(item.ballots, answers) for pool, item in line.rankings.items()}
    for panel, votes in line.votes.items():
        if len(votes) == len(answers):
            judged[panel] = _voted(votes, tuple(answers))
    return Recording(id=line.id, gold=line.gold, answers=answers, judged=judged)


def _letter(item: _Answer) -> str | None:
    """The letter that was answered; a note such as "[no letter found]" is none."""
    return None if item.answer is not None and item.answer.startswith("[") else item.answer


def _ranked(ballots: Mapping[str, list[str]], answers: Mapping[str, Any]) -> Mapping[str, Judged]:
    found = {judge: Judged(ranking=tuple(order)) for judge, order in ballots.items()}
    for judge, item in found.items():
        if len(item.ranking) != len(item.members) or not item.members <= answers.keys():
            raise ValueError(f"the ranking by {judge} names a model twice, or one without answer")
        if judge not in item.members:
            raise ValueError(f"the ranking by {judge} lacks its own answer")
    return found


def _voted(votes: list[_Vote], nodes: tuple[str, ...]) -> Mapping[str, Judged]:
    found = {}
    for item in votes:
        if not 0 <= item.judge < len(nodes) or nodes[item.judge] in found:
            raise ValueError(f"judge {item.judge} votes twice, or is none of {len(nodes)}")
        shares = item.vote
        if len(shares) != len(nodes) or not all(0 <= share <= 1 for share in shares):
            raise ValueError(
                f"the vote of judge {item.judge} is no share of 0 to 1 for each answer"
            )
        found[nodes[item.judge]] = Judged(vote=dict(zip(nodes, shares, strict=True)))
    return found


def _same_members(
    pool: str, pools: dict[str, tuple[str, ...]], judges: Mapping[str, Judged]
) -> None:
    """All judgments of a pool are about the same members."""
    for judge, item in judges.items():
        members = pools.setdefault(pool, tuple(sorted(item.members)))
        if item.members != frozenset(members):
            raise ValueError(f"{judge} judges other members than the rest of the pool {pool}")
