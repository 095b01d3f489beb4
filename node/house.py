"""Keeping house: forgetting, pruning, and watching what the store takes on the disk.

Whatever is done here is done in steps, and the commits of running tasks come between them.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .clock import Clock
from .config import Config
from .log import get_logger
from .memory import Mark
from .quota import MIB, Quota, mib
from .store.contract import StoreError
from .store.records import PruneRule
from .store.sqlite import SqliteStore

log = get_logger("house")

HOUSE_EVERY_S: Final = 60
"""Seconds between two rounds through the house."""

DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What pruning did, or would do: verdicts, and bytes of them and of their cases.

    `held_back` verdicts are old enough, but their tasks could still be played again. `returned`
    are bytes by which the store is smaller on the disk, `used` what it takes now.
    """

    verdicts: int
    bytes: int
    held_back: int
    returned: int
    used: int
    dry_run: bool

    def plain(self) -> dict[str, Any]:
        """For programs."""
        return {
            "verdicts": self.verdicts,
            "bytes": self.bytes,
            "held_back": self.held_back,
            "returned": self.returned,
            "used": self.used,
            "dry_run": self.dry_run,
        }


async def sweep(
    store: SqliteStore,
    rule: PruneRule,
    *,
    now_ms: int,
    dry_run: bool = False,
    gone: Callable[[Iterable[bytes]], None] | None = None,
) -> Swept:
    """Prune `store` by `rule`, step by step, and give the space back. Raises `StoreError`.

    `gone` is told the tasks of each step. Vote records of tasks that could be played again are
    not touched by any rule (A13, S7).
    """
    planned = await store.toll(rule)
    before = store.used
    verdicts = size = 0
    if not dry_run:
        while await store.forget(before_ms=rule.not_after_before_ms):
            pass
        while (step := await store.prune(rule, now_ms=now_ms)).verdicts:
            verdicts, size = verdicts + step.verdicts, size + step.size
            if gone is not None:
                gone(step.tasks)
        while await store.shrink():
            pass
    return Swept(
        verdicts=planned.verdicts if dry_run else verdicts,
        bytes=planned.size if dry_run else size,
        held_back=planned.held_back,
        returned=max(0, before - store.used),
        used=store.used,
        dry_run=dry_run,
    )


def evidence_bytes(directory: Path) -> int:
    """Bytes of the evidence files, which are never pruned: they are what excludes a member."""
    try:
        return sum(item.stat().st_size for item in directory.iterdir())
    except OSError:
        return 0


class House:
    """The daemon's own house keeping; `used` and `quota` are what the intake asks about."""

    def __init__(
        self, *, config: Config, store: SqliteStore, mark: Mark, clock: Clock, skew_ms: int
    ) -> None:
        self.quota = Quota(limit=config.limits.disk_mib * MIB)
        self.forgot: Callable[[int], None] = lambda _: None
        """Told the not-after of tasks that are forgotten."""
        self.gone: Callable[[Iterable[bytes]], None] = lambda _: None
        """Told the tasks whose verdicts are pruned."""
        self._keep = config.keep
        self._store = store
        self._mark = mark
        self._clock = clock
        self._skew_ms = skew_ms
        self._shelf = config.store.parent / "evidence"
        self._evidence = evidence_bytes(self._shelf)
        self._sweeping = asyncio.Lock()
        self._near = False

    def used(self) -> int:
        """Bytes that the store takes: database and log as they are, evidence as of a minute ago."""
        return self._store.used + self._evidence

    def forgotten_ms(self) -> int:
        """The not-after of tasks that may be forgotten: no clock that is set back by as much as
        clocks may differ makes one of them playable again."""
        return self._clock.wall_ms() - self._skew_ms

    async def run(self) -> None:
        """Until cancelled: a round every minute. Raises `StoreError`."""
        while True:
            await self.round()
            await asyncio.sleep(HOUSE_EVERY_S)

    async def round(self) -> None:
        """Forget what finished tasks no longer need, prune what is too old, look at the disk."""
        try:
            await asyncio.to_thread(self._mark.sync)
        except OSError as error:
            raise StoreError(
                f"cannot note beside the identity what was signed: {error.strerror}"
            ) from error
        self.forgot(self.forgotten_ms())
        while await self._store.forget(before_ms=self.forgotten_ms()):
            pass
        if self._keep.days:
            swept = await self.sweep(self._keep.days * DAY_MS, self._keep.verdicts)
            if swept.verdicts:
                log.info("pruned", verdicts=swept.verdicts, bytes=swept.bytes)
        self._evidence = await asyncio.to_thread(evidence_bytes, self._shelf)
        self._look()

    def _look(self) -> None:
        used = self.used()
        near, before = self.quota.near(used), self._near
        self._near = near
        if near and not before:
            log.warning(
                "the disk quota is nearly used up: prune (`quorate prune`, keep.days), or allow "
                "more (limits.disk_mib)",
                used=mib(used),
                limit=mib(self.quota.limit),
            )

    async def sweep(self, older_ms: int, keep: int, *, dry_run: bool = False) -> Swept:
        """Prune verdicts decided `older_ms` ago or earlier, but for the newest `keep`."""
        async with self._sweeping:
            now = self._clock.wall_ms()
            rule = PruneRule(
                decided_before_ms=now - older_ms,
                not_after_before_ms=self.forgotten_ms(),
                keep=keep,
            )
            return await sweep(self._store, rule, now_ms=now, dry_run=dry_run, gone=self.gone)
