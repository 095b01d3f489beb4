"""What a member floods with is seen in the counters, by member, and the others decide (T3)."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from consensus.envelope import Kind
from node.wire.frames import Digest, FetchRequest, Frame
from node.wire.toll import BURST
from tests.harness.daemons import Grove, Node
from tests.harness.rogue import nil

HONEST = ("alice", "bob", "carol")


def counted(node: Node) -> dict[str, dict[str, Any]]:
    """What a node says of its peers, by name."""
    return {peer["name"]: peer for peer in node.status()["peers"]}


async def test_flood_is_counted_against_its_sender_who_is_read_more_slowly(tmp_path: Path) -> None:
    async with Grove(tmp_path, *HONEST, rogues=("mallory",)) as grove:
        await grove.start(*HONEST)
        await grove.linked()
        rogue, alice, node = await grove.rogue(), grove.key("alice"), grove.nodes["alice"]
        committee = rogue.committee(alice)
        opened = rogue.opening(committee)
        rogue.say(alice, opened)
        await grove.hear_out(rogue, "alice")
        vote = rogue.sign(Kind.PREVOTE, rogue.at(committee, opened.id), nil())
        broken = replace(vote, signature=bytes(64))
        amount = int(BURST) + 600
        for at in range(0, amount, 500):
            rogue.say(alice, *[broken] * min(500, amount - at))
        rogue.send(alice, Frame(digests=(Digest(task=opened.id, round=1),) * 20))
        await rogue.fetch(alice, FetchRequest(task=opened.id, round=0, ids=(opened.id,)))
        await grove.decide(*HONEST)  # whatever mallory has sent waits its turn
        await node.until(lambda: counted(node)["mallory"]["refused"].get("bad_signature") == amount)
        peers = counted(node)
        traffic = peers["mallory"]["traffic"]
        assert traffic["envelopes_in"] >= amount
        assert traffic["bytes_in"] > 100 * amount
        assert traffic["calls"]["fetches"] == 1
        assert traffic["toll"]["slowed"] > 0
        for name in ("bob", "carol"):
            assert "bad_signature" not in peers[name]["refused"]
            assert peers[name]["traffic"]["toll"]["slowed"] == 0
