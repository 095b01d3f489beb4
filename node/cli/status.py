"""`quorate status`: how a running node is doing."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import config as node_config
from ..quota import mib
from .exits import NEGATIVE, OK
from .output import console, emit, say
from .reach import reached
from .tables import tame

if TYPE_CHECKING:
    from ..config import Config

ID_SHOWN = 16

app = typer.Typer(add_completion=False)


@app.command()
def status(
    directory: Annotated[
        Path, typer.Argument(help="The node's directory.", metavar="DIR")
    ] = Path(),
    ready: Annotated[
        bool, typer.Option("--ready", help="Say only whether it is ready; exit code 1: it is not.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> int:
    """Show how a running node is doing: links, tasks under way, what it refused."""
    config = node_config.load(directory)
    found = asyncio.run(_status(config))
    if ready:
        missing = found["missing"]
        if as_json:
            emit({"ready": not missing, "missing": missing})
        else:
            say("\n".join(f"{lack['what']}: {tame(lack['text'])}" for lack in missing) or "ready")
        return NEGATIVE if missing else OK
    if as_json:
        emit(found)
    else:
        show(found)
    return OK


async def _status(config: "Config") -> dict[str, Any]:
    async with reached(config) as node:
        return await node.status()


def show(found: dict[str, Any]) -> None:
    """What a node says of itself, for people."""
    from rich.table import Table
    from rich.text import Text

    federation, model = found["federation"], found["model"]
    members = f"{federation['members']} member{'s' if federation['members'] != 1 else ''}"
    say(f"{found['name']}, up for {duration(found['uptime_ms'])}, on port {found['port']}")
    say(f"  key         {found['key']}")
    say(f"  federation  {federation['name']}, epoch {federation['epoch']}, {members}")
    say(f"  model       {tame(model['name'])}, of the family {tame(model['family'])}")
    say(f"  tasks       {found['decided']} decided since, {len(found['undecided'])} under way")
    if not found["database_matches"]:
        say(
            "  store       not its first: tasks from before it was its own are followed, not signed"
        )
    seen = found["signed_by_another"]
    if seen:
        say(f"  twin        another process signs with this key: {seen} messages seen")
    disk = found["disk"]
    limit = f" of {mib(disk['limit'])}" if disk["limit"] else ""
    over = ": new tasks are refused" if disk["limit"] and disk["used"] > disk["limit"] else ""
    say(f"  disk        {mib(disk['used'])}{limit} used{over}")
    refused = sorted(found["refused_messages"].items())
    if refused:
        say(f"  refused     {', '.join(f'{count} {code}' for code, count in refused)}")
    out = console()
    if found["undecided"]:
        tasks = Table(box=None, pad_edge=False)
        tasks.add_column("task", no_wrap=True)
        tasks.add_column("phase")
        tasks.add_column("round", justify="right")
        tasks.add_column("for", justify="right", no_wrap=True)
        for item in found["undecided"]:
            task = item["task"][:ID_SHOWN]
            tasks.add_row(task, item["phase"], str(item["round"]), duration(item["ms"]))
        out.print(Text(), tasks)
    if found["peers"]:
        peers = Table(box=None, pad_edge=False)
        for heading in ("member", "address", "link"):
            peers.add_column(heading, overflow="fold")
        for peer in found["peers"]:
            peers.add_row(peer["name"], peer["address"], Text(link(peer), style=_colour(peer)))
        out.print(Text(), peers)


def link(peer: dict[str, Any]) -> str:
    """How the link with a member stands, in words."""
    times = peer["shut_out"]
    out = f"; shut out for a minute, as it called in vain ({times} times)" if times else ""
    if not peer["up"]:
        return f"down: {tame(peer['last_end'] or 'not tried yet')}{out}"
    trip = "" if peer["rtt_ms"] is None else f", {peer['rtt_ms']} ms"
    other = "; its federation file differs from ours" if peer["federation_differs"] else ""
    calls = peer["second_calls"]
    second = f"; a second process calls with its key ({calls} times)" if calls else ""
    return f"up{trip}{other}{second}{out}"


def duration(ms: int) -> str:
    """A span of time for people."""
    seconds = ms // 1_000
    if seconds < 60:
        return f"{ms / 1_000:.1f} s"
    minutes, hours, days = seconds // 60, seconds // 3_600, seconds // 86_400
    if minutes < 60:
        return f"{minutes} min {seconds % 60} s"
    return f"{hours} h {minutes % 60} min" if hours < 48 else f"{days} days {hours % 24} h"


def _colour(peer: dict[str, Any]) -> str:
    if not peer["up"]:
        return "red"
    return "yellow" if peer["federation_differs"] else "green"
