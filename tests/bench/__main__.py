"""Figures of speed: `make bench`, about a minute.

One table after another, nothing else measured at a time. Each says how it was measured;
whatever else the machine does meanwhile is in the figures.
"""

import asyncio
import os
import platform
import sys

from . import serve, store, tally, task, wire
from .tables import Section

SECTIONS: tuple[Section, ...] = (wire.table, tally.table, task.table, store.table, serve.table)


async def main() -> None:
    """Prints each table when it is measured."""
    out = sys.stdout
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    out.write(
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} cores, load at the beginning {load}\n"
    )
    for section in SECTIONS:
        measured = await section()
        out.write("\n" + "\n".join(measured.lines()) + "\n")
        out.flush()


if __name__ == "__main__":
    asyncio.run(main())
