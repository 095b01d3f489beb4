"""Malformed envelopes through the real gate, one for each number.

An envelope that a fuzzer bends fails at its signature, and nothing behind that is ever tried. So
half of them are bent as they travel, and half have their payload bent by the one who signs it: a
member gone bad may sign any bytes. `python -m tests.hostile.envelopes NUMBER` does one again.
"""

import sys
from collections import Counter
from dataclasses import replace
from functools import cache
from random import Random

from consensus.bodies import Body
from consensus.envelope import CTX_SIZE, Envelope, Kind
from consensus.ports import Message
from node.pb import peer_pb2
from node.wire import codec, frames
from node.wire.admission import Code, Gate, Refusal
from node.wire.frames import FrameError
from node.wire.limits import Limits
from node.wire.pairs import envelope_to_proto
from tests.harness.mangling import mangled
from tests.harness.real_ring import RealSwarm, real_envelopes, real_verdict

LIMITS = Limits()
VALUE_AT = 8
"""Where the value stands in a PROPOSE, which is text."""


@cache
def samples() -> dict[Kind, tuple[Envelope, ...]]:
    """Some of each kind: what another committee's message adds is little."""
    return {kind: some[:6] for kind, some in real_envelopes().items()}


@cache
def travelling() -> tuple[bytes, ...]:
    """The same as they travel."""
    every = [one for some in samples().values() for one in some]
    return tuple(envelope_to_proto(one).SerializeToString() for one in every)


def gate() -> Gate:
    """A gate that knows the task that the samples are of."""
    committee, task = real_verdict().committee, real_verdict().bundle.task
    return Gate(
        network=committee.network,
        task=lambda found: committee if found == task else None,
        reader=codec.reader(),
    )


def frame(number: int) -> bytes:
    """The bytes of a frame with the malformed envelope of that number."""
    rng = Random(number)
    if number % 2:
        data = mangled(rng, travelling())
        return frames_of(data)
    kind = rng.choice(tuple(samples()))
    some = samples()[kind]
    like = rng.choice(some)
    payloads = [one.payload for one in some]
    match rng.randrange(8):
        case 0:  # the signer says another kind, or signs for another instance
            bare = replace(like, kind=rng.choice((*Kind, 0, 14, 255)))
        case 1:
            ctx = mangled(rng, [like.ctx])
            fits = ctx[:CTX_SIZE].ljust(CTX_SIZE, b"\0")
            bare = replace(like, ctx=rng.choice((ctx, fits, fits)))
        case 2 | 3 if kind is Kind.PROPOSE:
            value = mangled(rng, [one[VALUE_AT:] for one in payloads], text=True)
            bare = replace(like, payload=like.payload[:VALUE_AT] + value)
        case _:
            bare = replace(like, payload=mangled(rng, payloads))
    swarm = real_verdict().swarm
    assert isinstance(swarm, RealSwarm)
    signed = replace(bare, signature=swarm.ring.writer(bare.signer).sign(bare.preimage))
    return frames_of(envelope_to_proto(signed).SerializeToString())


def frames_of(envelope: bytes) -> bytes:
    """A frame that holds the bytes of one envelope."""
    holder = peer_pb2.Frame()
    tag = holder.DESCRIPTOR.fields_by_name["envelopes"].number << 3 | 2
    size, length = len(envelope), bytearray()
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    return bytes([tag, *length, size]) + envelope


def judge(at: Gate, data: bytes, *, asked: bool) -> str:
    """What becomes of a frame's bytes: the name of a refusal, or "" for what is well-formed.

    Anything but a refusal or a message whose body can be written and read again is a fault.
    """
    try:
        packet = frames.decode(data, LIMITS)
    except FrameError as error:
        return str(error.refusal.code)
    said = ""
    for envelope in packet.frame.envelopes:
        found = at.admit(envelope, asked=asked)
        if isinstance(found, Refusal):
            assert found.code in Code and found.text
            said = str(found.code)
        else:
            assert isinstance(found, Message)
            again: Body = codec.decode(found.kind, codec.encode(found.body))
            assert again == found.body
    return said


def run(first: int, amount: int) -> Counter[str]:
    """Judge so many malformed envelopes from that number on; how many were refused why.

    One that is well-formed after all does not count. A failure names the number.
    """
    at, found, number = gate(), Counter[str](), first
    while found.total() < amount:
        try:
            said = judge(at, frame(number), asked=number % 3 > 0)
        except BaseException as error:
            error.add_note(f"again: python -m tests.hostile.envelopes {number}")
            raise
        if said:
            found[said] += 1
        number += 1
    return found


if __name__ == "__main__":
    again = int(sys.argv[1])
    sys.stdout.write(f"{frame(again).hex()}\n{judge(gate(), frame(again), asked=again % 3 > 0)}\n")
