"""A schedule being played, every promise checked as it goes.

One that fails is played again by `python -m node.sim --seed N --members M`, which prints what
happened; with `--shrink` only the faults that it takes.
"""

import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from consensus.agreement.effects import Convict, Persist
from consensus.agreement.instance import value_id
from consensus.bodies import AnswerKind, AnswerSpec, Note, Speaker, Views, Vote
from consensus.deliberation.effects import Finish, Links, Progress
from consensus.deliberation.points import POINT_NAME
from consensus.deliberation.requests import DraftRequest, JudgeRequest
from consensus.envelope import Kind
from consensus.policy import EXPERTS
from consensus.ports import Message
from consensus.verdict import Bundle, evidence_problem, verify

from . import people, transcript
from .choices import Choices
from .hearing import Hearing
from .mallory import Mallory, shared
from .member import LivenessError, Mind, SafetyError, SimNode
from .minds import drawn, hanging, phrased, spending
from .promises import Promises
from .schedule import TWINS, Crash, Flap, Jump, Schedule
from .swarm import Swarm
from .twins import Twins

OPTIONS = ("a", "b", "c")
PATIENCE_MS = 600_000
"""Virtual time after the weather has calmed in which everybody must have decided."""


class Trial(Swarm):
    """One schedule. `only` names the faults that may happen: by default all that it draws."""

    def __init__(
        self,
        schedule: Schedule,
        *,
        write: Callable[[str], None] | None = None,
        only: frozenset[str] | None = None,
    ) -> None:
        self.schedule = schedule
        self._write = write
        self._writes = [0] * schedule.members
        self._pending = list(schedule.crashes)
        rng = random.Random(f"minds {schedule.seed}")
        spec, minds = _minds(schedule, rng)
        taken = schedule.tokens or (0,) * len(minds)
        minds = [spending(mind, tokens) for mind, tokens in zip(minds, taken, strict=True)]
        choices = Choices(only)
        for at in schedule.hangs:
            if choices.take(f"hanging model of {at},"):
                minds[at] = hanging(minds[at])
        weather = schedule.weather
        barriers = tuple(one for one in weather.barriers if choices.take("barrier"))
        split = weather.split if choices.take("split") else frozenset()
        self.promises = Promises(self)
        self.hearing = Hearing(self)
        super().__init__(
            minds=tuple(minds),
            answer=spec,
            seed=schedule.seed,
            policy=schedule.policy,
            budget=schedule.budget,
            weather=replace(weather, barriers=barriers, split=split),
            choices=choices,
            gated=True,
        )
        for at, (authors, judges) in enumerate(schedule.views):
            rules = (authors * len(EXPERTS))[: len(EXPERTS)]
            arms = schedule.arms[at] if schedule.arms else ()
            views = Views(authors=authors, judges=judges, rules=rules, arms=arms)
            self.nodes[at].views = views
        self._settled = 0
        self._honest = len(self.honest())
        bad = [node for node in self.nodes if isinstance(node, Mallory)]
        self.names = transcript.names([not node.honest for node in self.nodes])
        if schedule.one_alias:
            shared(bad)
        for crash in schedule.crashes:
            if crash.persist is None:
                node = self.nodes[crash.position]
                self.clock.after(crash.at_ms, partial(self._fall, node, crash))
        for flap in schedule.flaps:
            if choices.take("flap"):
                self.clock.after(flap.at_ms, partial(self._flap, flap))
        for jump in schedule.jumps:
            if choices.take("jump"):
                self.clock.after(jump.at_ms, partial(self._jump, jump))
        for said in schedule.said:
            for handed in said.handed:
                if choices.take(f"note to {handed.position},"):
                    self.clock.after(handed.at_ms, partial(self._hand, said, handed))

    def make_node(self, position: int, mind: Mind) -> SimNode:
        """An honest member, or mallory."""
        habits = dict(self.schedule.mallories).get(position)
        if habits is None:
            return super().make_node(position, mind)
        rng = random.Random(f"mallory {self.schedule.seed} {position}")
        if TWINS in habits:
            other = drawn(rng, AnswerSpec(kind=AnswerKind.CHOICE, options=OPTIONS))
            return Twins(self, position, (mind, other), rng)
        return Mallory(self, position, mind, habits=habits, rng=rng)

    def speakers(self) -> tuple[Speaker, ...]:
        """Whom the schedule has speak."""
        return tuple(people.speaker(self.ring, name) for name in self.schedule.speakers)

    def settled(self) -> bool:
        """Whether every honest member is up and has its verdict."""
        return self._settled == self._honest and all(node.up for node in self.honest())

    def play(self) -> bytes:
        """Run to the end and check everything. Returns the verdict's id.

        Raises `SafetyError` or `LivenessError`; any other exception is a crash of a member.
        """
        if not self.run(limit=self.schedule.weather.calm_at + PATIENCE_MS):
            undecided = [node.name for node in self.honest() if node.finish is None]
            raise LivenessError(f"undecided after all that time: {', '.join(undecided)}")
        self.promises.end()
        finishes = [node.finish for node in self.honest() if node.finish is not None]
        bundle = Bundle.of(finishes[self.schedule.seed % len(finishes)])
        checked = verify(Bundle.decode(bundle.encode()), self.ring.reader(), None)
        self.hearing.end(checked.notes)
        verdict = checked.id
        for finish in finishes:  # they differ in nothing but whose precommits they carry
            self._certified(finish)
            if Bundle.of(finish).id != verdict:
                raise SafetyError("two verdicts of one task")
        return verdict

    def _certified(self, finish: Finish) -> None:
        """E1: each value has q precommits of one view by distinct members."""
        for record in finish.rounds:
            for point in record.points:
                votes = [one.body for one in point.precommits if isinstance(one.body, Vote)]
                signers = {one.signer for one in point.precommits}
                same = {(vote.view, vote.value) for vote in votes}
                kinds = {one.kind for one in point.precommits}
                whole = len(signers) == len(votes) == self.committee.quorum.q
                if not whole or len(same) != 1 or kinds != {Kind.PRECOMMIT}:
                    raise SafetyError("a verdict's certificate is not q precommits of one view")
                if {vote.value for vote in votes} != {value_id(point.value)}:
                    raise SafetyError("a verdict's certificate is of another value")

    # -- hooks ------------------------------------------------------------------------

    def tears(self, node: SimNode, writes: tuple[Persist | Finish, ...]) -> bool:
        """Crash in the middle of a commit, where the schedule says so."""
        if not node.honest:
            return False
        done = self._writes[node.position]
        for crash in self._pending:
            due = crash.persist is not None and done < crash.persist <= done + len(writes)
            if crash.torn and crash.position == node.position and due:
                return self._fall(node, crash)
        return False

    def persisted(self, node: SimNode, effect: Persist) -> None:
        """Crash between a write and what follows it, where the schedule says so."""
        if self._write is not None:
            self.say(node, transcript.persisted(effect, self))
        if not node.honest:
            return
        self.promises.wrote(node, effect)
        self.hearing.wrote(node, effect)
        self._writes[node.position] += 1
        for crash in self._pending:
            if crash.position == node.position and crash.persist == self._writes[node.position]:
                self._fall(node, crash)
                return

    def finished(self, node: SimNode) -> None:
        """Count it."""
        self._settled += node.honest
        if node.honest and node.task is not None:
            for state in node.task.rounds:
                self.promises.settled(node, state.number)
            self.hearing.settled(node)
        self.say(node, "has its verdict")

    def progressed(self, node: SimNode, effect: Progress) -> None:
        """Compare decisions."""
        if self._write is not None and (line := transcript.progress(effect)):
            self.say(node, line)
        super().progressed(node, effect)
        if not node.honest:
            return
        if effect.what == "decided":
            point = effect.detail["point"]
            stage = next(stage for stage, name in POINT_NAME.items() if name == point)
            self.promises.decided(node, effect.round, stage)

    def convicted(self, node: SimNode, effect: Convict) -> None:
        """Evidence is about Byzantine members only, and verifies by itself."""
        super().convicted(node, effect)
        if self._write is not None:
            self.say(node, f"convicts {transcript.message(effect.second, self)}")
        problem = evidence_problem(
            effect.first.envelope, effect.second.envelope, self.ring.reader()
        )
        if problem is not None:
            raise SafetyError(f"{node.name} holds evidence that proves nothing: {problem}")

    def asked(self, node: SimNode, request: DraftRequest | JudgeRequest) -> None:
        """Compare what models are told of people's notes."""
        if node.honest:
            self.hearing.asked(node, request)

    def forged_notes(self, held: tuple[Note, ...], rng: random.Random) -> tuple[Note, ...]:
        """None of them, or one beside them that no speaker signed."""
        return people.forged(self.ring, self.schedule.speakers, self.opened.id, held, rng)

    def tell(self, node: SimNode, what: str) -> None:
        """Write it down."""
        self.say(node, what)

    def sent(self, node: SimNode, goal: SimNode, message: Message) -> None:
        """Write down what mallory says to whom."""
        if self._write is not None:
            self.say(node, f"-> {goal.name}: {transcript.message(message, self)}")

    def say(self, node: SimNode, line: str) -> None:
        """Add a line to the transcript, if one is kept."""
        if self._write is not None:
            self._write(f"{self.clock.now:>7} ms  {node.name:<8} {line}")

    def _flap(self, flap: Flap) -> None:
        """Mislead a member for two seconds about who can be reached."""
        members = self.committee.members
        up = frozenset(members[at] for at in flap.up if at != flap.position)
        self.nodes[flap.position].step(Links(up=up, rtt_ms=flap.rtt_ms))
        self.clock.after(2_000, self.links_changed)

    def _jump(self, jump: Jump) -> None:
        """Set a member's wall clock."""
        node = self.nodes[jump.position]
        node.wall_offset_ms += jump.by_ms
        self.say(node, f"has its wall clock set by {jump.by_ms} ms")

    def _hand(self, said: people.Said, handed: people.Handed) -> None:
        """A person hands a member a note; one that is down or has its verdict takes none."""
        node, name = self.nodes[handed.position], self.schedule.speakers[said.by]
        note = people.signed(self.ring, name, self.opened.id, said, handed.face)
        self.hearing.says(note)
        if node.running is not None:
            self.say(node, f"is handed note {note.number} of {name}: {note.text[:24]}")
            node.noted(note)

    def _fall(self, node: SimNode, crash: Crash) -> bool:
        """Have `node` crash, if it is up and this crash has not been; whether it does."""
        if crash not in self._pending or not node.up:
            return False
        self._pending.remove(crash)
        if not self.choices.take(f"crash of {crash.position},"):
            return False
        node.crash()
        self.clock.after(crash.away_ms, node.boot)
        return True


def _minds(schedule: Schedule, rng: random.Random) -> tuple[AnswerSpec, list[Mind]]:
    """What is asked, and the models; of free texts a Byzantine member's misjudges sameness."""
    if not schedule.free:
        spec = AnswerSpec(kind=AnswerKind.CHOICE, options=OPTIONS)
        return spec, [drawn(rng, spec) for _ in range(schedule.members)]
    bad = {at for at, _ in schedule.mallories}
    minds = [phrased(rng, OPTIONS, f"number {at}", odd=at in bad) for at in range(schedule.members)]
    return AnswerSpec(kind=AnswerKind.TEXT), minds
