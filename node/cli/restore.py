"""`quorate restore`: a node's store, or a whole node, out of a backup."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from .output import emit, note, say

app = typer.Typer(add_completion=False)


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="What `backup` wrote.", metavar="FILE")],
    to: Annotated[
        Path,
        typer.Option(
            help="A new directory, or that of a node that has lost its store.", metavar="DIR"
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Restore a backup. Nothing is overwritten, and every byte is checked first.

    The restored node follows tasks opened before its next start without a vote: it may have
    signed for them after the backup was taken. Newer ones it takes part in.
    """
    from .. import backup as node_backup

    manifest, database = node_backup.restore(source, to)
    home, whole = to.absolute(), (to / "identity").is_dir()
    if as_json:
        emit(
            {
                "directory": str(home),
                "store": str(database),
                "name": manifest.name,
                "key": manifest.public,
                "database": manifest.database,
                "taken_at_ms": manifest.taken_at_ms,
                "identity": whole,
            }
        )
        return
    say(f"Restored {manifest.name} to {home}; its store is {database}.")
    if not whole:
        note("Its identity, federation file and configuration are not in the backup: put them back")
        note(f"into {home} before you start it.")
    note("See that no other copy of this node runs, then: quorate serve " + shlex.quote(str(home)))
    note("It follows tasks opened before its start without a vote, and signs for newer ones.")
