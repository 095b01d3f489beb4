"""What becomes of a decided task: its verdict is stored with its facts, and told (rules E1, L1)."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from consensus.bodies import TaskOpen
from consensus.deliberation.effects import Finish
from consensus.envelope import Envelope, Stage, TaskId
from consensus.verdict import Bundle
from consensus.verdict.bundle import MAX_FILE

from .archive import summary
from .clock import Clock
from .live import Live, Traffic
from .log import get_logger
from .store.records import VerdictRow
from .vitals import ended
from .wire.watch import Event

if TYPE_CHECKING:
    from .runner import Runner

log = get_logger("runner")


class Verdicts:
    """The runner's side of an end with a verdict."""

    def __init__(self, runner: "Runner", clock: Clock) -> None:
        self.decided = 0
        """How many tasks were decided with this node's part in them since the start."""
        self._runner = runner
        self._clock = clock

    def finish(self, live: Live, finish: Finish) -> None:
        """Store the verdict with whatever else this turn stores, then tell."""
        bundle, runner = Bundle.of(finish), self._runner
        figures = live.task.round.values[Stage.OUTCOME].figures
        assert figures is not None
        elapsed = runner.now - live.began_ms
        if not live.stored:
            runner.tick.tasks.append(live.row)
        told = self._keep(
            bundle,
            live.task.spec,
            figures,
            [message.envelope for message in live.task.acceptances()],
            ms=elapsed,
            traffic=live.traffic.to_dict(),
        )

        def settle() -> None:
            runner.archive.keep(bundle, live.task.spec)
            self.decided += 1
            runner.observers.ended(ended(finish, told["reason"], runner.federation))
            live.cancel()
            runner.live.pop(live.task.id, None)
            runner.sync.read_up()
            detail = {"verdict": bundle.id.hex(), **told, "figures": figures}
            live.watchers.tell(
                Event(task=live.task.id, round=len(finish.rounds), kind="verdict", detail=detail)
            )
            log.info(
                "decided",
                task=live.task.id.hex()[:8],
                verdict=bundle.id.hex()[:8],
                answer=told["answer"],
                status=told["status"],
                rounds=told["rounds"],
                ms=elapsed,
            )

        runner.tick.acts.append(settle)

    def adopt(self, bundle: Bundle, spec: TaskOpen, figures: Mapping[str, Any]) -> None:
        """Keep a verdict that another member gave, verified, of a task that is not live here."""
        self._keep(bundle, spec, figures, ms=0, traffic=Traffic().to_dict())
        self._runner.archive.keep(bundle, spec)
        self._runner.sync.missed.found(bundle.task)

    def _keep(
        self,
        bundle: Bundle,
        spec: TaskOpen,
        figures: Mapping[str, Any],
        acceptances: Iterable[Envelope] = (),
        **cost: Any,
    ) -> dict[str, Any]:
        """Have a verdict stored, with its facts in the same commit (L1); its summary."""
        told = {**summary(bundle, spec, figures), **cost}
        data = bundle.encode()
        if len(data) > MAX_FILE:  # no honest committee's: members signed many things in one slot
            log.error("a verdict is too large to be read again", task=bundle.task.hex()[:8])
        row = VerdictRow(
            task=TaskId(bundle.task),
            verdict=bundle.id,
            bundle=data,
            decided_at_ms=self._clock.wall_ms(),
            summary=told,
        )
        self._runner.tick.verdicts.append(row)
        self._runner.sharing.append(self._runner.ledger.decided(bundle, acceptances))
        return told
