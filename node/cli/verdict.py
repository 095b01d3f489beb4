"""`quorate verdict`: the verdicts that a node holds."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from .. import config as node_config
from ..endings import STRIKES
from .exits import NEGATIVE, OK, CliError
from .output import console, emit, note, say
from .summary import Summary
from .tables import Roll, RoundView, percent, share, tame

if TYPE_CHECKING:
    from rich.console import Console

    from consensus.verdict import Bundle, Checked

    from ..federation import Federation

LIST: Final = 20
"""Verdicts that a list shows unless more are asked for."""
LIST_MAX: Final = 10_000
"""What a daemon answers at most."""

ID_SHOWN: Final = 16
"""Hex digits of an id in a table: more than enough to give it by."""

BEST: Final = (
    "best: the chance to be the strongest, drawn here around the strengths; shown, and not signed"
)
"""What the column says that is no figure of the verdict."""

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="List, show or export a node's verdicts."
)

Directory = Annotated[Path, typer.Argument(help="The node's directory.", metavar="DIR")]
Id = Annotated[
    str,
    typer.Argument(
        help="The first digits of the verdict's or the task's id; the newest if left out.",
        metavar="[ID]",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command(name="list")
def list_(
    directory: Directory,
    limit: Annotated[
        int, typer.Option(help="How many, the newest first.", min=1, max=LIST_MAX)
    ] = LIST,
    as_json: AsJson = False,
) -> None:
    """List the newest verdicts."""
    from . import shelf

    config = node_config.load(directory)
    found = asyncio.run(shelf.entries(config, limit))
    if as_json:
        emit([{**entry, "probability": share(entry["probability"])} for entry in found])
        return
    if not found:
        note(f"{config.name} has no verdict yet.")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("decided", "verdict"):
        table.add_column(heading, no_wrap=True)
    table.add_column("warnings", overflow="fold")
    table.add_column("answer", overflow="fold")
    table.add_column("believed", justify="right", no_wrap=True)
    for entry in found:
        answer = entry["answer"]
        table.add_row(
            _when(entry["decided_at_ms"]),
            entry["verdict"][:ID_SHOWN],
            ", ".join(code for code, _ in entry["warnings"]),
            Text(entry["status"] if answer is None else tame(answer)),
            "" if answer is None else percent(entry["probability"]),
        )
    console().print(table)


@app.command()
def show(directory: Directory, reference: Id = "", as_json: AsJson = False) -> int:
    """Show a verdict: warnings, answer, and the vote of each round. It is verified first."""
    from consensus.verdict import Bundle, VerdictError, verify

    from .. import federation_file
    from ..wire import codec
    from . import shelf

    config = node_config.load(directory)
    federation = federation_file.load(config.federation)
    bundle = Bundle.decode(asyncio.run(shelf.bundle(config, reference)))
    try:
        checked = verify(
            bundle, codec.reader(), federation.floor_problem, approver=federation.is_approver
        )
    except VerdictError as error:
        raise CliError(f"the verdict is invalid: {tame(str(error))}", NEGATIVE) from None
    roll = Roll.of((key.hex() for key in checked.spec.committee.members), federation)
    best = _best(checked)
    if as_json:
        emit(plain(checked, bundle, roll, best))
    else:
        _show(checked, bundle, roll, federation, best)
    return OK


@app.command()
def export(
    directory: Directory,
    reference: Id = "",
    to: Annotated[
        Path | None,
        typer.Option(
            help="The file to write; verdict-ID.json in this directory if left out.",
            metavar="FILE",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a verdict to a file that anybody can verify, with the federation file alone."""
    from consensus.verdict import Bundle

    from .. import files
    from . import shelf

    data = asyncio.run(shelf.bundle(node_config.load(directory), reference))
    found = Bundle.decode(data)
    path = to or Path(f"verdict-{found.id.hex()[:ID_SHOWN]}.json")
    try:
        if force:
            files.write_atomic(path, data, 0o644)
        else:
            files.create_exclusive(path, data, 0o644)
    except FileExistsError:
        raise CliError(f"{path} exists already: choose another --to, or --force") from None
    except OSError as error:
        raise CliError(f"cannot write {path}: {error.strerror}") from None
    if as_json:
        emit({"file": str(path), "verdict": found.id.hex(), "task": found.task.hex()})
    else:
        say(f"Wrote {path} ({len(data)} bytes).")
        note(f"Anyone can check it: quorate verify {path} --federation FED")


Best = Sequence[Sequence[float] | None]
"""By round: each class's chance to be the strongest, None where it was not drawn."""


def _best(checked: "Checked") -> Best:
    """Drawn around the fits of a checked verdict, by its id: shown, and signed by nobody."""
    try:
        from consensus.tally.analysis import best_of
    except ModuleNotFoundError:  # NumPy comes with an extra
        return [None] * len(checked.rounds)
    return [
        best_of(round_.count(), checked.id + number.to_bytes(4, "big"))
        for number, round_ in enumerate(checked.rounds, 1)
    ]


def _show(
    checked: "Checked", bundle: "Bundle", roll: Roll, federation: "Federation", best: Best
) -> None:
    from rich.text import Text

    from consensus.verdict import release

    from ..clock import SystemClock
    from .summary import unreleased

    out = console()
    summary = Summary.of(checked.outcomes[-1], len(checked.outcomes), roll)
    stands = release(checked.spec, checked.release, SystemClock().wall_ms())
    for caution in (*unreleased(stands, federation), *summary.cautions):
        out.print(Text(caution.line, style="yellow"))
    out.print(Text(summary.headline, style="bold"))
    for line in (*summary.body, *summary.lines, *_about(checked, roll, federation)):
        out.print(Text(line))
    for number, (figures, chances) in enumerate(zip(checked.outcomes, best, strict=True), 1):
        view = RoundView.of(number, figures, roll, chances)
        _show_round(out, view, _abstained(bundle, number, roll))
        for line in _calls(bundle, number, roll):
            out.print(Text(line))
    if any(best):
        out.print(Text(), Text(BEST), sep="\n")


def _approver(key: bytes, federation: "Federation") -> str:
    return federation.client_name(key) or key.hex()[:16]


def _about(checked: "Checked", roll: Roll, federation: "Federation") -> Iterator[str]:
    spec = checked.spec
    for part in spec.messages:
        if part.text:
            yield f"Case       {tame(part.text)}"
        if part.vector:
            yield f"Case       a vector of {len(part.vector)} numbers"
    asked = f"asked by {roll.name(checked.opener.hex())}, {_when(spec.opened_at_ms)}"
    yield f"Committee  {roll.listed(roll.keys)}; {spec.committee.quorum.tolerates()}; {asked}"
    for word in checked.release:
        said = "approved" if word.approve else "refused"
        why = f": {tame(word.note)}" if word.note else ""
        yield f"Release    {said} by {_approver(word.approver, federation)}{why}"
    for item in checked.notes:
        words, when = tame(item.note.text), _when(item.note.at_ms)
        key = item.note.author
        who = item.by if federation.speaks(item.by, key) else f"{item.by} (key {key.hex()[:16]})"
        yield f"Note       by {who}, {when}, in the slate of round {item.round}: {words}"
    yield f"Task       {checked.task.hex()}"
    yield f"Verdict    {checked.id.hex()}"
    yield f"Checked    every figure recomputed; members and floors are those of {federation.name}"


def _show_round(out: "Console", view: RoundView, abstained: list[tuple[str, str, str]]) -> None:
    from rich.text import Text

    out.print(Text(), Text(view.heading, style="bold"), view.table(), sep="\n")
    for name, stage, reason in abstained:
        done = "drafted" if stage == "draft" else "judged"
        out.print(Text(f"{name} {done} nothing: {reason}"))
    for name, why in view.strikes:
        out.print(Text(f"{name} {STRIKES.get(why, why)}"))


def _abstained(bundle: "Bundle", number: int, roll: Roll) -> list[tuple[str, str, str]]:
    """Who had no draft or judgment to give in a round: member, "draft" or "judge", reason."""
    from consensus.envelope import Kind

    from ..opened import abstentions, named

    return sorted(
        (roll.name(member.hex()), stage, tame(reason))
        for member, stage, reason in abstentions(
            named(bundle.rounds[number - 1], Kind.COMMIT, Kind.OPENING)
        )
    )


def _judging(bundle: "Bundle", number: int, roll: Roll) -> list[dict[str, Any]]:
    """What each member's judgment of a round came to by its own claim: pairs, calls, tokens."""
    from consensus.bodies import Opening
    from consensus.envelope import Kind

    from ..opened import named

    found = []
    for message in named(bundle.rounds[number - 1], Kind.OPENING):
        body = message.body
        if isinstance(body, Opening) and body.ballot is not None:
            usage = body.ballot.usage
            found.append(
                {
                    "member": roll.name(message.signer.hex()),
                    "pairs": len(body.ballot.pairs),
                    "calls": usage.calls,
                    "tokens": usage.tokens_in + usage.tokens_out,
                }
            )
    return sorted(found, key=lambda item: str(item["member"]))


def _calls(bundle: "Bundle", number: int, roll: Roll) -> Iterator[str]:
    """A line for every member that called a model to judge."""
    for item in _judging(bundle, number, roll):
        if item["calls"]:
            yield (
                f"{item['member']} judged {item['pairs']} pairs in {item['calls']} calls of its "
                f"model, {item['tokens']} tokens"
            )


def plain(
    checked: "Checked", bundle: "Bundle", roll: Roll, best: Best | None = None
) -> dict[str, Any]:
    """A checked verdict, for programs: the decision, then each round's vote.

    With `best` each answer has an object `not_signed`, for what no member has signed.
    """
    from consensus.verdict import release

    from ..clock import SystemClock

    rounds = []
    drawn = [None] * len(checked.rounds) if best is None else best
    for number, (figures, chances) in enumerate(zip(checked.outcomes, drawn, strict=True), 1):
        abstained = [
            {"member": name, "stage": stage, "reason": reason}
            for name, stage, reason in _abstained(bundle, number, roll)
        ]
        rounds.append(
            {
                **RoundView.of(number, figures, roll, chances).plain(),
                "abstained": abstained,
                "judging": _judging(bundle, number, roll),
            }
        )
    return {
        **Summary.of(checked.outcomes[-1], len(checked.outcomes), roll).plain(),
        "rounds": rounds,
        "task": checked.task.hex(),
        "verdict": checked.id.hex(),
        "opener": roll.name(checked.opener.hex()),
        "members": list(roll.names),
        "tolerates": checked.spec.committee.quorum.tolerates(),
        "opened_at_ms": checked.spec.opened_at_ms,
        "release": release(checked.spec, checked.release, SystemClock().wall_ms()).plain(),
        "notes": [
            {
                "round": item.round,
                "by": item.by,
                "author": item.note.author.hex(),
                "at_ms": item.note.at_ms,
                "text": item.note.text,
            }
            for item in checked.notes
        ],
    }


def _when(wall_ms: int) -> str:
    """A claimed time by this machine's clock and zone."""
    try:
        found = datetime.fromtimestamp(wall_ms / 1_000, UTC).astimezone()
    except (ValueError, OverflowError, OSError):
        return f"{wall_ms} ms after 1970"
    return found.strftime("%Y-%m-%d %H:%M")
