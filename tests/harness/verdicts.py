"""Finished verdicts, and a whole committee that colludes in forging them."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from consensus import canonical
from consensus.agreement.instance import value_id
from consensus.bodies import Body, Propose, Vote
from consensus.deliberation.scribe import Scribe
from consensus.envelope import POINTS, Ctx, Envelope, Kind, Stage
from consensus.verdict import Bundle, Checked, PointBundle, RoundBundle, verify
from tests.harness.swarms import QUICK, SmallSwarm


class Verdict:
    """A verdict with the keys of everybody who signed in it."""

    def __init__(self, swarm: SmallSwarm) -> None:
        assert swarm.run(limit=200_000)
        finish = swarm.nodes[0].finish
        assert finish is not None
        self.swarm = swarm
        self.committee = swarm.committee
        self.bundle = Bundle.of(finish)
        self.reader = swarm.ring.reader()

    def verify(self, bundle: Bundle | None = None) -> Checked:
        """Verify `bundle`, or the verdict as it is, through its file."""
        data = (bundle or self.bundle).encode()
        return verify(Bundle.decode(data), self.reader, None)

    def sign(self, who: int, round_: int, stage: Stage, kind: Kind, body: Body) -> Envelope:
        """A member signs anything."""
        base = Ctx(
            network=self.committee.network,
            committee=self.committee.hash,
            task=self.bundle.task,
            round=round_,
            stage=stage,
        )
        writer = self.swarm.ring.writer(self.committee.members[who])
        return (
            Scribe(writer=writer, base=base, secret=bytes(32))
            .sign(round_, stage, kind, body)
            .envelope
        )

    def point(
        self, value: bytes, round_: int, stage: Stage, *, views: tuple[int, ...] = (0,)
    ) -> PointBundle:
        """A quorum decides `value`, each member in one of `views`."""
        q = self.committee.quorum.q
        precommits = tuple(
            self.sign(
                who,
                round_,
                stage,
                Kind.PRECOMMIT,
                Vote(view=views[who % len(views)], value=value_id(value)),
            )
            for who in range(q)
        )
        carrier = self.sign(
            0, round_, stage, Kind.PROPOSE, Propose(view=0, valid_view=-1, value=value)
        )
        return PointBundle(carrier=carrier, precommits=precommits)

    def with_round(self, number: int, **changes: Any) -> Bundle:
        """The verdict with one round changed."""
        rounds = list(self.bundle.rounds)
        rounds[number - 1] = replace(rounds[number - 1], **changes)
        return replace(self.bundle, rounds=tuple(rounds))

    def with_point(self, stage: Stage, point: PointBundle, number: int = 1) -> Bundle:
        """The verdict with one point of a round changed."""
        points = list(self.bundle.rounds[number - 1].points)
        points[POINTS.index(stage)] = point
        return self.with_round(number, points=tuple(points))

    def with_value(
        self, stage: Stage, change: Callable[[dict[str, Any]], None], number: int = 1
    ) -> Bundle:
        """The verdict with another value at a point, signed by a quorum that colludes."""
        plain = self.plain(stage, number)
        change(plain)
        return self.with_point(stage, self.point(canonical.encode(plain), number, stage), number)

    def plain(self, stage: Stage, number: int = 1) -> dict[str, Any]:
        """A decided value as plain data."""
        value = self.bundle.rounds[number - 1].points[POINTS.index(stage)].value
        plain: dict[str, Any] = canonical.decode(value)
        return plain

    def round(self, number: int = 1) -> RoundBundle:
        """One round."""
        return self.bundle.rounds[number - 1]

    def named(self, kind: Kind, number: int = 1) -> list[Envelope]:
        """Envelopes of a kind that a round's points name."""
        return [item for item in self.round(number).named if item.kind == kind]


@cache
def plain_verdict() -> Verdict:
    """Four honest members, one round."""
    return Verdict(SmallSwarm())


@cache
def long_verdict() -> Verdict:
    """Four honest members, several rounds."""
    return Verdict(SmallSwarm(policy=replace(QUICK, rounds=3)))


@cache
def narcissist_verdict() -> Verdict:
    """Three honest members and one who votes for itself."""
    return Verdict(SmallSwarm(habits=frozenset({"self_vote"})))


@cache
def two_faced_verdict() -> Verdict:
    """Three honest members and one who commits to several things; its slate says so.

    Whether it does turns on who hears what first, so on the ids of the task: of seeds, the
    first in whose run the evidence got into the value.
    """
    for seed in range(1, 50):
        made = Verdict(SmallSwarm(habits=frozenset({"two_commits"}), seed=seed))
        if made.plain(Stage.SLATE)["evidence"]:
            return made
    raise AssertionError("nobody's slate carries the evidence, whatever the seed")
