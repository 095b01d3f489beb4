"""Floods of a member gone bad against honest daemons, over real TLS (rules T2, T3).

Each ends with honest members deciding, nothing past its bound, and nothing in a log but the
refusal's name.
"""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from consensus.bodies import Batch, Proposal, Propose, Report, Vote
from consensus.committee import Committee
from consensus.envelope import POINTS, Envelope, Kind, MessageId, Stage, TaskId
from node.missed import MOST
from node.sync import DECLINED, FETCHES, RATES, SYNC_MS, WAITING
from node.wire import codec
from node.wire.admission import Code
from node.wire.bounds import ENVELOPE_CAP
from node.wire.client import PeerError
from node.wire.frames import Digest, FetchRequest, Frame, Offer, Want
from node.wire.limits import Limits
from node.wire.watch import WatchRequest
from tests.harness import cast
from tests.harness.daemons import Grove, Node
from tests.harness.rogue import Rogue, nil

HONEST = ("alice", "bob", "carol")
ALL = (*HONEST, "mallory")
ERRANDS = WAITING + FETCHES + WAITING + 1
"""Most errands for one member: fetches and looks into the store, under way and waiting."""


def committee_of(opened: Envelope) -> Committee:
    """Who decides a task."""
    body = codec.decode(Kind.TASK_OPEN, opened.payload)
    return body.committee  # type: ignore[union-attr]


def contained(node: Node) -> None:
    """Nothing that a peer can make grow is past its bound."""
    sizes = node.sizes()
    assert sizes["rates"] <= RATES
    assert sizes["declined"] <= DECLINED
    assert sizes["missed"] <= MOST
    assert sizes["errands"] <= ERRANDS
    assert sizes["queue"] == 0
    assert sizes["refusals"] <= len(Code)


async def test_messages_digests_and_wants_of_tasks_that_nobody_knows(tmp_path: Path) -> None:
    async with Grove(tmp_path, *HONEST, rogues=("mallory",)) as grove:
        await grove.start(*HONEST)
        await grove.linked()
        rogue, alice, node = await grove.rogue(), grove.key("alice"), grove.nodes["alice"]
        known = await grove.decide(*HONEST)
        pair = rogue.committee(alice)
        vote = rogue.sign(Kind.PREVOTE, rogue.at(pair, bytes(32)), nil())
        strange = [
            cast.signed(cast.MALLORY, Kind.PREVOTE, rogue.at(pair, os.urandom(32)), b"")
            if number == 0
            else _renamed(vote, number)
            for number in range(RATES + 500)
        ]
        await rogue.flood(alice, strange)
        asked = [want for _, frame in rogue.heard.frames for want in frame.wants]
        assert len(asked) >= len(strange)
        assert not any(want.ids for want in asked)  # one short question a message, and no more
        contained(node)

        tasks = [os.urandom(32) for _ in range(MOST + 500)]
        for at in range(0, len(tasks), 1_000):
            part = tasks[at : at + 1_000]
            digests = [Digest(task=task, round=9, verdict=os.urandom(32)) for task in part]
            digests += [Digest(task=task, round=2**31, held=os.urandom(80)) for task in part]
            rogue.send(alice, Frame(digests=tuple(digests)))
            wants = [Want(task=task, ids=tuple(part[:20])) for task in part]
            rogue.send(alice, Frame(wants=tuple(wants)))
            await rogue.through(alice)
            contained(node)
        assert len(node.runner.sync.missed) == MOST
        assert node.runner.sync.lookups.dropped > 0

        theirs = Want(task=known.id, ids=(known.id,) * 500)
        heard = len(rogue.heard.frames)
        digest = Digest(task=known.id, round=1)
        rogue.send(alice, Frame(wants=(theirs,) * 20, digests=(digest,) * 500))
        await grove.hear_out(rogue, "alice")
        said = [frame.envelopes for _, frame in rogue.heard.frames[heard:]]
        assert not any(said)  # mallory was not in its committee
        await grove.decide(*HONEST)


def _renamed(vote: Envelope, number: int) -> Envelope:
    """`vote` for another task; the gate does not come to its signature."""
    ctx = vote.ctx[:64] + number.to_bytes(32) + vote.ctx[96:]
    return Envelope(
        kind=vote.kind, ctx=ctx, payload=vote.payload, signer=vote.signer, signature=vote.signature
    )


async def test_a_member_outside_a_committee_learns_and_changes_nothing_of_its_task(
    tmp_path: Path,
) -> None:
    models = {name: {"delay_ms": 400} for name in HONEST}
    async with Grove(tmp_path, *HONEST, rogues=("mallory",), models=models) as grove:
        await grove.start(*HONEST)
        await grove.linked()
        rogue, alice = await grove.rogue(), grove.key("alice")
        opened = grove.open("alice", grove.ask(*HONEST, draft_ms=5_000, judge_ms=5_000))
        at = rogue.at(committee_of(opened), opened.id)
        rogue.send(
            alice,
            Frame(
                envelopes=(
                    rogue.sign(Kind.PREVOTE, at, nil()),
                    cast.signed(cast.BOB, Kind.PREVOTE, at, Vote(view=5, value=b"x" * 32)),
                ),
                digests=(
                    Digest(task=opened.id, round=1, verdict=b"v" * 32),
                    Digest(task=opened.id, round=1),
                    Digest(task=opened.id, round=7),
                ),
                wants=(Want(task=opened.id), Want(task=opened.id, ids=(opened.id,))),
                offers=(Offer(task=opened.id, id=b"i" * 32, size=2**40),),
            ),
        )
        request = FetchRequest(task=opened.id, round=0, ids=(opened.id,))
        assert await rogue.fetch(alice, request) == []
        await grove.hear_out(rogue, "alice")
        node = grove.nodes["alice"]
        live = node.runner.live[opened.id]
        assert live.over == []
        assert node.runner.gate.refusals[Code.NOT_A_MEMBER] == 2
        said = [one for _, frame in rogue.heard.frames for one in frame.envelopes]
        assert said == []
        assert not any(frame.digests for _, frame in rogue.heard.frames)
        ends = [await grove.last(name, opened) for name in HONEST]
        assert [event.kind for event in ends] == ["verdict"] * 3


async def test_offers_of_what_is_not_there_or_not_what_was_offered(tmp_path: Path) -> None:
    async with Grove(tmp_path, *HONEST, rogues=("mallory",)) as grove:
        await grove.start(*HONEST)
        await grove.linked()
        rogue, alice, node = await grove.rogue(), grove.key("alice"), grove.nodes["alice"]
        opened = rogue.opening(rogue.committee(alice))
        rogue.say(alice, opened)
        await grove.hear_out(rogue, "alice")
        junk = rogue.sign(Kind.PREVOTE, b"\xff" * 101, b"junk")
        oversize = Envelope(
            kind=Kind.BATCH,
            ctx=bytes(101),
            payload=bytes(ENVELOPE_CAP),
            signer=bytes(32),
            signature=bytes(64),
        )
        rogue.heard.gate.clear()  # no fetch ends before the test has looked
        rogue.heard.held = [junk]
        offers = [Offer(task=opened.id, id=os.urandom(32), size=1) for _ in range(1_000)]
        rogue.send(alice, Frame(offers=tuple(offers)))
        await rogue.through(alice)
        await rogue.heard.until(lambda: len(rogue.heard.fetches) >= FETCHES)
        contained(node)
        assert len(rogue.heard.fetches) - rogue.heard.closed == FETCHES
        assert node.runner.sync.fetches.dropped == 1_000 - FETCHES - WAITING
        rogue.heard.held = []
        rogue.heard.gate.set()
        await rogue.heard.until(lambda: rogue.heard.closed == FETCHES + WAITING)
        rogue.heard.held = [oversize]
        rogue.send(alice, Frame(offers=(Offer(task=opened.id, id=oversize.id, size=1),)))
        await rogue.heard.until(lambda: rogue.heard.closed == FETCHES + WAITING + 1)
        await grove.decide(*HONEST)
        assert len(node.runner.sync.fetches) == 0
        assert node.runner.gate.refusals[Code.MALFORMED] == FETCHES
        reasons = {line["code"]: line["reason"] for line in grove.logged("refusal")}
        assert reasons["malformed"].startswith("ctx: ")
        assert "its answer to a fetch is too large" in reasons["fetch_failed"]
        await grove.decide(*HONEST)


class Inside:
    """Mallory in the committee of a task that honest members decide: it says what a test likes
    as soon as they are in the round, and serves what it named."""

    def __init__(self, grove: Grove, rogue: Rogue, opened: Envelope) -> None:
        self.grove, self.rogue, self.opened = grove, rogue, opened
        self.committee = committee_of(opened)

    def at(self, stage: Stage) -> bytes:
        return self.rogue.at(self.committee, self.opened.id, 1, stage).pack()

    def sign(self, stage: Stage, kind: Kind, body: object) -> Envelope:
        return self.rogue.sign(kind, self.at(stage), body)  # type: ignore[arg-type]

    async def begun(self) -> None:
        """Wait for everybody's commit: all are in the round, and mallory is waited for."""
        keys = set(self.grove.keys(*HONEST))
        heard = self.rogue.heard
        await heard.until(
            lambda: (
                keys
                <= {
                    one.signer
                    for _, frame in heard.frames
                    for one in frame.envelopes
                    if one.kind == Kind.COMMIT and one.ctx[64:96] == self.opened.id
                }
            )
        )

    async def tell(self, *envelopes: Envelope) -> None:
        """Tell all honest members."""
        await asyncio.gather(
            *(self.rogue.flood(self.grove.key(name), envelopes) for name in HONEST)
        )

    async def serve(self, envelopes: dict[bytes, Envelope]) -> None:
        """Give what is asked for, until cancelled."""
        heard, seen = self.rogue.heard, 0
        while True:
            await heard.until(lambda: len(heard.frames) > seen)  # noqa: B023
            for member, frame in heard.frames[seen:]:
                asked = [one for want in frame.wants for one in want.ids if one in envelopes]
                if asked:
                    self.rogue.say(member, *(envelopes[one] for one in asked))
            seen = len(heard.frames)

    async def decided(self) -> None:
        """All honest members decide alike."""
        ends = [await self.grove.last(name, self.opened) for name in HONEST]
        assert [event.kind for event in ends] == ["verdict"] * 3, ends
        assert len({event.detail["verdict"] for event in ends}) == 1


async def inside(grove: Grove, *, first: str = "") -> Inside:
    """A task of alice's with mallory in its committee."""
    rogue = await grove.rogue()
    opened = grove.open("alice", grove.ask(*ALL), first=first)
    return Inside(grove, rogue, opened)


DEEP = b"[" * 100_000
VALUES = {
    "no text": b"\xff\xfe",
    "deep": DEEP,
    "a long number": b'{"evidence":[],"ids":[],"point":' + b"9" * 50_000 + b"}",
    "null": b"null",
    "no ids": b'{"evidence":[],"ids":"abcd","point":"slate","reports":[],"round":1}',
    "odd ids": b'{"evidence":[],"ids":["00"],"point":"slate","reports":[],"round":1}',
    "nobody's": b'{"evidence":[],"ids":["'
    + b"0" * 64
    + b'"],"point":"slate","reports":[],"round":1}',
    "figures": b'{"evidence":[],"figures":{},"ids":[],"point":"slate","reports":[],"round":1}',
    "at the bound": b'"' + b"x" * (96 * 1024 - 2) + b'"',
}


async def test_garbage_in_place_of_a_value_costs_its_view_and_nothing_else(tmp_path: Path) -> None:
    async with Grove(tmp_path, *HONEST, rogues=("mallory",)) as grove:
        await grove.start(*HONEST)
        await grove.linked()
        rogue = await grove.rogue()
        attacks = [
            (Inside(grove, rogue, grove.open("alice", grove.ask(*ALL), first="mallory")), value)
            for value in VALUES.values()
        ]
        for attack, value in attacks:
            await attack.begun()
            body = Propose(view=0, valid_view=-1, value=value)
            other = Propose(view=0, valid_view=-1, value=value + b" ")
            third = Propose(view=0, valid_view=-1, value=b"and another")
            spoken = [attack.sign(Stage.SLATE, Kind.PROPOSE, one) for one in (body, other, third)]
            if len(value) > 32_000:
                rogue.heard.held = spoken
                for name in HONEST:
                    offer = Offer(task=attack.opened.id, id=spoken[0].id, size=1)
                    rogue.send(grove.key(name), Frame(offers=(offer,)))
            else:
                await attack.tell(*spoken)
        for attack, _ in attacks:
            await attack.decided()
        for name in HONEST:
            contained(grove.nodes[name])


async def test_votes_for_anything_in_any_view_fill_no_memory(tmp_path: Path) -> None:
    async with Grove(tmp_path, *HONEST, rogues=("mallory",)) as grove:
        await grove.start(*HONEST)
        await grove.linked()
        attack = await inside(grove)
        await attack.begun()
        votes = [
            attack.sign(stage, kind, Vote(view=view, value=os.urandom(32)))
            for stage in POINTS
            for kind in (Kind.PREVOTE, Kind.PRECOMMIT)
            for view in (0, 1, 5, 8, 9, 1_000, 2**31 - 1)
            for _ in range(40)
        ]
        live = grove.nodes["alice"].runner.live[attack.opened.id]
        await attack.tell(*votes)
        for instance in live.task.round.instances.values():
            assert len(instance._votes._ids) <= 100
        await attack.decided()


async def test_signatures_that_do_not_hold_keep_nobody_from_being_heard(tmp_path: Path) -> None:
    async with Grove(tmp_path, *HONEST, rogues=("mallory",)) as grove:
        await grove.start(*HONEST)
        await grove.linked()
        attack = await inside(grove)
        vote = attack.sign(Stage.SLATE, Kind.PREVOTE, nil())
        forged = [replace(vote, payload=number.to_bytes(36)) for number in range(1_500)]
        flooding = asyncio.create_task(attack.tell(*forged, *forged[:600]))
        await grove.decide(*HONEST)
        await flooding
        node = grove.nodes["alice"]
        assert node.runner.gate.refusals[Code.BAD_SIGNATURE] > 1_500
        said = [line for line in grove.logged("refusal") if line["code"] == "bad_signature"]
        assert 3 <= len(said) < 100  # of thousands at three nodes
        await attack.decided()


async def test_batches_and_proposals_that_nobody_asked_for_are_refused_by_name(
    tmp_path: Path,
) -> None:
    async with Grove(tmp_path, *HONEST, rogues=("mallory",)) as grove:
        await grove.start(*HONEST)
        await grove.linked()
        attack = await inside(grove)
        await attack.begun()
        exchange = attack.at(Stage.EXCHANGE)
        proposals = [
            cast.signed(cast.key(f"alias {number}"), Kind.PROPOSAL, exchange, Proposal(answer="c"))
            for number in range(6)
        ]
        proposals.sort(key=lambda one: one.id)
        await attack.tell(
            *proposals,
            attack.sign(Stage.EXCHANGE, Kind.BATCH, Batch(entries=tuple(proposals))),
            attack.sign(Stage.EXCHANGE, Kind.BATCH, Batch(entries=tuple(proposals[:4]))),
            attack.sign(Stage.EXCHANGE, Kind.BATCH, Batch(entries=tuple(proposals[:1]))),
        )
        node = grove.nodes["alice"]
        await node.settled()
        assert node.runner.gate.refusals[Code.UNASKED] == 6
        assert node.runner.gate.refusals[Code.BAD_ENTRY] == 1
        await attack.decided()


async def test_what_a_report_names_is_not_put_before_honest_models(tmp_path: Path) -> None:
    models = {name: {"line": {"answer": name[0]}} for name in HONEST}
    async with Grove(tmp_path, *HONEST, rogues=("mallory",), models=models) as grove:
        await grove.start(*HONEST)
        await grove.linked()
        attack = await inside(grove)
        await attack.begun()
        ghosts = [
            cast.signed(
                cast.key(f"alias {number}"),
                Kind.PROPOSAL,
                attack.at(Stage.EXCHANGE),
                Proposal(answer="c"),
            )
            for number in range(48)
        ]
        ids = sorted(MessageId(one.id) for one in ghosts)
        reports = [
            attack.sign(stage, Kind.REPORT, Report(ids=tuple(ids[at : at + 8])))
            for stage, at in zip((*POINTS, *POINTS), range(0, 48, 8), strict=True)
        ]
        serving = asyncio.create_task(attack.serve({one.id: one for one in ghosts}))
        await attack.tell(*reports)
        await attack.decided()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        served = {
            one
            for one in ids
            if any(one in w.ids for _, f in attack.rogue.heard.frames for w in f.wants)
        }
        assert served  # they were asked for, as a value could have named them
        figures = (await grove.last("alice", attack.opened)).detail["figures"]
        assert len(figures["proposals"]) == 3


async def test_what_exists_nowhere_is_asked_for_ever_more_slowly_and_not_after_the_end(
    tmp_path: Path,
) -> None:
    async with Grove(tmp_path, *HONEST, rogues=("mallory",)) as grove:
        await grove.start(*HONEST)
        await grove.linked()
        attack = await inside(grove)
        await attack.begun()
        ghosts = Report(ids=tuple(sorted(MessageId(os.urandom(32)) for _ in range(8))))
        await attack.tell(attack.sign(Stage.SLATE, Kind.REPORT, ghosts))
        live = {name: grove.nodes[name].runner.live[attack.opened.id] for name in HONEST}
        await attack.decided()
        for name, one in live.items():
            lived = grove.nodes[name].runner.now - one.began_ms
            assert 0 < one.asked <= 8 + 4 * lived // SYNC_MS, name
            assert one.seeking is None or one.seeking.cancelled()


async def test_calls_of_one_member_are_bounded_and_others_are_served(tmp_path: Path) -> None:
    async with Grove(tmp_path, *HONEST, rogues=("mallory",)) as grove:
        await grove.start(*HONEST)
        await grove.linked()
        rogue, alice, node = await grove.rogue(), grove.key("alice"), grove.nodes["alice"]
        opened = rogue.opening(rogue.committee(alice))
        rogue.say(alice, opened)
        await grove.hear_out(rogue, "alice")
        most = Limits().watches
        async with rogue.client(alice) as client:
            watches = [client.watch(WatchRequest(task=opened.id)) for _ in range(most)]
            for watch in watches:
                assert (await anext(watch)).kind == "open"
            with pytest.raises(PeerError, match="busy: 64 watches of yours are under way here"):
                await anext(client.watch(WatchRequest(task=opened.id)))
            request = FetchRequest(task=opened.id, round=0, ids=(opened.id,) * Limits().fetch_ids)
            fetched = await rogue.fetch(alice, request)
            assert set(fetched) == {opened}
            await grove.decide(*HONEST)
            for watch in watches:
                await watch.aclose()  # type: ignore[attr-defined]
        assert (await grove.last("alice", await grove.decide(*HONEST))).kind == "verdict"
        assert TaskId(opened.id) in node.runner.live
