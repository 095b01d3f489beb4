"""`quorate key`: the API keys of a node's HTTP clients."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import config as node_config
from ..api.keys import APPLICATION, Scope
from .output import console, emit, note, say

if TYPE_CHECKING:
    from ..api.keys import ApiKey

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Make, list or revoke keys of HTTP clients."
)

Directory = Annotated[Path, typer.Argument(help="The node's directory.", metavar="DIR")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command()
def add(
    directory: Directory,
    name: Annotated[str, typer.Argument(help="What to call the client in lists and logs.")],
    requests_per_minute: Annotated[
        int | None,
        typer.Option(help="Its requests a minute, 0 for no limit; the node's if left out.", min=0),
    ] = None,
    tasks_per_day: Annotated[
        int | None,
        typer.Option(help="Its tasks in 24 hours, 0 for no limit; the node's if left out.", min=0),
    ] = None,
    may: Annotated[
        list[Scope],
        typer.Option(
            help="What it may do; may be given again. ask: put questions, and follow those by "
            "their whole ids. read: read what anybody asked, members, the node; the page takes "
            "it. metrics: read /metrics, as a scraper."
        ),
    ] = list(APPLICATION),  # noqa: B006  typer reads it
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, once: the node keeps a hash of it.

    From the first key on every client needs one. A running node takes it up by itself.
    """
    from ..api import keys
    from ..clock import SystemClock
    from ..entropy import SystemEntropy

    key = keys.add(
        node_config.load(directory).api.keys,
        name,
        now_ms=SystemClock().wall_ms(),
        entropy=SystemEntropy(),
        requests_per_minute=requests_per_minute,
        tasks_per_day=tasks_per_day,
        may=may,
    )
    if as_json:
        emit({"name": name, "key": key, "may": may})
        return
    say(key)
    note(
        f"That is {name}'s key, which may {' and '.join(may)}. It is shown this once; the node "
        "keeps a hash of it."
    )


@app.command(name="list")
def list_(directory: Directory, as_json: AsJson = False) -> None:
    """List the keys, revoked ones too. What a key is cannot be shown again."""
    from ..api import keys

    config = node_config.load(directory)
    found = keys.read(config.api.keys)
    if as_json:
        emit([_plain(key) for key in found])
        return
    if not found:
        note(f"{config.name} has no API key: on a loopback address its HTTP front needs none.")
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("client", "id", "may", "made", "revoked", "requests a minute", "tasks a day"):
        table.add_column(heading, overflow="fold")
    for key in found:
        own = (key.requests_per_minute, key.tasks_per_day)
        limits = ("as the node's" if one is None else str(one or "no limit") for one in own)
        revoked = _when(key.revoked_ms) if key.revoked_ms else ""
        may = ", ".join(key.may)
        table.add_row(key.name, key.id, may, _when(key.made_ms), revoked, *limits)
    console().print(table)


@app.command()
def revoke(
    directory: Directory,
    which: Annotated[str, typer.Argument(help="The client's name, or the key's id.")],
    as_json: AsJson = False,
) -> None:
    """Revoke a key. A running node refuses it from its next request on."""
    from ..api import keys
    from ..clock import SystemClock

    path = node_config.load(directory).api.keys
    gone = keys.revoke(path, which, now_ms=SystemClock().wall_ms())
    if as_json:
        emit(_plain(gone))
    else:
        say(f"Revoked the key {gone.id} of {gone.name}.")


def _plain(key: "ApiKey") -> dict[str, object]:
    return {
        "name": key.name,
        "id": key.id,
        "may": list(key.may),
        "made_ms": key.made_ms,
        "revoked_ms": key.revoked_ms or None,
        "requests_per_minute": key.requests_per_minute,
        "tasks_per_day": key.tasks_per_day,
    }


def _when(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M")
