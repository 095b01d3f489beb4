"""Mutants that must die: each is one wrong line, and the gate that notices it.

A mutant that survives is a promise that no gate holds. `tests/README.md` has after how many
schedules each dies.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from consensus.agreement.validity import Invalid
from consensus.bodies import Commit, Report, Seal, Views
from consensus.deliberation.points import PointValue, check_set
from consensus.envelope import Kind, Stage
from consensus.ports import Message
from node.sim.agreements import Arena
from node.sim.schedule import Schedule
from node.sim.trial import Trial
from tests.harness.agreements import Chamber
from tests.harness.mutants import Change, Mutant, apply, killed
from tests.harness.tables import Table

INSTANCE = "consensus.agreement.instance:Instance"
VOTES = "consensus.agreement.votes:VoteBook"
DESK = "consensus.deliberation.desk:Desk"
NOTES = "consensus.deliberation.notes"


def agreement(seed: int) -> object:
    """A schedule of agreement, four members."""
    return Arena(seed).play()


def deliberation(*habits: str) -> Callable[[int], object]:
    """A whole deliberation of four; Byzantine members have these habits, or any."""

    def play(seed: int) -> object:
        schedule = Schedule.drawn(seed)
        if habits:
            bad = tuple((at, frozenset(habits)) for at, _ in schedule.mallories)
            schedule = replace(schedule, mallories=bad)
        return Trial(schedule).play()

    return play


def locked_member(_: int) -> None:
    """A directed schedule: dave locks blue in view 0, and others put red forward."""
    chamber = Chamber()
    chamber.propose(b"blue")
    chamber.prevotes(b"blue", "alice", "bob")
    chamber.precommits(None, "alice", "bob")
    chamber.expire("precommit")
    chamber.propose(b"red", view=1)
    assert chamber.said() == ["prevote 1 nil"]
    chamber.prevotes(None, "alice", "bob", view=1)
    chamber.precommits(None, "alice", "bob", view=1)
    chamber.expire("precommit", 1)
    chamber.propose(b"red", view=2, valid=1)
    assert chamber.said() == []
    chamber.expire("propose", 2)
    chamber.prevotes(None, "alice", "bob", view=2)
    chamber.precommits(None, "alice", "bob", view=2)
    assert chamber.expire("precommit", 2)
    assert "propose 3 blue valid 0" in chamber.said()


def scattered_precommits(_: int) -> None:
    """A directed schedule: three members precommit blue, and not in one view."""
    chamber = Chamber()
    chamber.propose(b"blue")
    chamber.precommits(b"blue", "alice", "bob")
    chamber.precommits(b"blue", "carol", view=1)
    assert chamber.decided is None


def chosen_union(_: int) -> None:
    """A directed schedule: a freeze that leaves out what three of four reported."""
    table = Table(4)
    seals = [
        table.sign(who, 1, Stage.FREEZE, Kind.SEAL, Seal(hash=bytes([who]) * 32)) for who in (0, 1)
    ]
    named = Report(ids=tuple(sorted(one.id for one in seals)))
    reports = [table.sign(who, 1, Stage.FREEZE, Kind.REPORT, named) for who in range(3)]
    held = {one.id: one for one in (*seals, *reports)}
    for one in seals:
        value = PointValue(
            stage=Stage.FREEZE,
            round=1,
            ids=(one.id,),
            reports=tuple(sorted(report.id for report in reports)),
            evidence=(),
        )
        ctx = table.scribes[0].ctx(1, Stage.FREEZE)
        found = check_set(value, committee=table.committee, ctx=ctx, lookup=held.get)
        assert isinstance(found, Invalid)


def lost_report(_: int) -> object:
    """A schedule that a night found: bob alone has mallory's commit, reports it, and crashes."""
    return deliberation()(67_377)


def own_views(message: Message | None, views: Views) -> Message | None:
    """A commit as if it said what one's own ledger says."""
    if message is None or not isinstance(message.body, Commit):
        return message
    return replace(message, body=replace(message.body, views=views))


GATES: tuple[Callable[[int], object], ...] = (
    agreement,
    deliberation(),
    locked_member,
    scattered_precommits,
    chosen_union,
    lost_report,
)


def mutant(
    name: str,
    where: str,
    old: str,
    new: str,
    gate: Callable[[int], object],
    within: int = 400,
    seen: int = 1,
    *,
    names: dict[str, Any] | None = None,
    also: tuple[Change, ...] = (),
) -> Mutant:
    change = Change(where=where, old=old, new=new, names=names or {})
    return Mutant(
        name=name,
        changes=(change, *also),
        gate=gate.__qualname__.split(".")[0],
        kills=gate,
        within=within,
        seen=seen,
    )


MUTANTS = (
    mutant(
        "no lock check",
        f"{INSTANCE}._prevote",
        "agrees = free or (self.locked is not None and self.locked[1] == value)",
        "agrees = True",
        locked_member,
        1,
    ),
    mutant(
        "valid-view quorum unchecked",
        f"{INSTANCE}._prevote",
        "if len(earlier) < self._size.q:",
        "if len(earlier) < 0:",
        locked_member,
        1,
    ),
    mutant(
        "quorum minus one",
        "consensus.committee:Quorum.of",
        "return cls(n=n, f=f, q=n - f, t=f + 1)",
        "return cls(n=n, f=f, q=n - f - 1, t=f + 1)",
        agreement,
        seen=182,
    ),
    mutant(
        "first vote wins",
        f"{VOTES}.add",
        "if len(earlier) >= VOTES_PER_SLOT and not supporters:",
        "if earlier:",
        agreement,
    ),
    mutant(
        "no relay of third-party votes",
        f"{INSTANCE}.messages",
        "return proposals + self._votes.messages()",
        "return [one for one in proposals + self._votes.messages() if one.signer == self._me]",
        agreement,
    ),
    mutant(
        "amnesia after restart",
        f"{INSTANCE}.__init__",
        "self._restore(restored)",
        "pass",
        agreement,
    ),
    mutant(
        "amnesia of content after restart",
        "consensus.deliberation.scribe:Scribe.__init__",
        "{slot_of(item.message): item for item in kept}",
        "{}",
        deliberation(),
    ),
    mutant(
        "union turned into the proposer's choice",
        "consensus.deliberation.points:check_set",
        "if counted.get(signer) not in items:",
        "if False:",
        chosen_union,
        1,
    ),
    mutant(
        "precommits counted across views",
        f"{INSTANCE}._decide",
        "supporters = self._votes.supporters(view, Kind.PRECOMMIT, value)",
        "supporters = {signer: vote for at in self._votes.precommit_views() for signer, vote in "
        "self._votes.supporters(at, Kind.PRECOMMIT, value).items()}",
        scattered_precommits,
        1,
    ),
    mutant(
        "the highest view believed",
        f"{VOTES}.reached",
        "return views[witnesses - 1] if len(views) >= witnesses else 0",
        "return views[0] if views else 0",
        agreement,
    ),
    mutant(
        "a REPORT carried unresolved",
        "consensus.deliberation.round:RoundState.keep",
        "if message.kind is Kind.REPORT and self.waits(message):",
        "if False:",
        deliberation("odd_reports"),
    ),
    mutant(
        "a ballot hash without its member",
        "consensus.masking.commitments:seal",
        "ctx_bytes, member, ballot_bytes, salt",
        "ctx_bytes, ballot_bytes, salt",
        deliberation("echoed_ballot"),
    ),
    mutant(
        "a commit after the slate",
        f"{DESK}._due",
        "return stage not in task.round.values and task",
        "return task",
        deliberation(),
        seen=65,
    ),
    mutant(
        "openings before the freeze",
        f"{DESK}._seal",
        "task.submit(Stage.FREEZE, Kind.SEAL, body, length_prefixed(opening, held))",
        "task.submit(Stage.FREEZE, Kind.SEAL, body, length_prefixed(opening, held))\n"
        "    task.submit(Stage.OUTCOME, Kind.OPENING, task.reader.decode(Kind.OPENING, opening))",
        deliberation(),
    ),
    mutant(
        "an opening counted that nobody froze",
        "consensus.deliberation.opened:open_all",
        "if sealed is not None and opening.ballot is not None:",
        "if opening.ballot is not None:",
        deliberation(),
        seen=56,
    ),
    mutant(
        "mask not applied",
        "consensus.deliberation.outcome:_heard",
        "ballot=counted if masked else ballot",
        "ballot=ballot",
        deliberation("self_vote"),
    ),
    mutant(
        "ctx not bound",
        "consensus.envelope:preimage",
        "length_prefixed(DOMAIN, bytes([kind]), ctx, signer, payload)",
        "length_prefixed(DOMAIN, bytes([kind]), signer, payload)",
        deliberation("forges"),
    ),
    mutant(
        "a clock read inside a validity function",
        "consensus.deliberation.deciding:Deciding._check",
        "ctx = task.scribe.ctx(state.number, stage)",
        "ctx = task.scribe.ctx(state.number, stage)\n"
        "    if task.now > 3_000:\n"
        "        return Invalid(rule='R0', text='too late')",
        deliberation(),
    ),
    mutant(
        "own ledger read in the tally",
        f"{DESK}.facts",
        "lookup=state.lookup,",
        "lookup=lambda item: own_views(state.lookup(item), task.views),",
        deliberation(),
        names={"own_views": own_views},
    ),
    mutant(
        "the highest claim of spending believed",
        "consensus.deliberation.outcome:_claims",
        "sorted(body.tokens for body in bodies)[middle]",
        "max(body.tokens for body in bodies)",
        deliberation("odd_reports"),
        seen=2,
    ),
    mutant(
        "one claim that time is up believed",
        "consensus.deliberation.outcome:_claims",
        "sum(body.deadline for body in bodies) >= quorum.t",
        "any(body.deadline for body in bodies)",
        deliberation("odd_reports"),
        seen=10,
    ),
    mutant(
        "valid value dropped",
        f"{INSTANCE}._precommit",
        "self.valid = (self.view, value)",
        "pass",
        locked_member,
        1,
    ),
    mutant(
        "a lock stored without what it stands on",
        f"{INSTANCE}._precommit",
        "self._cast(Kind.PRECOMMIT, value, proof)",
        "self._cast(Kind.PRECOMMIT, value)",
        agreement,
        4_000,
        seen=1_293,
    ),
    mutant(
        "a view left and why forgotten",
        f"{INSTANCE}._sign_once",
        "(*self._left, *proof)",
        "proof",
        agreement,
        4_000,
        seen=2_324,
    ),
    mutant(
        "a proposal sent with its commit",
        f"{DESK}.drafted",
        "task.submit(Stage.SLATE, Kind.COMMIT, commit, message.envelope.payload)",
        "task.submit(Stage.SLATE, Kind.COMMIT, commit, message.envelope.payload)\n"
        "    task.exchange.enter(message, 1_000)",
        deliberation(),
        also=(
            Change(
                where="consensus.deliberation.exchange:Exchange.paths",
                old="return ()",
                new="return paths(self._task.committee, bytes(32))",
            ),
        ),
    ),
    mutant(
        "an entry that forwards without a slate",
        "consensus.deliberation.exchange:Exchange.advance",
        "authors = task.desk.authors(state)",
        "authors = frozenset(there)",
        deliberation("storms"),
        also=(
            Change(
                where="consensus.deliberation.exchange:Exchange.paths",
                old="return ()",
                new="return paths(self._task.committee, bytes(32))",
            ),
            Change(
                where="consensus.deliberation.task:Task._flush",
                old="if self.phase is Phase.EXCHANGE:",
                new="if self.rounds:",
            ),
        ),
    ),
    mutant(
        "own proposal listed before a BATCH brought it back",
        f"{DESK}._tabled",
        "return state.proposals(self._task.exchange.senders(state))",
        "own = self._own_proposal(state)\n"
        "    found = state.proposals(self._task.exchange.senders(state))\n"
        "    return found | ({own.id: own} if own else {})",
        deliberation(),
    ),
    mutant(
        "a REPORT stored without what it names",
        "consensus.deliberation.deciding:Deciding.report_held",
        "others = pack_all(one.envelope for one in held if one.signer != task.me)",
        'others = b""',
        lost_report,
        1,
    ),
    mutant(
        "own notes told before a slate brought them",
        f"{DESK}._remarks",
        "for note in _slate_notes(state)]",
        "for note in _slate_notes(state)] + list(task.notes.values())",
        deliberation(),
        seen=3,
    ),
    mutant(
        "a stranger's note taken",
        f"{NOTES}:note_problem",
        "if note.author not in named:",
        "if False:",
        deliberation("forged_notes"),
        seen=40,
    ),
    mutant(
        "a note taken with any signature",
        f"{NOTES}:note_problem",
        "if not verify(note.author, note.preimage(task), note.signature):",
        "if False:",
        deliberation("forged_notes"),
        seen=15,
    ),
    mutant(
        "all notes but the newest forgotten",
        "consensus.deliberation.task:Task.step",
        "self.notes[event.note.id(self.id)] = event.note",
        "self.notes = {event.note.id(self.id): event.note}",
        deliberation(),
        seen=15,
    ),
    mutant(
        "notes of the last slate told alone",
        f"{DESK}._remarks",
        "for state in rounds for note",
        "for state in rounds[-1:] for note",
        deliberation(),
        seen=12,
    ),
)


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.__qualname__.split(".")[0])
def test_gate_lets_the_real_code_through(gate: Callable[[int], object]) -> None:
    for number in range(8):
        gate(number)


@pytest.mark.parametrize("one", MUTANTS, ids=lambda one: one.name)
def test_mutant_dies(one: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    apply(one.changes, monkeypatch)
    found = killed(one, one.within)
    assert found is not None, f"{one.name} survives {one.within} schedules of {one.gate}"
