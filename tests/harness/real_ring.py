"""Simulated committees that sign and seal as nodes do, so that nodes and `verify` read them."""

import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from consensus.bodies import Seal
from consensus.envelope import Envelope, Kind, Member, Stage
from consensus.masking import Path
from consensus.policy import Policy
from consensus.ports import AliasKey, Message, Reader, Writer
from node import keys
from node.sim.member import Mind, SimNode
from node.sim.ring import KeyRing
from node.wire import codec, mix

from .swarms import QUICK, SmallSwarm
from .verdicts import Verdict


class RealRing(KeyRing):
    """Ed25519 and libsodium's boxes in place of keyed hashes."""

    def __init__(self, proposal_bytes: int) -> None:
        super().__init__()
        self._keys: dict[bytes, keys.SigningKey] = {}
        self._proposal_bytes = proposal_bytes

    def identity(self, name: str) -> Member:
        return Member(self.key(hashlib.sha256(name.encode()).digest()).public)

    def key(self, seed: bytes) -> keys.SigningKey:
        """The key pair that grows from a seed, remembered by its public half."""
        made = keys.SigningKey(seed)
        return self._keys.setdefault(made.public, made)

    def reader(self) -> Reader:
        return codec.reader()

    def writer(self, member: bytes) -> Writer:
        sign = self._keys[member].sign
        return Writer(public=member, encode=codec.encode, sign=sign, alias=self._alias)

    def wrap(self, proposal: Envelope, paths: Sequence[Path], secret: bytes) -> tuple[bytes, ...]:
        return mix.wrap(proposal, paths, secret=secret, proposal_bytes=self._proposal_bytes)

    def peel(self, member: bytes, boxes: Iterable[bytes]) -> tuple[bytes, ...]:
        return mix.peel(self._keys[member], boxes, proposal_bytes=self._proposal_bytes)

    def unwrap(self, member: bytes, boxes: Iterable[bytes]) -> tuple[Envelope, ...]:
        return mix.unwrap(self._keys[member], boxes, proposal_bytes=self._proposal_bytes)

    def _alias(self, seed: bytes) -> AliasKey:
        made = self.key(seed)
        return AliasKey(public=made.public, sign=made.sign)


class _Heard(SimNode):
    swarm: "RealSwarm"  # type: ignore[assignment]

    def deliver(self, goal: SimNode, message: Message) -> None:
        self.swarm.said.setdefault(message.id, message.envelope)
        super().deliver(goal, message)


class RealSwarm(SmallSwarm):
    """A small swarm with real keys; `said` is all that its honest members sent, by id."""

    ring: RealRing

    def __init__(self, count: int = 4, **options: Any) -> None:
        self.said: dict[bytes, Envelope] = {}
        super().__init__(count, **options)

    def make_ring(self, policy: Policy, gated: bool) -> RealRing:
        return RealRing(policy.proposal_bytes)

    def make_node(self, position: int, mind: Mind) -> SimNode:
        made = super().make_node(position, mind)
        return _Heard(self, position, mind) if type(made) is SimNode else made


SMALL = Policy(**{**QUICK.to_dict(), "rounds": 2, "proposal_bytes": 512})
"""Packets of half a kilobyte: what is read of a large one is no different."""


@cache
def real_verdict() -> Verdict:
    """Four honest members that disagree, under their own Ed25519 keys."""
    return Verdict(RealSwarm(policy=SMALL))


@cache
def real_envelopes() -> dict[Kind, tuple[Envelope, ...]]:
    """What the members of `real_verdict` said, of every kind, the TaskOpen included."""
    verdict = real_verdict()
    swarm = verdict.swarm
    assert isinstance(swarm, RealSwarm)
    said = [verdict.bundle.opened, *swarm.said.values()]
    said += [one for part in verdict.bundle.rounds for one in part.envelopes()]
    found = {kind: tuple(one for one in said if one.kind == kind) for kind in Kind}
    assert all(found.values()), [kind for kind, some in found.items() if not some]
    return found


@cache
def real_evidence() -> tuple[Envelope, Envelope]:
    """Two seals of one member in one round."""
    sign = real_verdict().sign
    first, second = (
        sign(0, 1, Stage.FREEZE, Kind.SEAL, Seal(hash=bytes([n]) * 32)) for n in (1, 2)
    )
    return first, second
