"""The daemon as its probes see it: the other side of `node.observe.contract.Source`."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from consensus.committee import Quorum
from consensus.deliberation.effects import Finish
from consensus.envelope import Kind

from .federation import Federation
from .observe.contract import Ended, Lack, LinkVitals, ModelVitals, Vitals
from .opened import abstentions
from .program import program_version

if TYPE_CHECKING:
    from .daemon import Daemon


class DaemonVitals:
    """A running daemon's state."""

    def __init__(self, daemon: "Daemon", *, since_ms: int, stopping: Callable[[], bool]) -> None:
        self._daemon = daemon
        self._since_ms = since_ms
        self._stopping = stopping
        self._version = program_version()

    def vitals(self) -> Vitals:
        """Its state now. Costs no model call and no query of the store."""
        daemon, runner = self._daemon, self._daemon.runner
        phases = Counter(live.task.phase.name.lower() for live in runner.live.values())
        return Vitals(
            node=daemon.config.name,
            version=self._version,
            family=daemon.model.describe().family,
            began_ms=self._since_ms,
            running=phases,
            refusals={str(code): count for code, count in runner.gate.refusals.items()},
            links=tuple(self._links()),
            queues={
                "events": runner.waiting,
                "fetches": len(runner.sync.fetches),
                "lookups": len(runner.sync.lookups),
            },
            store_bytes=daemon.house.used(),
            store_limit=daemon.house.quota.limit,
            facts=runner.ledger.size,
            calls_running=runner.consultant.running,
            calls_waiting=runner.consultant.waiting,
            models=tuple(
                ModelVitals(
                    model=name,
                    tokens_in=spent.tokens_in,
                    tokens_out=spent.tokens_out,
                    micros=spent.micros,
                )
                for name, spent in sorted(daemon.model.spent().items())
            ),
            reached=len(runner.up) + 1,
            quorum=self._quorum.q,
            lacks=tuple(self.lacks()),
        )

    def lacks(self) -> Iterator[Lack]:
        """What keeps it from taking a task to its end, the worst first."""
        daemon, runner = self._daemon, self._daemon.runner
        if self._stopping():
            yield Lack(what="stopping", text=f"{daemon.config.name} is stopping")
        if problem := daemon.store_problem():
            yield Lack(what="store", text=problem)
        quorum, up = self._quorum, {runner.me, *runner.up}
        if len(up) < quorum.q:
            away = [member.name for member in daemon.federation.members if member.key not in up]
            yield Lack(
                what="links",
                text=f"{len(up)} of {quorum.n} members are reached, this one included, and "
                f"{quorum.q} are needed; not reached: {', '.join(away)}",
            )
        if problem := runner.intake.quota.problem(runner.intake.used()):
            yield Lack(what="disk", text=problem)
        running, most = runner.entrance.taking_part(), daemon.config.limits.tasks
        if running >= most:
            yield Lack(what="tasks", text=f"over quota: {running} tasks are undecided here")

    @property
    def _quorum(self) -> Quorum:
        federation = self._daemon.federation
        return Quorum.of(len(federation.members), federation.floors.fault_mode)

    def _links(self) -> Iterator[LinkVitals]:
        daemon = self._daemon
        for peer in daemon.mesh.status():
            key, traffic = peer.member.key, peer.traffic
            yield LinkVitals(
                member=peer.member.name,
                up=peer.up,
                rtt_ms=peer.rtt_ms,
                skew_ms=daemon.skew_ms(key),
                queued_bytes=peer.queued,
                bytes_in=traffic.bytes_in,
                bytes_out=traffic.bytes_out,
                envelopes_in=traffic.envelopes_in,
                envelopes_out=traffic.envelopes_out,
                ends=traffic.ends,
                refused=daemon.runner.refused(key),
            )


def ended(finish: Finish, reason: str, federation: Federation) -> Ended:
    """A decided task as it is counted: of whom its rounds lack a draft, a ballot or an opening.

    By what the rounds' agreed points name, so that every member counts the same.
    """
    spec = finish.opened.body
    members = [bytes(member) for member in spec.committee.members]  # type: ignore[union-attr]
    missing: list[tuple[str, str]] = []
    abstained: list[tuple[str, str]] = []
    for record in finish.rounds:
        there: defaultdict[Kind, set[bytes]] = defaultdict(set)
        for message in record.named:
            there[message.kind].add(message.signer)
        for member in members:
            name = federation.label(member)
            if member not in there[Kind.COMMIT]:
                missing.append((name, "draft"))
            if member not in there[Kind.SEAL]:
                missing.append((name, "judge"))
            elif member not in there[Kind.OPENING]:
                missing.append((name, "open"))
        abstained += dict.fromkeys(
            (federation.label(member), stage) for member, stage, _ in abstentions(record.named)
        )
    return Ended(
        task=bytes(finish.opened.id),
        reason=reason,
        rounds=len(finish.rounds),
        missing=tuple(missing),
        abstained=tuple(abstained),
    )
