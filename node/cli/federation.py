"""`quorate federation`: the file that says who the members are (rules S3, S6)."""

from pathlib import Path
from typing import Annotated, Any

import typer

from consensus.committee import MAX_MEMBERS, FaultMode, Quorum

from .. import config as node_config
from .. import federation_file
from ..entropy import SystemEntropy
from ..federation import Client, Federation, FederationError, FederationMember, Floors
from ..federation_text import unhex
from .output import console, emit, note, say

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Make, extend or show a federation file."
)

File = Annotated[Path, typer.Argument(help="The federation file.", metavar="FILE")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command()
def create(
    file: File,
    name: Annotated[str, typer.Option(help="What people call the federation.")],
    fault_mode: Annotated[
        FaultMode,
        typer.Option(
            help="What its committees survive at least: byzantine, any behaviour of under a "
            "third of their members; crash, the silence of under half."
        ),
    ] = FaultMode.BYZANTINE,
    min_committee: Annotated[int, typer.Option(help="Fewest members of a committee.")] = 1,
    min_rounds: Annotated[
        int, typer.Option(help="Fewest rounds that a task's policy may allow.")
    ] = 1,
    as_json: AsJson = False,
) -> None:
    """Make a federation without members yet. An existing file is not overwritten."""
    floors = Floors(fault_mode=fault_mode, min_committee=min_committee, min_rounds=min_rounds)
    made = federation_file.create(file, name=name, floors=floors, entropy=SystemEntropy())
    if as_json:
        emit(_plain(made))
        return
    say(f"Made the federation {made.name} in {file}.")
    note(f"Next, for each member's card: quorate federation add {file} CARD")


@app.command()
def add(
    file: File,
    cards: Annotated[
        list[Path],
        typer.Argument(help="Member cards, as `quorate init` writes them.", metavar="CARD..."),
    ],
    as_json: AsJson = False,
) -> None:
    """Add members by their cards: all of them, or none if one cannot be added."""
    changed = federation_file.load(file)
    members = []
    for path in cards:
        member = federation_file.load_card(path)
        try:
            changed = changed.with_member(member)
        except FederationError as error:
            raise FederationError(f"{path}: {error}") from None
        members.append(member)
    federation_file.save(file, changed)
    if as_json:
        emit(_plain(changed))
        return
    names = ", ".join(f"{member.name} ({member.family})" for member in members)
    count = len(changed.members)
    say(f"Added {names}: {changed.name} has {count} member{'s' if count > 1 else ''} now.")
    note(
        f"Its epoch is {changed.epoch}, its hash {changed.hash.hex()}. Give every member this "
        "file: a node reads it as it starts."
    )


@app.command()
def add_client(
    file: File,
    name: Annotated[str, typer.Argument(help="What people call the client.")],
    key: Annotated[
        str, typer.Argument(help="Its public key in hex, as `quorate client init` shows it.")
    ],
    approver: Annotated[
        bool,
        typer.Option(
            "--approver", help="It may release outcomes where a policy asks for approvals."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add a client: somebody whose signed word on verdicts counts for reputation."""
    client = Client(
        name=name, key=unhex(key.strip().lower(), "the client's key"), approver=approver
    )
    changed = federation_file.load(file).with_client(client)
    federation_file.save(file, changed)
    if as_json:
        emit(_plain(changed))
        return
    say(f"Added the client {client.name}: {changed.name} is in epoch {changed.epoch} now.")
    note("Give every member this file: a node reads it as it starts.")


@app.command()
def show(
    file: Annotated[
        Path,
        typer.Argument(help="The federation file, or the directory of a node.", metavar="FILE"),
    ],
    as_json: AsJson = False,
) -> None:
    """Show the members, the floors, and the hash that a client pins."""
    if file.is_dir():
        file = node_config.load(file).federation
    found = federation_file.load(file)
    if as_json:
        emit(_plain(found))
        return
    floors = found.floors
    say(f"Federation {found.name}, epoch {found.epoch}")
    say(f"  network    {found.network.hex()}")
    say(f"  hash       {found.hash.hex()}")
    say(
        f"  floors     fault mode {floors.fault_mode}, at least {floors.min_committee} in a "
        f"committee, at least {floors.min_rounds} in the rounds a policy allows"
    )
    say(f"  tolerance  {_tolerance(found)}")
    if found.members:
        from rich.table import Table

        table = Table(box=None, pad_edge=False)
        for heading in ("member", "family", "address", "key"):
            table.add_column(heading, overflow="fold")
        for member in found.members:
            table.add_row(member.name, member.family, member.address, member.key.hex())
        say("")
        console().print(table)
    for client in found.clients:
        what = "approver" if client.approver else "client"
        say(f"{what} {client.name}, key {client.key.hex()}")


def _tolerance(found: Federation) -> str:
    if not found.members:
        return f"no members yet: add them with `quorate federation add {found.name} CARD`"
    if len(found.members) > MAX_MEMBERS:
        return f"a committee has at most {MAX_MEMBERS} of the {len(found.members)} members"
    if len(found.members) == 1:
        return "one member decides alone, and its verdicts say that nobody judged them"
    size = Quorum.of(len(found.members), found.floors.fault_mode)
    return f"in a committee of all {size.n}, {size.tolerates()}"


def _plain(found: Federation) -> dict[str, Any]:
    return {
        "name": found.name,
        "network": found.network.hex(),
        "epoch": found.epoch,
        "hash": found.hash.hex(),
        "floors": {
            "fault_mode": str(found.floors.fault_mode),
            "min_committee": found.floors.min_committee,
            "min_rounds": found.floors.min_rounds,
        },
        "members": [_member(member) for member in found.members],
        "clients": [
            {"name": one.name, "key": one.key.hex(), "approver": one.approver}
            for one in found.clients
        ],
    }


def _member(member: FederationMember) -> dict[str, str]:
    return {
        "name": member.name,
        "family": member.family,
        "address": member.address,
        "key": member.key.hex(),
    }
