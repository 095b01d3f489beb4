"""`quorate reputation`: what a node's ledger says of the members, and whether it holds (L1, L2).

The commands read the store alone: they work beside a running node and on a stopped one.
"""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from .. import config as node_config
from ..endings import STRIKES
from .exits import NEGATIVE, OK, CliError
from .output import console, emit, note, say
from .reliability import reliability
from .tables import percent, share, tame

if TYPE_CHECKING:
    from reputation import Book, Entry, Score, Scoring

    from ..config import Config
    from ..federation import Federation
    from ..rebuild import Rebuilt

ID_SHOWN: Final = 16
ANSWER_SHOWN: Final = 40
ALONE_SHOWN: Final = 20
"""Facts that can only be checked by themselves are listed up to here: thousands may be pruned."""

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Show or rebuild a node's reputation scores."
)

app.command()(reliability)

Directory = Annotated[Path, typer.Argument(help="The node's directory.", metavar="DIR")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command()
def show(
    directory: Directory,
    member: Annotated[
        str, typer.Option(help="One member alone, by name or the first digits of its key.")
    ] = "",
    domain: Annotated[
        str | None, typer.Option(help="One domain alone; the empty text is a domain as well.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Also the facts that make each score.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show every member's scores as an author and as a judge, by domain, with strikes."""
    from .. import federation_file
    from ..clock import SystemClock

    config = node_config.load(directory)
    federation = federation_file.load(config.federation)
    book = asyncio.run(read_book(config, federation))
    scoring = config.reputation.scoring
    about = [bytes(federation.find(member).key)] if member else book.members()
    domains = book.domains() if domain is None else [domain]
    at_ms = min(book.latest_ms(), SystemClock().wall_ms())  # a task may be dated ahead
    found = [
        _Line(book, federation, key, name, at_ms, explain, scoring)
        for name in domains
        for key in about
    ]
    if as_json:
        emit(
            {
                "facts": len(book),
                "digest": book.digest.hex(),
                "as_of_ms": at_ms,
                "method": str(scoring.method),
                "scores": [line.plain() for line in found],
            }
        )
        return
    say(f"{len(book)} facts, set digest {book.digest.hex()}")
    if not len(book):
        note("Nothing is decided yet: every member counts as neutral, 50 %.")
        return
    say(f"Scores by {scoring.method} as of the last task, {_when(at_ms)}; 50 % is neutral")
    _table(found)
    if explain:
        for line in found:
            _explain(line)


@app.command()
def rebuild(directory: Directory, as_json: AsJson = False) -> int:
    """Make the scores anew from verdicts and signed words, and compare with what is stored.

    Nothing is written. A row that was changed is named, and the exit code is then 1.
    """
    from .. import federation_file

    config = node_config.load(directory)
    federation = federation_file.load(config.federation)
    found = asyncio.run(_rebuild(config, federation))
    good = found.same and not found.damage
    if as_json:
        emit(
            {
                "rows": found.rows,
                "facts": len(found.proven),
                "alone": [
                    {
                        "row": one.row,
                        "task": one.task.hex(),
                        "verdict": one.verdict.hex(),
                        "pruned_at_ms": one.pruned_at_ms,
                    }
                    for one in found.alone
                ],
                "digest": found.proven.digest.hex(),
                "stored_digest": found.stored.digest.hex(),
                "same": found.same,
                "damage": [
                    {"row": one.row, "field": one.field, "text": one.text} for one in found.damage
                ],
            }
        )
        return OK if good else NEGATIVE
    say(f"{found.rows} rows, {len(found.proven)} facts")
    say(f"  from proofs  set digest {found.proven.digest.hex()}")
    say(f"  as stored    set digest {found.stored.digest.hex()}")
    _show_alone(found)
    for one in found.damage:
        say(f"damaged: {tame(str(one))}")
    if good:
        say("The ledger holds: same facts, same scores.")
        return OK
    note(
        "Stop the node and put back a backup of its store, or move the store away: with an empty "
        "one it gets its facts from the other members."
    )
    return NEGATIVE


def _show_alone(found: "Rebuilt") -> None:
    """Which facts nothing but the chain vouches for, and why."""
    if not found.alone:
        return
    count = len(found.alone)
    say(
        f"{count} fact{'s' * (count != 1)} checked alone, by id and chain: what "
        f"{'they were' if count != 1 else 'it was'} made of is no longer here"
    )
    for one in found.alone[:ALONE_SHOWN]:
        why = "and the store does not say that it was pruned"
        if one.pruned_at_ms is not None:
            why = f"pruned {_when(one.pruned_at_ms)}"
        say(f"  {one.row}: verdict {one.verdict.hex()[:ID_SHOWN]}, {why}")
    if count > ALONE_SHOWN:
        note(f"  and {count - ALONE_SHOWN} more, which --json lists")


async def read_book(config: "Config", federation: "Federation") -> "Book":
    """The facts of a node's store that count under its federation file. Raises `CliError`."""
    from reputation import Book, FactError, parse

    from ..ledger import standing
    from ..store.sqlite import SqliteStore

    book = Book()
    async with await SqliteStore.read(config.store) as store:
        for row in await store.facts():
            try:
                fact = parse(row.body)
            except FactError as error:
                raise CliError(
                    f"row {row.seq} of the ledger is damaged: {error}; see `quorate reputation "
                    f"rebuild {config.directory}`",
                    NEGATIVE,
                ) from None
            if standing(fact, book, federation):
                book.add(fact)
    return book


async def _rebuild(config: "Config", federation: "Federation") -> "Rebuilt":
    from .. import identity
    from ..rebuild import rebuild as make
    from ..store.sqlite import SqliteStore

    me = identity.load(config.identity).public
    async with await SqliteStore.read(config.store) as store:
        return await make(store, federation, me)


class _Line:
    """One member in one domain."""

    def __init__(
        self,
        book: "Book",
        federation: "Federation",
        key: bytes,
        domain: str,
        at_ms: int,
        explain: bool,
        scoring: "Scoring",
    ) -> None:
        self.name = federation.label(key)
        self.key = key
        self.domain = domain
        self.score: Score = book.score(key, domain, at_ms, scoring)
        self.entries: list[Entry] = book.explain(key, domain, at_ms)
        self._explain = explain
        self._label = federation

    @property
    def strikes(self) -> dict[str, int]:
        """How often the member was struck for what, where its own acceptance is shown."""
        found: dict[str, int] = {}
        for entry in self.entries:
            showing = entry.fact.of(self.key)
            if entry.accepted and showing is not None:
                for strike in showing.strikes:
                    found[strike] = found.get(strike, 0) + 1
        return found

    def plain(self) -> dict[str, Any]:
        """For programs."""
        said = {
            "member": self.name,
            "key": self.key.hex(),
            "domain": self.domain,
            "author": share(self.score.author),
            "judge": share(self.score.judge),
            "excluded": self.score.excluded,
            "tasks": len(self.entries),
            "strikes": self.strikes,
        }
        if self._explain:
            said["facts"] = [self._entry(entry) for entry in self.entries]
        return said

    def _entry(self, entry: "Entry") -> dict[str, Any]:
        showing, fact = entry.fact.of(self.key), entry.fact
        assert showing is not None
        return {
            "task": fact.task.hex(),
            "verdict": fact.verdict.hex(),
            "fact": fact.id.hex(),
            "opened_at_ms": fact.opened_at_ms,
            "answer": fact.answers[showing.answer] if showing.answer >= 0 else None,
            "winner": fact.answers[fact.winner] if fact.winner >= 0 else None,
            "author": [share(part) for part in entry.observation.author],
            "judge": [share(part) for part in entry.observation.judge],
            "left": share(entry.left),
            "counted": entry.counted,
            "strikes": list(showing.strikes),
            "accepted": entry.accepted,
            "feedback": [
                {
                    "client": word.client.hex(),
                    "right": word.right,
                    "answer": word.answer or None,
                    "at_ms": word.at_ms,
                    "fact": word.id.hex(),
                }
                for word in entry.statements
            ],
        }

    def reasons(self, entry: "Entry") -> Iterator[str]:
        """Why an entry says what it says, in words."""
        showing = entry.fact.of(self.key)
        assert showing is not None
        if not entry.counted:
            yield "over its opener's share of the day"
        for word in entry.statements:
            said = "right" if word.right else "wrong"
            right = f", right is {tame(word.answer)[:ANSWER_SHOWN]}" if word.answer else ""
            yield f"{self._client(word.client)} says {said}{right}"
        if not entry.statements:
            if entry.fact.winner < 0:
                yield "nothing was decided, or in words that nobody drafted"
            elif entry.fact.fragile:
                yield "fragile, or drawn by lot"
            elif len({item.answer for item in entry.fact.showings if item.answer >= 0}) < 2:
                yield "all agreed"
        for strike in showing.strikes:
            mark = "" if entry.accepted else " (no ACCEPT of it is held: not counted)"
            yield f"{STRIKES.get(strike, strike)}{mark}"

    def _client(self, key: bytes) -> str:
        return self._label.client_name(key) or self._label.label(key)


def _table(lines: list[_Line]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("domain", "member"):
        table.add_column(heading, overflow="fold")
    for heading in ("author", "judge", "tasks"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("strikes", overflow="fold")
    for line in lines:
        strikes = ", ".join(f"{count} {name}" for name, count in sorted(line.strikes.items()))
        if line.score.excluded:
            strikes = "excluded: it signed two things for one slot" + (
                f"; {strikes}" if strikes else ""
            )
        table.add_row(
            Text(tame(line.domain) or "(none)"),
            Text(line.name),
            percent(line.score.author),
            percent(line.score.judge),
            str(len(line.entries)),
            Text(strikes, style="red" if line.score.excluded else ""),
        )
    out = console()
    out.print(Text(), table)


def _explain(line: _Line) -> None:
    from rich.table import Table
    from rich.text import Text

    out = console()
    where = f" in {tame(line.domain)}" if line.domain else ""
    out.print(Text(), Text(f"{line.name}{where}", style="bold"), sep="\n")
    table = Table(box=None, pad_edge=False)
    table.add_column("task", no_wrap=True)
    for heading in ("drafted", "won"):
        table.add_column(heading, overflow="fold")
    for heading in ("author", "judge", "left"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("because", overflow="fold")
    for entry in line.entries:
        showing, fact = entry.fact.of(line.key), entry.fact
        assert showing is not None
        table.add_row(
            fact.task.hex()[:ID_SHOWN],
            Text(_answer(fact.answers, showing.answer)),
            Text(_answer(fact.answers, fact.winner)),
            _both(entry.observation.author),
            _both(entry.observation.judge),
            percent(entry.left),
            Text("; ".join(line.reasons(entry))),
        )
    out.print(table)


def _answer(answers: tuple[str, ...], at: int) -> str:
    return tame(answers[at])[:ANSWER_SHOWN] if at >= 0 else "-"


def _both(parts: tuple[int, int]) -> str:
    """For and against, in observations."""
    return f"+{parts[0] / 10_000:.2f} -{parts[1] / 10_000:.2f}" if any(parts) else "0"


def _when(wall_ms: int) -> str:
    try:
        return datetime.fromtimestamp(wall_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return f"{wall_ms} ms after 1970"
