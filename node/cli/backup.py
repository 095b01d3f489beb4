"""`quorate backup`: a node's store in one file, taken while the node runs."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from .output import emit, note, say

app = typer.Typer(add_completion=False)


@app.command()
def backup(
    directory: Annotated[Path, typer.Argument(help="The node's directory.", metavar="DIR")],
    to: Annotated[
        Path,
        typer.Option(
            help="The file to write, or a directory for a file named after node and time.",
            metavar="FILE",
        ),
    ],
    with_identity: Annotated[
        bool,
        typer.Option(
            "--with-identity",
            help="Also the secret key, the federation file and the configuration.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Back a node's store up, verdicts and evidence, running or not.

    The file is whole or absent, and never overwrites one. A node that is restored
    from it signs nothing for tasks that were opened before.
    """
    from .. import backup as node_backup
    from .. import config as node_config
    from ..clock import SystemClock
    from ..entropy import SystemEntropy
    from ..quota import mib

    config, clock = node_config.load(directory), SystemClock()
    if to.is_dir():
        when = datetime.fromtimestamp(clock.wall_ms() / 1_000, UTC).strftime("%Y%m%dT%H%M%SZ")
        to = to / f"{config.name}-{when}.tar"
    made = node_backup.make(
        config, to, with_identity=with_identity, clock=clock, entropy=SystemEntropy()
    )
    held = [item.name for item in made.manifest.files]
    if as_json:
        emit(
            {
                "file": str(made.path),
                "size": made.size,
                "database": made.manifest.database,
                "taken_at_ms": made.manifest.taken_at_ms,
                "files": held,
            }
        )
        return
    say(f"Wrote {made.path} ({mib(made.size)}).")
    if with_identity:
        note("It holds the secret key: whoever reads it is this member. Keep it as safe as that.")
    else:
        note("The secret key is not in it: keep identity/ apart, or say --with-identity.")
