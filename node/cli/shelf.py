"""A node's verdicts: from the daemon where one runs, else from its store, read-only."""

from typing import TYPE_CHECKING, Any

from .exits import CliError
from .tables import tame

if TYPE_CHECKING:
    from ..config import Config


async def entries(config: "Config", limit: int) -> list[dict[str, Any]]:
    """The newest verdicts, at most `limit`, as the daemon lists them."""
    from ..config import control_socket
    from ..store.sqlite import SqliteStore
    from ..wire.control import ControlClient, ControlUnreachable

    try:
        async with ControlClient(control_socket(config)) as client:
            return await client.verdicts(limit)
    except ControlUnreachable:
        pass
    async with await SqliteStore.read(config.store) as store:
        return [entry.plain() for entry in await store.verdicts(limit)]


async def bundle(config: "Config", prefix: str) -> bytes:
    """The verdict file whose verdict or task id begins with `prefix`; empty: the newest."""
    from consensus.verdict import Bundle
    from reputation import FactKind

    from .. import federation_file
    from ..config import control_socket
    from ..release import attach
    from ..store.contract import BadReference
    from ..store.sqlite import SqliteStore
    from ..wire.control import ControlClient, ControlError, ControlUnreachable

    if not prefix:
        newest = await entries(config, 1)
        if not newest:
            raise CliError(f"{config.name} has no verdict yet")
        prefix = newest[0]["verdict"]
    try:
        async with ControlClient(control_socket(config)) as client:
            return await client.verdict(prefix)
    except ControlUnreachable:
        pass
    except ControlError as error:
        raise CliError(tame(str(error))) from None
    words: list[bytes] = []
    try:
        async with await SqliteStore.read(config.store) as store:
            found = await store.find_verdict(prefix)
            gone = None if found else await store.find_pruned(prefix)
            if found is not None:
                words = [
                    row.proof
                    for row in await store.facts()
                    if (row.kind, row.task) == (FactKind.APPROVAL, found.task)
                ]
    except BadReference as error:
        raise CliError(str(error)) from None
    if gone is not None:
        from ..entrance import pruned_text

        raise CliError(pruned_text(gone))
    if found is None:
        raise CliError(f"no verdict or task here begins with {prefix}")
    if not words:
        return found.bundle
    federation = federation_file.load(config.federation)
    return attach(Bundle.decode(found.bundle), words, federation).encode()
