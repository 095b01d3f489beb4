"""`quorate reputation reliability`: how independent a node's committees really are (L2)."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from .. import config as node_config
from .output import console, emit, note, say
from .tables import tame

if TYPE_CHECKING:
    from reputation.reliability import Estimate, Pair, Reliability

    from ..federation import Federation

UNKNOWN: Final = "(not in the federation file)"


def reliability(
    directory: Annotated[Path, typer.Argument(help="The node's directory.", metavar="DIR")],
    domain: Annotated[
        str | None, typer.Option(help="One domain alone; the empty text is a domain as well.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show how independent the members are: shared model families, and errors that go together.

    Errors are known where clients said what was right (`quorate feedback`); agreement is known
    of every decided task.
    """
    from reputation.reliability import LEAST
    from reputation.reliability import reliability as measure

    from .. import federation_file
    from .reputation import read_book

    config = node_config.load(directory)
    federation = federation_file.load(config.federation)
    book = asyncio.run(read_book(config, federation))
    found = [
        _Domain(name, measure(book.members(), book.outcomes(name)), federation)
        for name in (book.domains() if domain is None else [domain])
    ]
    if as_json:
        emit({"domains": [one.plain() for one in found]})
        return
    if not len(book):
        note("Nothing is decided yet: there is nothing to compare.")
    for one in found:
        one.show(LEAST)


class _Domain:
    """The report on one domain."""

    def __init__(self, name: str, of: "Reliability", federation: "Federation") -> None:
        self._name = name
        self._of = of
        self._label = federation.label
        known = {bytes(member.key): member.family for member in federation.members}
        self._family = {one.member: known.get(one.member, UNKNOWN) for one in of.members}

    @property
    def families(self) -> float:
        """How many families of equal size would be as mixed: n^2 / sum of squares (Simpson)."""
        counts = Counter(self._family.values()).values()
        return sum(counts) ** 2 / sum(count * count for count in counts) if counts else 0.0

    def _related(self, pair: "Pair") -> bool:
        family = self._family[pair.one]
        return family == self._family[pair.other] != UNKNOWN

    def _mean(self, *, related: bool) -> float | None:
        known = [
            pair.errors.value
            for pair in self._of.pairs
            if pair.errors is not None and self._related(pair) == related
        ]
        return sum(known) / len(known) if known else None

    def plain(self) -> dict[str, Any]:
        """For programs."""
        return {
            "domain": self._name,
            "members": [
                {
                    "member": self._label(one.member),
                    "key": one.member.hex(),
                    "family": self._family[one.member],
                    "told": one.told,
                    "wrong": one.wrong,
                }
                for one in self._of.members
            ],
            "effective_families": round(self.families, 3),
            "pairs": [
                {
                    "members": [self._label(pair.one), self._label(pair.other)],
                    "same_family": self._related(pair),
                    "drafted": pair.drafted,
                    "agreed": pair.agreed,
                    "told": pair.told,
                    "both_wrong": pair.both,
                    "same_wrong_answer": pair.same,
                    "error_correlation": _plain(pair.errors),
                }
                for pair in self._of.pairs
            ],
            "error_correlation": _plain(self._of.correlation),
            "within_families": self._mean(related=True),
            "across_families": self._mean(related=False),
            "effective_members": _plain(self._of.effective),
        }

    def show(self, least: int) -> None:
        """For people."""
        from reputation.reliability import share

        where = f" in {tame(self._name)}" if self._name else ""
        say(f"{len(self._of.members)} members{where}, {self.families:.1f} model families in effect")
        rows = [
            (
                self._label(one.member),
                tame(self._family[one.member]),
                str(one.told),
                _percent(share(one.wrong, one.told)) if one.told else "-",
            )
            for one in self._of.members
        ]
        _table(("member", "family", "told", "wrong"), rows)
        pairs = [
            (
                f"{self._label(pair.one)}, {self._label(pair.other)}",
                "yes" if self._related(pair) else "",
                _percent(share(pair.agreed, pair.drafted)) if pair.drafted else "-",
                str(pair.told),
                f"{pair.same} of {pair.both}",
                _signed(pair.errors),
            )
            for pair in self._of.pairs
        ]
        heads = ("pair", "one family", "agree", "told", "same wrong answer", "errors together")
        _table(heads, pairs)
        effective = self._of.effective
        if effective is None:
            note(
                f"Whose errors go together is not known: that takes {least} tasks on which clients "
                "said what was right (quorate feedback), and members who are at times right, at "
                "times wrong."
            )
            return
        say(
            f"Errors go together by {_signed(self._of.correlation)} on average: "
            f"{len(self._of.members)} members are worth {effective.value:.1f} independent ones "
            f"({effective.low:.1f} to {effective.high:.1f})"
        )


def _plain(of: "Estimate | None") -> dict[str, float] | None:
    if of is None:
        return None
    return {"value": of.value, "low": of.low, "high": of.high}


def _percent(of: "Estimate") -> str:
    return f"{100 * of.value:.0f} % ({100 * of.low:.0f} to {100 * of.high:.0f})"


def _signed(of: "Estimate | None") -> str:
    return "-" if of is None else f"{of.value:+.2f} ({of.low:+.2f} to {of.high:+.2f})"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for at, head in enumerate(heads):
        table.add_column(head, overflow="fold", justify="left" if at == 0 else "right")
    for row in rows:
        table.add_row(*map(Text, row))
    console().print(Text(), table)
