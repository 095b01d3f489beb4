"""What a round came to, in rows and words, and the names of members.

Members are named as the federation file names them. Whatever a peer may have written is made
tame before it meets a terminal.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..endings import REASONS
from ..excerpts import called

if TYPE_CHECKING:
    from rich.table import Table

    from ..federation import Federation

TEXT_MAX: Final = 300
"""Most characters of a peer's words in one line."""

LINES_MAX: Final = 100
"""Most lines of a peer's words that are shown in full: an answer of a page and a half."""

_KEY_START: Final = 8
"""Hex digits by which the core's own texts name a member."""

_KEY = re.compile(r"\b[0-9a-f]{8}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """A committee's members by position: keys in hex, and names for people."""

    keys: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, keys: Iterable[str], federation: "Federation | None") -> "Roll":
        """The members with these keys; without a federation file by their first hex digits."""
        found = tuple(keys)
        known = {m.key.hex(): m.name for m in federation.members} if federation else {}
        return cls(keys=found, names=tuple(known.get(key, key[:_KEY_START]) for key in found))

    def name(self, key: str) -> str:
        """The name of the member with this key."""
        return self.names[self.keys.index(key)] if key in self.keys else key[:_KEY_START]

    def listed(self, keys: Iterable[str]) -> str:
        """The names of the members with these keys, in the order of the alphabet."""
        return ", ".join(sorted(map(self.name, keys), key=str.casefold)) or "nobody"

    def naming(self, text: str) -> str:
        """`text` with names for the first digits of members' keys."""
        names = {key[:_KEY_START]: name for key, name in zip(self.keys, self.names, strict=True)}
        return _KEY.sub(lambda found: names.get(found[0], found[0]), text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One answer in one round: who proposed it, and its figures in bp.

    `error` is the standard error of the logarithm of its strength, 10,000 to a nat. `answer` is
    the answer for people, `name` what the figures call it: of a free text the first is how it
    begins, the other a hash. `best` is the chance, as a share of one, that no answer is stronger:
    drawn here and signed by nobody; None where it was not drawn.
    """

    name: str
    answer: str
    members: tuple[str, ...]
    belief: int
    strength: int
    error: int
    support: int
    best: float | None = None

    def plain(self) -> dict[str, Any]:
        """For programs; shares of one."""
        return {
            "answer": self.answer,
            "members": list(self.members),
            "belief": share(self.belief),
            "strength": share(self.strength),
            "strength_error_nats": share(self.error),
            "support": share(self.support),
            **({} if self.best is None else {"not_signed": {"best": round(self.best, 4)}}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundView:
    """One round's vote: `standings` by falling belief, the winner and the runner-up first.

    `winner` and `majority` are names as the figures have them.
    """

    number: int
    standings: tuple[Standing, ...]
    winner: str | None
    tied: bool
    majority: str | None
    majority_tied: tuple[str, ...]
    reason: str | None
    strikes: tuple[tuple[str, str], ...]
    ballots: int

    @classmethod
    def of(
        cls,
        number: int,
        figures: Mapping[str, Any],
        roll: Roll,
        best: Sequence[float] | None = None,
    ) -> "RoundView":
        """The view of an outcome's figures; `best` is by class, as they have them, if known."""
        tally, decision = figures["tally"], figures["decision"]
        author = dict(zip(figures["proposals"], figures["authors"], strict=True))
        standings = [
            Standing(
                name=item["answer"],
                answer=called(item),
                members=tuple(sorted(roll.names[author[c]] for c in item["candidates"])),
                belief=item["belief"],
                strength=item["strength"],
                error=item["error"],
                support=item["support"],
                best=None if best is None else best[at],
            )
            for at, item in enumerate(tally["classes"])
        ]
        first_two = (tally["winner"], tally["runner_up"])
        standings.sort(key=lambda item: (*(item.name != name for name in first_two), -item.belief))
        baselines = tally["baselines"]
        return cls(
            number=number,
            standings=tuple(standings),
            winner=tally["winner"],
            tied=bool(tally["tied"]),
            majority=baselines["majority"],
            majority_tied=tuple(baselines["majority_tied"]),
            reason=decision["reason"],
            strikes=tuple((roll.names[at], why) for at, why in figures["strikes"]),
            ballots=tally["ballots"],
        )

    def shown(self, name: str) -> str:
        """The answer, for people, that the figures call `name`."""
        return next((item.answer for item in self.standings if item.name == name), name)

    @property
    def _outlook(self) -> str:
        """What became of the round, in words."""
        if self.reason is None:
            return ": another round follows"
        return f", the last: {REASONS.get(self.reason, self.reason)}"

    @property
    def heading(self) -> str:
        """What stands above its table."""
        return f"Round {self.number}{self._outlook}"

    def plain(self) -> dict[str, Any]:
        """For programs."""
        return {
            "round": self.number,
            "standings": [item.plain() for item in self.standings],
            "tied": self.tied,
            "majority": None if self.majority is None else self.shown(self.majority),
            "majority_tied": [self.shown(name) for name in self.majority_tied],
            "reason": self.reason,
            "strikes": [{"member": name, "reason": why} for name, why in self.strikes],
            "ballots": self.ballots,
        }

    def table(self) -> "Table":
        """The vote as a table for people."""
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False)
        table.add_column("answer", overflow="fold")
        table.add_column("proposed by", overflow="fold")
        drawn = any(item.best is not None for item in self.standings)
        best = ("best",) if drawn else ()
        for heading in ("belief", "strength", "+- nats", *best, "support"):
            table.add_column(heading, justify="right", no_wrap=True)
        for item in self.standings:
            style = "bold" if item.name == self.winner else ""
            table.add_row(
                Text(tame(item.answer)),
                Text(", ".join(item.members)),
                percent(item.belief),
                percent(item.strength),
                f"{share(item.error):.2f}",
                *(_chance(item.best) for _ in best),
                percent(item.support, signed=True),
                style=style,
            )
        return table


def _chance(of: float | None) -> str:
    """A chance that was drawn, to the percent: more digits would be the draws' own."""
    if of is None:
        return ""
    return f"{100 * of:.0f} %" if 0.005 <= of <= 0.995 else ("< 1 %" if of < 0.5 else "> 99 %")


def share(bp: int) -> float:
    """Basis points as a share of one."""
    return bp / 10_000


def percent(bp: int, *, signed: bool = False) -> str:
    """Basis points in percent."""
    return f"{bp / 100:+.1f} %" if signed else f"{bp / 100:.1f} %"


def size(count: int) -> str:
    """Bytes for people."""
    if count < 1_000:
        return f"{count} bytes"
    return f"{count / 1e3:.1f} kB" if count < 1_000_000 else f"{count / 1e6:.1f} MB"


def tame(text: str) -> str:
    """A peer's words in one line of bounded length that writes nothing but letters."""
    text = " ".join(text.split())
    if len(text) > TEXT_MAX:
        text = f"{text[:TEXT_MAX]}... ({len(text)} characters)"
    return _printable(text)


def tame_lines(text: str) -> tuple[str, ...]:
    """A peer's words in full, in lines that write nothing but letters, indents kept.

    Lines past `LINES_MAX` are counted, and of several blank ones in a row one is left.
    """
    lines = [_printable(line.expandtabs(4).rstrip()) for line in text.strip().splitlines()]
    lines = [line for at, line in enumerate(lines) if line or (at and lines[at - 1])]
    if len(lines) > LINES_MAX:
        lines[LINES_MAX:] = [f"... ({len(lines) - LINES_MAX} more lines)"]
    return tuple(lines)


def _printable(text: str) -> str:
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
