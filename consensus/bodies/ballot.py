"""A judge's ballot, its seal and its opening (rules R5, R6, R8)."""

from dataclasses import dataclass
from enum import IntEnum

from ..committee import MAX_MEMBERS
from ..envelope import MessageId
from ..policy import ONE
from .draft import Usage
from .fields import MAX_LABEL, MAX_REASON, check, check_length, check_range, check_text

MAX_CRITIQUE = 2_000
"""Most characters of one critique: three times what the record of a round shows of it. Openings are
most of what a verdict weighs, since each of N holds one on each of N."""


class Preference(IntEnum):
    """A judge's word on a pair (R5). SAME says that both give the same answer."""

    FIRST = 1
    SECOND = 2
    TIE = 3
    SAME = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One comparison: `first` and `second` index the ballot's `held`; confidence in bp."""

    first: int
    second: int
    preference: Preference
    confidence: int = ONE

    def __post_init__(self) -> None:
        check_range(self.first, 0, MAX_MEMBERS - 1, "pair.first")
        check_range(self.second, 0, MAX_MEMBERS - 1, "pair.second")
        check(self.first != self.second, "a pair compares a candidate with itself")
        check_range(self.confidence, 0, ONE, "pair.confidence")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A judge's word on one candidate: `candidate` indexes the ballot's `held`."""

    candidate: int
    endorsement: int
    evidence: int = 0
    argument: int = 0
    critique: str = ""

    def __post_init__(self) -> None:
        check_range(self.candidate, 0, MAX_MEMBERS - 1, "mark.candidate")
        check_range(self.endorsement, -100, 100, "mark.endorsement")
        check_range(self.evidence, 0, 100, "mark.evidence")
        check_range(self.argument, 0, 100, "mark.argument")
        check_text(self.critique, MAX_CRITIQUE, "mark.critique")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """A hidden ballot (R5). `held` lists every proposal the voter held, own included."""

    held: tuple[MessageId, ...]
    pairs: tuple[Pair, ...] = ()
    marks: tuple[Mark, ...] = ()
    abstain: str = ""
    usage: Usage = Usage()
    prompt: str = ""

    def __post_init__(self) -> None:
        check(len(self.held) <= MAX_MEMBERS, "ballot: more candidates than members allowed")
        for held in self.held:
            check_length(held, 32, "held id")
        check(list(self.held) == sorted(set(self.held)), "held ids are not ascending")
        check_text(self.abstain, MAX_REASON, "abstain")
        check_text(self.prompt, MAX_LABEL, "prompt")
        check(not (self.abstain and (self.pairs or self.marks)), "an abstaining ballot has entries")
        seen: set[tuple[int, int]] = set()
        for pair in self.pairs:
            check(max(pair.first, pair.second) < len(self.held), "a pair names no candidate")
            key = (pair.first, pair.second)
            check(key not in seen, "a pair is judged twice in one order")
            seen.add(key)
        marked = [mark.candidate for mark in self.marks]
        check(len(set(marked)) == len(marked), "a candidate is marked twice")
        check(all(index < len(self.held) for index in marked), "a mark names no candidate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """The hash of a hidden ballot (R6), 32 bytes."""

    hash: bytes

    def __post_init__(self) -> None:
        check_length(self.hash, 32, "seal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """One member's openings (R8); it counts whole or not at all.

    The alias part (`alias`, `alias_signature`, `proposal`, `nonce`) opens a commit and is
    empty for a member that abstained from drafting; the ballot part (`ballot` as sealed
    bytes with its decoded form, `salt`) opens a seal and is empty for one that sealed none.
    """

    alias: bytes = b""
    alias_signature: bytes = b""
    proposal: bytes = b""
    nonce: bytes = b""
    ballot_bytes: bytes = b""
    ballot: Ballot | None = None
    salt: bytes = b""

    def __post_init__(self) -> None:
        claim = (self.alias, self.alias_signature, self.proposal, self.nonce)
        if any(claim):
            for value, size, name in zip(
                claim,
                (32, 64, 32, 32),
                ("alias", "alias_signature", "proposal", "nonce"),
                strict=True,
            ):
                check_length(value, size, name)
        check((self.ballot is not None) == bool(self.salt), "a ballot comes with its salt")
        check((self.ballot is None) == (not self.ballot_bytes), "a ballot comes with its bytes")
        if self.ballot is not None:
            check_length(self.salt, 32, "salt")
