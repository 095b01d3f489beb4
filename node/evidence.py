"""Evidence of equivocation, kept as files that anyone can check (rules S4, A15)."""

from pathlib import Path

from consensus.envelope import Envelope, Kind
from consensus.verdict import encode_evidence

from .log import get_logger

log = get_logger("evidence")

FILES = 1_000
"""Most evidence files kept: one convicts, and an equivocator must not fill the disk."""


class EvidenceShelf:
    """A directory of evidence files, made when the first one is kept."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def keep(self, first: Envelope, second: Envelope) -> str:
        """Write a pair; returns the file's name, or "" if it could not be kept."""
        low, high = sorted((first.id.hex()[:8], second.id.hex()[:8]))
        kind = Kind(first.kind).name.lower()
        name = f"{first.signer.hex()[:8]}-{kind}-{low}-{high}.json"
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self._directory / name
            if not path.exists() and sum(1 for _ in self._directory.iterdir()) < FILES:
                path.write_bytes(encode_evidence(first, second))
        except OSError as error:
            log.warning("evidence not written", file=name, reason=str(error))
            return ""
        return name
