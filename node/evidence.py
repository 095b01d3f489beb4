"""Evidence of equivocation, kept as files that anyone can check (rules S4, A15)."""

from collections.abc import Iterator
from pathlib import Path

from consensus.envelope import Envelope, Kind
from consensus.verdict import encode_evidence

from . import files
from .log import get_logger

log = get_logger("evidence")

FILES = 1_000
"""Most evidence files kept: an equivocator must not fill the disk."""
OF_ONE = 8
"""Most files about one member: one convicts, and it must not take the place of others'."""


class EvidenceShelf:
    """A directory of evidence files, made when the first one is kept."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def files(self) -> Iterator[bytes]:
        """What the files hold, as far as they can be read; whoever uses them checks them."""
        if self._directory.is_dir():
            for path in sorted(self._directory.iterdir())[:FILES]:
                try:
                    yield path.read_bytes()
                except OSError as error:
                    log.warning("evidence not read", file=path.name, reason=str(error))

    def keep(self, first: Envelope, second: Envelope) -> str:
        """Write a pair; returns the file's name, or "" if it is not kept."""
        low, high = sorted((first.id.hex()[:8], second.id.hex()[:8]))
        whose = f"{first.signer.hex()[:16]}-"
        name = f"{whose}{Kind(first.kind).name.lower()}-{low}-{high}.json"
        path = self._directory / name
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not path.exists():
                kept = [item.name for item in self._directory.iterdir()]
                if len(kept) >= FILES or sum(one.startswith(whose) for one in kept) >= OF_ONE:
                    return ""
                files.write_atomic(path, encode_evidence(first, second), 0o600)
        except OSError as error:
            log.warning("evidence not written", file=name, reason=str(error))
            return ""
        return name
