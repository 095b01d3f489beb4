"""The ways a proposal takes from its author to everybody (rule R3).

Everyone draws the same paths from the decided slate, so nobody chooses who carries what, and
no member stands on two paths: each of the f faulty members spoils one path at most, and one of
f + 1 is left.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import comb

from ..committee import Committee, Quorum
from ..envelope import Member, tagged_hash
from .shuffle import shuffled

LEAST = 4
"""Fewest members that a mix hides anything among: of three, two are entry and exit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """One way through the mix: `entry` sees senders and no content, `exit` content and no
    senders."""

    entry: Member
    exit: Member


def path_count(quorum: Quorum) -> int:
    """Paths of a round: f + 1, but no more than disjoint pairs exist (crash mode, S6).

    None below four members: with so few, proposals travel directly.
    """
    return min(quorum.f + 1, quorum.n // 2) if quorum.n >= LEAST else 0


def paths(committee: Committee, slate: bytes) -> tuple[Path, ...]:
    """The round's disjoint paths, drawn from the decided slate's value id (32 bytes).

    Over slates, every ordered choice of distinct members is equally likely.
    """
    if len(slate) != 32:
        raise ValueError(f"a slate's value id is 32 bytes, not {len(slate)}")
    order = shuffled(committee.members, tagged_hash("mix-paths", committee.hash, slate))
    return tuple(
        Path(entry=order[2 * number], exit=order[2 * number + 1])
        for number in range(path_count(committee.quorum))
    )


def exposure(quorum: Quorum, colluding: int) -> Fraction:
    """The chance that `colluding` members hold both ends of some path.

    They do not if they stand on distinct paths or on none: with k paths, and j of the c
    colluders on paths, that is C(k, j) 2^j C(N - 2k, c - j) of the C(N, c) ways to place them.
    """
    if not 0 <= colluding <= quorum.n:
        raise ValueError(f"{colluding} of {quorum.n} members cannot collude")
    count = path_count(quorum)
    apart = sum(
        comb(count, on) * 2**on * comb(quorum.n - 2 * count, colluding - on)
        for on in range(min(count, colluding) + 1)
    )
    return 1 - Fraction(apart, comb(quorum.n, colluding))


def naming_bound(quorum: Quorum, colluding: int, authors: int) -> Fraction:
    """How often honest-but-curious colluders can name an honest proposal's author.

    `authors` (at least 1) is the number of honest slate authors. Who holds both ends of a path
    knows every author; everybody else guesses among the honest ones left.
    """
    if authors < 1:
        raise ValueError("there is no honest author to name")
    seen = exposure(quorum, colluding)
    return seen + (1 - seen) / authors
