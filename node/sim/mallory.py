"""A Byzantine member: the real `Task` with its own keys, and habits drawn from a seed.

Mallory signs only with keys it was given, and what it sends is well-formed, as the gate
demands; everything else it may do, differently to each of the others.
"""

import random
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from consensus.bodies import (
    Batch,
    Bundle,
    Commit,
    Opening,
    Packet,
    Propose,
    Report,
    Seal,
    Vote,
)
from consensus.deliberation.task import Task
from consensus.envelope import POINTS, VOTES, ZERO, Kind, MessageId, Stage
from consensus.ports import Message

from . import forgery
from .bent import BentDesk, Credulous
from .member import Mind, SimNode
from .people import FORGED_NOTES
from .shaper import Shaper

if TYPE_CHECKING:
    from .swarm import Swarm

HABITS = (
    "two_answers",  # accepts before some, refuses before others
    "two_commits",
    "two_batches",
    "two_seals",
    "two_openings",
    "two_reports",
    "two_votes",
    "two_values",
    "odd_reports",  # the same to all, but leaves ids out or adds what does not belong
    "odd_values",  # proposes what cannot be valid
    "no_values",  # proposes nothing
    "withholds",  # some members get nothing of some kinds
    "late",
    "replays",
    "echoes",  # votes whatever an honest member votes, to some alone
    "storms",  # votes of its own for anything, in any view and round
    "silent",  # from a random moment on
    "deaf",  # answers no digest and no want
    "unopened",
    "mismatch",  # opens what it did not commit to
    "self_vote",
    "overspent",  # votes for more than the policy's credits buy
    "odd_ballot",  # lists proposals that it does not hold, or none
    "no_answer",  # its proposals answer nothing
    "stolen_alias",  # commits to and opens what another committed to and opened
    "echoed_ballot",  # seals and opens what another sealed and opened
    "odd_views",  # its commit says anything of the members
    "odd_packets",  # as an author: rubbish in the mix, to some entries or all
    "odd_bundles",  # as an entry: boxes left out, doubled, made up, or none at all
    "odd_batches",  # as an exit: proposals left out, or made up
    "forges",  # envelopes of others with one thing changed
    "restless",  # every habit, now and then
)
"""What a Byzantine member may do."""

VARIANT_OF = {
    Kind.ACCEPTANCE: "two_answers",
    Kind.COMMIT: "two_commits",
    Kind.BATCH: "two_batches",
    Kind.SEAL: "two_seals",
    Kind.OPENING: "two_openings",
    Kind.REPORT: "two_reports",
    Kind.PREVOTE: "two_votes",
    Kind.PRECOMMIT: "two_votes",
    Kind.PROPOSE: "two_values",
}
MOST_TRICKS = 80
"""Unasked messages of one storm or replay: enough to disturb, few enough to stay fast."""
COPIES = {"stolen_alias": (Kind.COMMIT, Kind.OPENING), "echoed_ballot": (Kind.SEAL, Kind.OPENING)}
"""What is copied from others, and so sent late: never before there is something to copy."""
COPY_MS = 250
"""How often a copycat looks for something to copy."""


class Mallory(Shaper):
    """One Byzantine member."""

    def __init__(
        self,
        swarm: "Swarm",
        position: int,
        mind: Mind,
        *,
        habits: frozenset[str],
        rng: random.Random,
    ) -> None:
        super().__init__(swarm, position, mind, habits=habits, rng=rng)
        self._shift = rng.randrange(6)
        self._sent = 0
        self._silent_from = rng.choice((0, 1, 5, 15, 30, 60)) if "silent" in habits else 10**9
        self._starved = frozenset(
            rng.sample(range(len(swarm.names)), k=rng.randint(1, len(swarm.names) - 1))
        )
        self._kinds = frozenset(rng.sample(list(VARIANT_OF), k=rng.randint(1, len(VARIANT_OF))))
        self._tricks = 0
        self._victim = b""

    def make_task(self) -> Task:
        """The real task with a bent desk."""
        task = super().make_task()
        task.desk = BentDesk(task, self.rng, self.feels)
        task.deciding = Credulous(task)
        return task

    def boot(self) -> None:
        """Start, and from then on play tricks."""
        super().boot()
        if self.habits & {"storms", "replays", "forges", "restless"}:
            self._later(self.rng.randint(1, 300), self._trick)

    def receive(self, message: Message, source: SimNode) -> None:
        """Read like everybody else, and remember."""
        self._remember(self._seen, message)
        super().receive(message, source)
        if message.kind in VOTES and self.running is not None and self.feels("echoes"):
            self._echo(message)

    # -- sending ----------------------------------------------------------------------

    def send(self, message: Message) -> None:
        """Send an own message, or what it is made into for each member."""
        if message.kind is Kind.PROPOSE and self.feels("no_values"):
            return
        for habit, kinds in COPIES.items():
            if message.kind in kinds and self.feels(habit):
                self._copy(message, habit, tries=20)
                return
        self._spread(message)

    def _spread(self, message: Message) -> None:
        forms = [message]
        if self.feels(VARIANT_OF[message.kind]):
            forms = self.variants(message)
        # Asked in this order, so that whims elsewhere stay what they are.
        forging = FORGED_NOTES in self.habits and isinstance(message.body, Commit)
        if forging and self.feels(FORGED_NOTES):
            forms = [*forms[1:], self.odd_notes(message)]
        if message.kind is Kind.REPORT and self.feels("odd_reports"):
            forms = [self.odd_report(message)]
        if message.kind is Kind.PROPOSE and self.feels("odd_values"):
            forms = [self.odd_propose(message)]
        if message.kind is Kind.OPENING and self.feels("mismatch"):
            forms = [self.odd_opening(message)]
        if message.kind is Kind.BATCH and self.feels("odd_batches"):
            forms = [self.odd_batch(message)]
        for made in forms:
            self._remember(self._made, made)
        for goal in self.others():
            hungry = goal.position in self._starved and message.kind in self._kinds
            if not (hungry and self.feels("withholds")):
                self.deliver(goal, forms[(goal.position + self._shift) % len(forms)])

    def deliver(self, goal: SimNode, message: Message) -> None:
        """Send one message, perhaps late, perhaps never again."""
        self._sent += 1
        if self._sent > self._silent_from:
            return
        own = message.signer == self.member
        if own and isinstance(message.body, Packet | Bundle):
            passed = self.odd_passing(message)
            if passed is None:
                return
            message = passed
        if own and message.kind is Kind.OPENING and self.feels("unopened"):
            return
        if own:
            self.swarm.sent(self, goal, message)
        if self.feels("late"):
            wait = self.rng.choice((0, 50, 700, 3_000))
            self._later(wait, lambda: super(Mallory, self).deliver(goal, message))
        else:
            super().deliver(goal, message)

    def digest_to(self, goal: SimNode) -> None:
        """Say what is held, unless silent."""
        if self._sent <= self._silent_from:
            super().digest_to(goal)

    def digested(self, origin: SimNode, round_: int, prefixes: frozenset[bytes]) -> None:
        """Push what another lacks, if it likes."""
        if not self.feels("deaf"):
            super().digested(origin, round_, prefixes)

    def asked(self, origin: SimNode, ids: tuple[MessageId, ...]) -> None:  # type: ignore[override]
        """Answer a Want, if it likes."""
        if not self.feels("deaf"):
            super().asked(origin, ids)

    def _copy(self, message: Message, habit: str, tries: int) -> None:
        """Send, in place of `message`, what somebody honest sent: as soon as there is something.

        What is copied comes of one member alone, the first of whom something was seen.
        """
        task, body = self.running, message.body
        if task is None:
            return
        seen = [
            one
            for one in self._seen
            if one.kind is message.kind
            and one.ctx == message.ctx
            and self._honest(one.signer)
            and self._victim in (b"", one.signer)
        ]
        if not seen:
            if tries > 0:
                self._later(COPY_MS, lambda: self._copy(message, habit, tries - 1))
            return
        self._victim = seen[0].signer
        found = seen[0].body
        if isinstance(body, Opening) and isinstance(found, Opening):
            source, rest = (found, body) if habit == "stolen_alias" else (body, found)
            found = replace(
                rest,
                alias=source.alias,
                alias_signature=source.alias_signature,
                proposal=source.proposal,
                nonce=source.nonce,
            )
        self._spread(self.sign(message, found))

    # -- unasked ----------------------------------------------------------------------

    def _trick(self) -> None:
        """Something unasked, to somebody, at some time; then again."""
        if self.running is None or self._tricks >= MOST_TRICKS:
            return
        self._tricks += 1
        tricks: list[Callable[[], Message | None]] = []
        if self.habits & {"replays", "restless"}:
            tricks.append(self._old)
        if self.habits & {"forges", "restless"}:
            tricks += [self._forged] * 3
        if self.habits & {"storms", "restless"}:
            tricks += [self._vote, self._vote, self._propose, self._early]
        made = self.rng.choice(tricks)()
        if made is not None and self.swarm.choices.take(f"trick of {self.position},"):
            if made.signer == self.member:
                self._remember(self._made, made)
            goals = self.rng.sample(self.others(), k=self.rng.randint(1, len(self.others())))
            for goal in goals:
                self.deliver(goal, made)
        self._later(self.rng.randint(1, 400), self._trick)

    def _echo(self, message: Message) -> None:
        """Say to some what an honest member said: its side gains a voice, there alone."""
        body, task = message.body, self.task
        assert isinstance(body, Vote) and task is not None
        if self._honest(message.signer) and body.value != ZERO and self._tricks < MOST_TRICKS:
            self._tricks += 1
            if not self.swarm.choices.take(f"echo of {self.position},"):
                return
            made = task.scribe.sign(message.ctx.round, message.ctx.stage, message.kind, body)
            for goal in self.rng.sample(self.others(), k=self.rng.randint(1, 2)):
                self.deliver(goal, made)

    def _forged(self) -> Message | None:
        """An envelope of somebody's with one thing changed, which no gate lets pass."""
        old = self._old()
        return None if old is None else forgery.changed(old, self.member, self.rng)

    def _honest(self, signer: bytes) -> bool:
        return any(node.member == signer and node.honest for node in self.swarm.nodes)

    def _old(self) -> Message | None:
        old = self._seen + self._made
        return self.rng.choice(old) if old else None

    def _where(self) -> tuple[Task, int, Stage] | None:
        task = self.running
        if task is None or not task.rounds:
            return None
        return task, task.round.number, self.rng.choice(POINTS)

    def _vote(self) -> Message | None:
        where = self._where()
        if where is None:
            return None
        task, number, stage = where
        here = task.round.instances[stage].view
        view = self.rng.choice((here, here, max(0, here - 1), here + 1, here + 8, here + 9, 10**6))
        vote = Vote(view=view, value=self.any_value())
        return task.scribe.sign(number, stage, self.rng.choice(VOTES), vote)

    def _propose(self) -> Message | None:
        where = self._where()
        if where is None:
            return None
        task, number, stage = where
        here = task.round.instances[stage].view
        view = self.rng.choice((here, here + 1, here + 2, here + 5))
        values = [item.body.value for item in self._seen if isinstance(item.body, Propose)]
        value = self.rng.choice([*values[-9:], b"nothing"])
        body = Propose(view=view, valid_view=self.rng.randint(-1, view - 1), value=value)
        return task.scribe.sign(number, stage, Kind.PROPOSE, body)

    def _early(self) -> Message | None:
        """A message of the next round, or one of this round that is not due yet."""
        where = self._where()
        if where is None:
            return None
        task, number, _ = where
        number += number < task.policy.rounds and self.rng.random() < 0.5
        kind, stage, body = self.rng.choice(
            (
                (Kind.COMMIT, Stage.SLATE, Commit(commitment=self.rng.randbytes(32))),
                (Kind.SEAL, Stage.FREEZE, Seal(hash=self.rng.randbytes(32))),
                (Kind.OPENING, Stage.OUTCOME, Opening()),
                (Kind.BATCH, Stage.EXCHANGE, Batch(entries=())),
                (Kind.BUNDLE, Stage.EXCHANGE, Bundle(boxes=())),
                (Kind.REPORT, Stage.OUTCOME, Report(ids=())),
                (Kind.PRECOMMIT, Stage.OUTCOME, Vote(view=0, value=self.any_value())),
            )
        )
        return task.scribe.sign(number, stage, kind, body)


def shared(nodes: list[Mallory]) -> None:
    """Let these members use one alias: what each draws from its secret is the same."""
    for one, other in pairwise(nodes):
        other.disk.secret = one.disk.secret
