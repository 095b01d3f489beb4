"""`quorate prune`: take old verdicts out of a node's store, running or not."""

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from .exits import CliError
from .output import emit, note, say

if TYPE_CHECKING:
    from ..config import Config

UNITS_MS: Final = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000}
AGE_MAX_MS: Final = 36_500 * 86_400_000
"""A hundred years, as `keep.days` allows."""
KEEP_MAX: Final = 100_000_000

app = typer.Typer(add_completion=False)


@app.command()
def prune(
    directory: Annotated[
        Path, typer.Argument(help="The node's directory.", metavar="DIR")
    ] = Path(),
    older_than: Annotated[
        str,
        typer.Option(
            help="How long ago a verdict was decided at least: 30d, 12h, 90m. The setting "
            "keep.days if left out.",
            metavar="AGE",
        ),
    ] = "",
    keep: Annotated[
        int | None,
        typer.Option(
            help="The newest verdicts that stay whatever their age; the setting keep.verdicts if "
            "left out.",
            min=0,
            max=KEEP_MAX,
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Take old verdicts out of a node's store, and give their space back to the disk.

    What a node signed for a task that could be played again stays, and so does evidence. Of
    each verdict its id and its times stay.
    """
    from .. import config as node_config

    config = node_config.load(directory)
    older_ms = _age(older_than) if older_than else config.keep.days * UNITS_MS["d"]
    if not older_than and not older_ms:
        raise CliError(
            f"{config.name} keeps verdicts for ever (keep.days = 0): say how old they have to be, "
            "such as --older-than 30d"
        )
    spare = config.keep.verdicts if keep is None else keep
    swept = asyncio.run(_prune(config, older_ms, spare, dry_run))
    if as_json:
        emit(swept)
    else:
        _show(swept)


def _age(text: str) -> int:
    """`30d` and the like in milliseconds."""
    match = re.fullmatch(r"(\d{1,9})([dhms])", text.strip())
    age_ms = int(match[1]) * UNITS_MS[match[2]] if match else 0
    if match is None or age_ms > AGE_MAX_MS:
        raise CliError(
            f"--older-than {text!r} is no age: a whole number and d, h, m or s, such as 30d, of a "
            "hundred years at most"
        )
    return age_ms


async def _prune(config: "Config", older_ms: int, keep: int, dry_run: bool) -> dict[str, Any]:
    """Through the daemon where one runs, else in the store itself."""
    from .. import federation_file, identity
    from ..clock import SystemClock
    from ..config import control_socket
    from ..entropy import SystemEntropy
    from ..house import sweep
    from ..ledger import Ledger
    from ..store import database
    from ..store.records import PruneRule
    from ..store.sqlite import SqliteStore
    from ..wire.control import ControlClient, ControlError, ControlUnreachable
    from ..wire.limits import Limits

    try:
        async with ControlClient(control_socket(config)) as client:
            return await client.prune(older_ms, keep, dry_run=dry_run)
    except ControlUnreachable:
        pass
    except ControlError as error:
        raise CliError(str(error)) from None
    now, path = SystemClock().wall_ms(), database.existing(config.store)
    async with await SqliteStore.open(path, now_ms=now, fresh_id=SystemEntropy().draw(16)) as store:
        if not dry_run:
            # What verdicts say of members outlives them (L1): first the facts not made yet.
            await Ledger(
                me=identity.load(config.identity).public,
                federation=federation_file.load(config.federation),
            ).open(store)
        rule = PruneRule(
            decided_before_ms=now - older_ms,
            not_after_before_ms=now - Limits().skew_ms,
            keep=keep,
        )
        return (await sweep(store, rule, now_ms=now, dry_run=dry_run)).plain()


def _show(swept: dict[str, Any]) -> None:
    from ..quota import mib

    count = swept["verdicts"]
    verdicts = f"{count} verdict{'s' if count != 1 else ''} of {mib(swept['bytes'])}"
    if swept["dry_run"]:
        say(f"Would prune {verdicts}; the store takes {mib(swept['used'])}.")
    else:
        returned = mib(swept["returned"])
        say(f"Pruned {verdicts}: {returned} less on the disk, {mib(swept['used'])} are left.")
    if swept["held_back"]:
        note(
            f"{swept['held_back']} more are old enough, but their tasks' not-after has not passed: "
            "what was signed for them is kept until then."
        )
