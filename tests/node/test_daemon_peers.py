"""Peers that no link is possible with: each is named on both sides, and the others decide on."""

from dataclasses import replace
from pathlib import Path

import pytest

from consensus.envelope import Kind
from node.federation import Federation
from tests.harness.daemons import Grove
from tests.harness.federations import entry, free_address, person
from tests.harness.meshes import ShiftedClock
from tests.harness.rogue import Rogue, nil

HONEST = ("alice", "bob", "carol")
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def another_network(federation: Federation) -> Federation:
    return replace(federation, network=bytes(32))


def as_it_is(federation: Federation) -> Federation:
    return federation


@pytest.mark.parametrize(
    ("read", "shift_ms", "code", "text"),
    [
        (another_network, 0, "wrong_network", "network is"),
        (as_it_is, 2 * HOUR_MS, "clock_skew", "s apart, over 60 s"),
        (as_it_is, -30 * DAY_MS, "certificate", ""),
    ],
    ids=["wrong network", "clock far off", "expired certificate"],
)
async def test_a_member_that_no_link_is_possible_with_is_named_and_costs_nobody_else_anything(
    tmp_path: Path, read: object, shift_ms: int, code: str, text: str
) -> None:
    async with Grove(tmp_path, *HONEST, rogues=("mallory",)) as grove:
        await grove.start(*HONEST)
        await grove.linked()
        clock = ShiftedClock(shift_ms)
        rogue = Rogue(grove.people["mallory"], read(grove.federation), clock)  # type: ignore[operator]
        await rogue.start()
        dialled = [name for name in HONEST if rogue.public < grove.key(name)]
        assert dialled  # mallory's key is smaller than somebody's, so it hears the reason
        for name in dialled:
            ended = rogue.ended(grove.key(name))
            await clock.until(lambda: ended() is not None and ended().code == code)  # noqa: B023
            assert text in ended().text  # type: ignore[union-attr]
        await grove.decide(*HONEST)
        assert not any(rogue.public in grove.nodes[name].mesh.up for name in HONEST)
        for name in HONEST:
            peers = {peer["name"]: peer for peer in grove.nodes[name].status()["peers"]}
            assert not peers["mallory"]["up"]
            if name in dialled and code != "certificate":  # then TLS itself lets nobody in
                assert peers["mallory"]["last_end"].startswith(f"{code}: ")
        await rogue.stop()


async def test_a_stranger_with_a_key_of_its_own_is_told_nothing_and_the_node_goes_on(
    tmp_path: Path,
) -> None:
    async with Grove(tmp_path, *HONEST) as grove:
        await grove.start(*HONEST)
        await grove.linked()
        trent = person(tmp_path, "trent")
        theirs = replace(
            grove.federation,
            members=(*grove.federation.members, entry(trent, address=free_address())),
        )
        clock = ShiftedClock()
        rogue = Rogue(trent, theirs, clock)
        await rogue.start()
        for name in [name for name in HONEST if trent.public < grove.key(name)]:
            ended = rogue.ended(grove.key(name))
            await clock.until(lambda: ended() is not None)  # noqa: B023
            reason = ended()
            assert reason is not None
            assert reason.code == "certificate"
            assert "its federation file may lack this node's key" in reason.text
        await grove.decide(*HONEST)
        assert rogue.heard.frames == []
        await rogue.stop()


async def test_messages_of_another_network_on_a_good_link_are_refused_by_name(
    tmp_path: Path,
) -> None:
    async with Grove(tmp_path, *HONEST, rogues=("mallory",)) as grove:
        await grove.start(*HONEST)
        await grove.linked()
        rogue, alice = await grove.rogue(), grove.key("alice")
        elsewhere = rogue.committee(alice, network=bytes(32))
        rogue.say(
            alice,
            rogue.sign(Kind.PREVOTE, rogue.at(elsewhere, b"t" * 32), nil()),
            rogue.opening(elsewhere),
        )
        await grove.hear_out(rogue, "alice")
        assert grove.nodes["alice"].runner.gate.refusals["wrong_network"] == 2  # type: ignore[index]
        (line,) = grove.logged("refusal")
        assert (line["member"], line["code"]) == ("mallory", "wrong_network")
        assert line["reason"].startswith("the message is for network 0000000000000000, this is ")
        await grove.decide(*HONEST)
