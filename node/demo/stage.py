"""Setting up: a fresh directory, the organisations, one federation file.

Everything is made by the commands that an operator would give, each in a process of its own.
"""

import asyncio
import json
import shutil
import socket
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from .. import config as node_config
from .. import federation_file, files
from ..config import CONFIG_FILE, Config, ConfigError, control_socket
from ..federation import Federation
from .play import Actor, Play
from .processes import Processes

MARKER: Final = "quorate-demo.json"
"""The file that marks a directory as the demonstration's own."""

FEDERATION: Final = "federation.toml"

PORTS: Final = range(18_000, 30_000)
"""Where nodes listen: below the ports that systems hand to outgoing connections, so that a
killed node's port is still free when it comes back."""


class StageError(Exception):
    """The demonstration cannot be set up. The text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One organisation: its node's configuration and control socket, and who plays it."""

    config: Config
    key: bytes
    socket: Path
    actor: Actor

    @property
    def name(self) -> str:
        """What it is called."""
        return self.actor.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What was set up, in the organisations' order."""

    folder: Path
    federation_path: Path
    federation: Federation
    places: tuple[Place, ...]


def fresh(folder: Path, *, task: str, seed: int, cases: int | None) -> None:
    """Make `folder` an empty directory of the demonstration, whatever an earlier one left.

    Raises `StageError` if it holds anything else, or nodes of an earlier one that still run.
    """
    try:
        if folder.exists() or folder.is_symlink():
            _clear(folder)
        folder.mkdir(mode=0o700, parents=True)
        about = json.dumps(
            {"cases": cases, "seed": seed, "task": task, "what": "made by `quorate demo`"}
        )
        files.create_exclusive(folder / MARKER, f"{about}\n".encode(), 0o644)
    except OSError as error:
        raise StageError(
            f"cannot use {folder}: {error.strerror}; name another directory with --keep"
        ) from None


def _clear(folder: Path) -> None:
    if not folder.is_dir() or folder.is_symlink():
        raise StageError(f"{folder} is no directory; name another one with --keep")
    if any(folder.iterdir()):
        if not (folder / MARKER).is_file():
            raise StageError(
                f"{folder} holds files that no demonstration made; they are left alone: name "
                "another directory with --keep"
            )
        homes = sorted(path.parent for path in folder.glob(f"**/{CONFIG_FILE}"))
        running = [home.name for home in homes if _runs(home)]
        if running:
            raise StageError(
                f"nodes of an earlier demonstration still run in {folder} ({', '.join(running)}); "
                "end them, or name another directory with --keep"
            )
    shutil.rmtree(folder)


def _runs(home: Path) -> bool:
    """Whether a node in the directory `home` answers."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(control_socket(node_config.load(home))))
        except (ConfigError, OSError):
            return False
        return True


async def build(folder: Path, play: Play, processes: Processes) -> Stage:
    """Make the organisations in `folder`, and the federation from their cards.

    Raises `StageError`.
    """
    await asyncio.to_thread(folder.mkdir, mode=0o700, exist_ok=True)
    federation_path = folder / FEDERATION
    ports = free_ports(len(play.actors), Random())
    await asyncio.gather(
        *(
            _quorate(
                processes,
                "init",
                str(folder / actor.name),
                f"--listen=127.0.0.1:{port}",
                f"--family={actor.kind}",
                f"--model={actor.backend}",
                *(f"--option={name}={value}" for name, value in actor.options.items()),
                f"--federation={federation_path}",
            )
            for actor, port in zip(play.actors, ports, strict=True)
        )
    )
    cards = [folder / actor.name / f"{actor.name}.card" for actor in play.actors]
    await _quorate(processes, "federation", "create", str(federation_path), f"--name={play.name}")
    await _quorate(processes, "federation", "add", str(federation_path), *map(str, cards))
    federation = federation_file.load(federation_path)
    return Stage(
        folder=folder,
        federation_path=federation_path,
        federation=federation,
        places=tuple(_place(folder, actor, federation) for actor in play.actors),
    )


def _place(folder: Path, actor: Actor, federation: Federation) -> Place:
    config = node_config.load(folder / actor.name)
    return Place(
        config=config,
        key=federation.find(config.name).key,
        socket=control_socket(config),
        actor=actor,
    )


async def _quorate(processes: Processes, *arguments: str) -> None:
    ran = await processes.run(*arguments)
    if ran.code:
        raise StageError(f"`quorate {arguments[0]}` failed: {ran.last_words}")


def free_ports(count: int, random: Random) -> list[int]:
    """`count` ports of the loopback interface that nobody listens on.

    Raises `StageError` if there are not that many.
    """
    with ExitStack() as held:
        found: list[int] = []
        for port in random.sample(PORTS, len(PORTS)):
            probe = held.enter_context(socket.socket())
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found.append(port)
            if len(found) == count:
                return found
    raise StageError(f"of the ports {PORTS[0]} to {PORTS[-1]} fewer than {count} are free")
