"""Plays a schedule of a round against three real tasks, as they are or with a fault in the code.

Nothing arrives that the schedule does not hand over, and no timer runs out by itself, until the
schedule is over and the rest is calm. What is promised is told from outside, from what members
signed and what was counted; as in the model the Byzantine member knows a text as soon as it has
left its author.

The code closes a stage with q messages, the model with any. Where a member of the model holds
less, the schedule's hands it more: what those write who have nothing to say, then what others
have written, then an abstention of the Byzantine member.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from consensus.agreement.instance import point_seed, proposer_order, value_id
from consensus.bodies import (
    Ballot,
    Bundle,
    Commit,
    Mark,
    Opening,
    Packet,
    Proposal,
    Propose,
    Report,
    Views,
    Vote,
)
from consensus.deliberation.effects import (
    Draft,
    Drafted,
    Expire,
    Judge,
    Judged,
)
from consensus.deliberation.phases import Phase
from consensus.deliberation.points import CONTENT, PointValue
from consensus.envelope import ZERO, Kind, MessageId, Stage, tagged_hash
from consensus.ports import Message
from node.sim.minds import opinionated
from tests.model.round_members import Members

STAGES = {"slate": Stage.SLATE, "freeze": Stage.FREEZE}
LATER = {Stage.SLATE: Phase.SLATE, Stage.FREEZE: Phase.FREEZE}
VIEWS = 8
"""Views within which the Byzantine member leads one, and a calm committee decides a point."""
SPOKEN = (0, 1, 2, "early one", "early two", "late")
"""Whose contents are the model's: what is beside them are abstentions."""
WAVES = 200
"""Waves of relay and expiry within which a calm committee ends its round."""
MIND = opinionated("abc")


class RoundReplay(Members):
    """Three honest members and a Byzantine one that does what the schedule has it do.

    Honest members are numbered in the order in which they would propose a slate; the Byzantine
    one is the first to.
    """

    def __init__(self) -> None:
        super().__init__()
        self.missed = 0
        """Steps of the schedule that the code did not take."""
        self._late: set[MessageId] = set()
        """What the Byzantine member wrote when it could have read the others' of that point."""
        self._ballots: dict[str, Ballot] = {}
        self._drafts: dict[str, Message] = {}
        self._mixed: set[tuple[Kind, int]] = set()

    # -- the schedule -----------------------------------------------------------------

    def play(self, steps: Iterable[list[Any]]) -> None:
        """Carry the steps out, up to a value that the members refuse."""
        steps = tuple(steps)
        speak = {kind: {s[1] for s in steps if s[0] == kind} for kind in ("commit", "seal")}
        for step in steps:
            match step:
                case ["commit", "byzantine", name]:
                    self._byzantine_commit(name)
                case ["seal", "byzantine", name]:
                    self._mix()
                    self._byzantine_seal(name)
                case ["commit", who]:
                    self._commit(who)
                case ["seal", who]:
                    self._mix()
                    self._seal(who)
                case ["close", who, name, held]:
                    stage = STAGES[name]
                    silent = speak["commit" if stage is Stage.SLATE else "seal"]
                    self._close(who, stage, held, silent)
                case ["leaves", _]:
                    self.missed += not self.read
                case ["opens", _]:
                    self.missed += not self.seen
                case ["decide", name, reports, named, counted]:
                    if not self._decide(STAGES[name], reports, named, counted):
                        self.missed += 1
                        return
                case _:
                    raise ValueError(f"not a step: {step}")

    @property
    def broken(self) -> set[str]:
        """The promises that are broken by what is decided so far."""
        found = set()
        for task in self.tasks:
            values = task.rounds[0].values
            for stage, word in ((Stage.SLATE, "read"), (Stage.FREEZE, "seen")):
                if stage in values:
                    counted = set(values[stage].ids)
                    if counted & self._late:
                        found.add(word)
                    named = Counter(
                        item
                        for report in self._reports[stage].values()
                        if isinstance(report.body, Report)
                        for item in report.body.ids
                    )
                    own = {m.id for (at, w), m in self._contents.items() if w in (0, 1, 2)}
                    least = self.table.committee.quorum.t
                    if {item for item, n in named.items() if n >= least and item in own} - counted:
                        found.add("left out")
            figures = values[Stage.OUTCOME].figures if Stage.OUTCOME in values else None
            if figures is not None:
                if any(MessageId(bytes.fromhex(one)) in self._late for one in figures["proposals"]):
                    found.add("read")
                if self._bad in figures["ballots"] and self._opened_late:
                    found.add("seen")
        return found

    @property
    def over(self) -> bool:
        """Whether every honest member has a verdict, and all have the same."""
        ends = [task.finished for task in self.tasks]
        return all(ends) and len({e.rounds[-1].points[-1].value for e in ends if e}) == 1

    # -- honest members ---------------------------------------------------------------

    def _commit(self, who: int) -> None:
        if Draft in self._asked[who]:
            del self._asked[who][Draft]
            self._step(who, Drafted(round=1, proposal=Proposal(answer="abc"[who]), failure=""))
        self.missed += (Stage.SLATE, who) not in self._contents

    def _seal(self, who: int) -> None:
        asked = self._asked[who].pop(Judge, None)
        if isinstance(asked, Judge):
            self._step(who, Judged(round=1, judgment=MIND.judge(asked.request), failure=""))
        self.missed += (Stage.FREEZE, who) not in self._contents

    def _close(self, who: int, stage: Stage, held: list[int | str], speak: set[Any]) -> None:
        """Hand over what the member holds when its stage closes, and let the deadline pass."""
        first = [name for name in held if name != who]
        for name in first:
            self._receive(who, self._contents[stage, name])
        for other in (who, *(at for at in range(3) if at != who and at not in speak)):
            if (stage, other) not in self._contents:
                self._expire(other, stage, "abstain")
            if other != who and (stage, other) in self._contents:
                self._receive(who, self._contents[stage, other])
        more: list[int | str] = [at for at in range(3) if at != who and at not in first]
        for name in (*more, "nothing"):
            if len(self.tasks[who].round.content(CONTENT[stage], stage)) >= 3:
                break
            if name == "nothing" and (stage, name) not in self._contents:
                self._contents[stage, name] = self._abstention(stage)
            if (stage, name) in self._contents:
                self._receive(who, self._contents[stage, name])
        self._expire(who, stage, "close")
        self.missed += self.tasks[who].phase < LATER[stage]

    # -- the Byzantine member ---------------------------------------------------------

    def _byzantine_commit(self, name: str) -> None:
        answer = {"early one": "a", "early two": "b", "late": "c"}[name]
        draft = self._scribe.proposal(1, Proposal(answer=answer, rationale=name))
        self._drafts[name] = draft
        body = self._scribe.commit(1, draft, Views())
        message = self._scribe.sign(1, Stage.SLATE, Kind.COMMIT, body)
        self._wrote(name, message, late=self.read)
        if self.read:
            self._late.add(draft.id)

    def _byzantine_seal(self, name: str) -> None:
        held = tuple(sorted(self.tasks[0].round.proposals(self._senders())))
        worth = {"early one": 1, "early two": 2, "late": 3}[name]
        marks = tuple(Mark(candidate=at, endorsement=worth) for at in range(len(held)))
        self._ballots[name] = Ballot(held=held, marks=marks)
        body, _ = self._scribe.seal(1, self._claimed(), self._ballots[name])
        message = self._scribe.sign(1, Stage.FREEZE, Kind.SEAL, body)
        self._wrote(name, message, late=self.seen)

    def _wrote(self, name: str, message: Message, *, late: bool) -> None:
        self._contents[message.ctx.stage, name] = message
        if late:
            self._late.add(message.id)

    def _abstention(self, stage: Stage) -> Message:
        if stage is Stage.SLATE:
            body = Commit(commitment=bytes(32), abstain="nothing")
            return self._scribe.sign(1, stage, Kind.COMMIT, body)
        seal, _ = self._scribe.seal(1, None, Ballot(held=(), abstain="nothing"))
        return self._scribe.sign(1, stage, Kind.SEAL, seal)

    def _counted(self, stage: Stage) -> str | None:
        """Which of its contents a decided point counts."""
        values = self.tasks[0].round.values
        ids = values[stage].ids if stage in values else ()
        names = [n for (at, n), m in self._contents.items() if at is stage and m.id in ids]
        return next((name for name in names if isinstance(name, str)), None)

    def _claimed(self) -> Message | None:
        """The proposal that it claims: what the slate has of it, or else what came too late."""
        return self._drafts.get(self._counted(Stage.SLATE) or "late")

    @property
    def _opened_late(self) -> bool:
        name = self._counted(Stage.FREEZE) or "late"
        found = self._contents.get((Stage.FREEZE, name))
        return found is not None and found.id in self._late

    def _open(self) -> None:
        draft = self._claimed()
        ballot = self._ballots.get(self._counted(Stage.FREEZE) or "late")
        if draft is None and ballot is None:
            return
        body: Any = self._scribe.unsealed(1, draft)
        if ballot is not None:
            sealed = self._scribe.seal(1, draft, ballot)[1]
            body = self.table.ring.reader().decode(Kind.OPENING, sealed)
        assert isinstance(body, Opening)
        self._tell(self._scribe.sign(1, Stage.OUTCOME, Kind.OPENING, body))

    def _senders(self) -> frozenset[bytes]:
        return self.tasks[0].exchange.senders(self.tasks[0].round)

    # -- the mix ----------------------------------------------------------------------

    def _mix(self) -> None:
        """R3: everybody does its part, the Byzantine member with a proposal of its own among
        what it passes on."""
        task, ring = self.tasks[0], self.table.ring
        me = self._scribe.public
        ways = task.exchange.paths(task.round)
        own = self._claimed()
        mine = ring.wrap(own.envelope, ways, tagged_hash("mix")) if own is not None else ()
        for view, path in enumerate(ways):
            if mine and path.entry != me:
                packet = Packet(path=view, box=mine[view])
                self._pass(path.entry, Kind.PACKET, packet, view)
        self._hand_over()
        for view, path in enumerate(ways):
            if path.entry == me:
                boxes = [m.body.box for m in self._got(Kind.PACKET, view)]  # type: ignore[union-attr]
                inner = ring.peel(me, [*boxes, *mine[view : view + 1]])
                self._pass(path.exit, Kind.BUNDLE, Bundle(boxes=tuple(sorted(inner))), view)
            else:
                self._expire_at(path.entry, Stage.EXCHANGE, "entry")
        self._hand_over()
        for view, path in enumerate(ways):
            if path.exit == me and (Kind.BATCH, view) not in self._mixed:
                self._mixed.add((Kind.BATCH, view))
                given = [m.body.boxes for m in self._got(Kind.BUNDLE, 0)]  # type: ignore[union-attr]
                found = {e.id: e for boxes in given for e in ring.unwrap(me, boxes)}
                if own is not None:
                    found[own.id] = own.envelope
                self._tell(self._batch([found[item] for item in sorted(found)]))
            elif path.exit != me:
                self._expire_at(path.exit, Stage.EXCHANGE, "exit")
        for message in tuple(self._said):
            if message.kind is Kind.BATCH:
                self._tell(message)
        for who in range(3):
            self._expire(who, Stage.EXCHANGE, "close")

    def _batch(self, entries: list[Any]) -> Message:
        ctx = self._scribe.ctx(1, Stage.EXCHANGE)
        decode = self.table.ring.reader().decode
        parts = tuple(
            Message(
                envelope=one, kind=Kind.PROPOSAL, ctx=ctx, body=decode(Kind.PROPOSAL, one.payload)
            )
            for one in entries
        )
        return self.table.batch(self._bad, *parts)

    def _pass(self, to: bytes, kind: Kind, body: Packet | Bundle, view: int) -> None:
        if (kind, view) not in self._mixed:
            self._mixed.add((kind, view))
            self._private.append((to, self.table.passing(self._bad, body)))

    def _got(self, kind: Kind, view: int) -> list[Message]:
        """What honest members handed the Byzantine one, of a kind and path."""
        me = self._scribe.public
        return [
            message
            for to, message in self._private
            if to == me and message.kind is kind and getattr(message.body, "path", 0) == view
        ]

    def _hand_over(self) -> None:
        for to, message in tuple(self._private):
            for who, task in enumerate(self.tasks):
                if task.me == to:
                    self._receive(who, message)

    # -- agreement --------------------------------------------------------------------

    def _decide(
        self, stage: Stage, carriers: list[int], named: list[Any] | None, counted: list[Any]
    ) -> bool:
        """Have the Byzantine member put the value forward in the first view that it leads."""
        if stage is Stage.FREEZE:
            self._mix()
        reports = [self._reports[stage][who] for who in carriers if who in self._reports[stage]]
        if len(reports) < len(carriers):
            return False
        if named is not None:
            ids = tuple(sorted(self._contents[stage, name].id for name in named))
            reports.append(self._scribe.sign(1, stage, Kind.REPORT, Report(ids=ids)))
        value = self._value(stage, reports, counted)
        for item in value.named():
            self._tell(self._find(stage, item, reports))
        for report in reports:
            assert isinstance(report.body, Report)
            for item in report.body.ids:
                self._tell(self._find(stage, item, reports))
        for who in range(3):
            voting = [task for task in self.tasks if task.phase >= LATER[stage]]
            if len(voting) < 2:
                self._expire(who, stage, "close")
        return self._vote(stage, value.encode())

    def _value(self, stage: Stage, reports: list[Message], counted: list[Any]) -> PointValue:
        """The value: what its REPORTs name, but for contents that the model does not count."""
        ids = {self._contents[stage, name].id for name in counted}
        spoken = {m.id for (at, n), m in self._contents.items() if at is stage and n in SPOKEN}
        mute = {m.id for (at, n), m in self._contents.items() if at is stage} - spoken
        plain = {
            m.id for m in self._said if isinstance(m.body, Commit) and m.body.abstain
        } | mute  # abstentions, which the model does not have
        for report in reports:
            assert isinstance(report.body, Report)
            ids |= {item for item in report.body.ids if item in plain}
        both = sorted(
            self._contents[stage, name].id
            for name in ("early one", "early two", "late")
            if (stage, name) in self._contents
        )
        void = len(both) > 1 and not set(both) & ids
        return PointValue(
            stage=stage,
            round=1,
            ids=tuple(sorted(ids)),
            reports=tuple(sorted(report.id for report in reports)),
            evidence=((both[0], both[1]),) if void else (),
        )

    def _find(self, stage: Stage, item: MessageId, reports: list[Message]) -> Message:
        known = [*reports, *(m for (at, _), m in self._contents.items() if at is stage)]
        return next(message for message in known if message.id == item)

    def _vote(self, stage: Stage, value: bytes) -> bool:
        """Views go by without a proposal until the Byzantine member leads; is its value decided?"""
        previous = ZERO
        if stage is Stage.FREEZE:
            previous = value_id(self.tasks[0].round.points[Stage.SLATE].value)
        seed = point_seed(self.table.opened.id, 1, stage, previous)
        order = proposer_order(self.table.committee, seed)
        for view in range(VIEWS):
            leads = order[view % 4] == self._scribe.public
            name = value_id(value) if leads else ZERO
            if leads:
                body = Propose(view=view, valid_view=-1, value=value)
                self._tell(self._scribe.sign(1, stage, Kind.PROPOSE, body))
            self._expire_all(stage, "propose", view)
            for kind, timer in ((Kind.PREVOTE, "prevote"), (Kind.PRECOMMIT, "precommit")):
                vote = Vote(view=view, value=name)
                self._tell(self._scribe.sign(1, stage, kind, vote))
                for message in tuple(self._said):
                    body_ = message.body
                    if message.ctx.stage is stage and message.kind is kind:
                        if isinstance(body_, Vote) and body_.view == view:
                            self._tell(message)
                if not all(stage in task.round.values for task in self.tasks):
                    self._expire_all(stage, timer, view)
            if leads:
                return all(stage in task.round.values for task in self.tasks)
        return False

    # -- the calm after it ------------------------------------------------------------

    def calm(self) -> None:
        """All that is held is relayed, models answer, timers run out when nothing else is left to
        happen, and the Byzantine member, silent otherwise, opens what it has."""
        opened = False
        for _ in range(WAVES):
            before = len(self._said)
            for who in range(3):
                for kind, act in ((Draft, self._commit), (Judge, self._seal)):
                    if kind in self._asked[who]:
                        act(who)
            for message in (*self._said, *self._contents.values()):
                self._tell(message)
            for reports in self._reports.values():
                for message in reports.values():
                    self._tell(message)
            self._hand_over()
            if all(task.phase is Phase.EXCHANGE for task in self.tasks):
                self._mix()
            if not opened and all(task.phase >= Phase.REVEAL for task in self.tasks):
                opened = True
                self._open()
            if self.over:
                return
            if len(self._said) == before:
                for who, timers in enumerate(self._timers):
                    for key in tuple(timers):
                        del timers[key]
                        self._step(who, Expire(key=key))
