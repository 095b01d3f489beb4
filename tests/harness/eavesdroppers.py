"""A coalition that keeps to the protocol, pools all it hears, and guesses who wrote what (R3).

What it measures is a rate to hold against `naming_bound`. Boxes are sealed and padded by the
code that the daemon runs; only signatures are the simulation's. How long a model thinks, how
much it writes and what it answers are drawn anew for each member and round and independently
of each other, so only the wire can tell whose a text is.

    python -m tests.harness.eavesdroppers MEMBERS ROUNDS SEED [wordy]

With `wordy`, longer texts take longer to draft, as real ones do: that is past the bound.
"""

import hashlib
import math
import random
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import fmean, stdev
from unittest.mock import patch

from consensus.agreement.effects import Persist
from consensus.bodies import Batch, Bundle, Opening, Packet, Proposal, Usage
from consensus.committee import FaultMode, Quorum
from consensus.deliberation.requests import DraftRequest
from consensus.envelope import Envelope, Kind, MessageId
from consensus.masking import Path, naming_bound
from consensus.ports import AliasKey, Message
from node.keys import SigningKey
from node.sim.member import PREFIX, Mind, SimNode
from node.sim.minds import opinionated
from node.sim.ring import KeyRing
from node.sim.swarm import Swarm
from node.wire import mix

from .swarms import ORDERS, QUICK, SPEC

PROPOSAL_BYTES = 1_024
SLOWEST_MS = 900
LONGEST = 700
"""Characters of the longest rationale."""


class SealedRing(KeyRing):
    """Keys that seal: the daemon's own boxes, of its own sizes."""

    def __init__(self) -> None:
        super().__init__()
        self._keys: dict[bytes, SigningKey] = {}

    def wrap(self, proposal: Envelope, paths: Sequence[Path], secret: bytes) -> tuple[bytes, ...]:
        return mix.wrap(proposal, paths, secret=secret, proposal_bytes=PROPOSAL_BYTES)

    def peel(self, member: bytes, boxes: Iterable[bytes]) -> tuple[bytes, ...]:
        return mix.peel(self._keys[member], boxes, proposal_bytes=PROPOSAL_BYTES)

    def unwrap(self, member: bytes, boxes: Iterable[bytes]) -> tuple[Envelope, ...]:
        return mix.unwrap(self._keys[member], boxes, proposal_bytes=PROPOSAL_BYTES)

    def _alias(self, seed: bytes) -> AliasKey:
        public = self._grow(b"alias", seed)
        return AliasKey(public=public, sign=lambda preimage: self._sign(public, preimage))

    def _grow(self, label: bytes, seed: bytes) -> bytes:
        key = SigningKey(hashlib.sha256(label + seed).digest())
        self._keys[key.public] = key
        self._secrets[key.public] = hashlib.sha256(b"secret" + label + seed).digest()
        return key.public


class LooseRing(SealedRing):
    """Packets as long as what is in them: what padding is there to prevent."""

    def wrap(self, proposal: Envelope, paths: Sequence[Path], secret: bytes) -> tuple[bytes, ...]:
        boxes = super().wrap(proposal, paths, secret)
        return tuple(box + bytes(len(proposal.payload)) for box in boxes)

    def peel(self, member: bytes, boxes: Iterable[bytes]) -> tuple[bytes, ...]:
        size = mix.inner_size(PROPOSAL_BYTES) + mix.SEAL_SIZE
        return super().peel(member, [box[:size] for box in boxes])


@dataclass(kw_only=True)
class Heard:
    """What the colluders of one round know together, up to the first opening."""

    members: frozenset[bytes]
    ways: tuple[Path, ...] = ()
    deaf: bool = False
    count: int = 0
    first: dict[tuple[str, bytes], int] = field(default_factory=dict)
    """(what, sender) to when the first such thing of that sender came, in order of arrival."""
    sizes: dict[bytes, int] = field(default_factory=dict)
    """Sender to the size of its largest packet."""
    volume: dict[bytes, int] = field(default_factory=dict)
    """Sender to all its payload bytes."""
    inner: dict[bytes, bytes] = field(default_factory=dict)
    """Inner box to the sender of its packet, by a colluding entry."""
    named: dict[MessageId, bytes] = field(default_factory=dict)
    """Proposals whose author is known: both ends of a path collude."""
    places: dict[MessageId, int] = field(default_factory=dict)
    """Proposal to its place in a bundle that a colluding exit opened."""
    texts: dict[MessageId, Message] = field(default_factory=dict)
    seen: dict[MessageId, int] = field(default_factory=dict)
    batches: dict[bytes, frozenset[MessageId]] = field(default_factory=dict)
    listed: dict[bytes, set[bytes]] = field(default_factory=dict)
    """Sender to prefixes in its digests."""
    wanted: dict[bytes, set[MessageId]] = field(default_factory=dict)
    punctual: dict[bytes, set[bytes]] = field(default_factory=dict)
    """Colluding entry to the senders whose packet it had before it sent its bundle."""


class Ear(SimNode):
    """A curious member: it does all that it should, and remembers."""

    swarm: "Tapped"

    def receive(self, message: Message, source: SimNode) -> None:
        if self.up:
            self.swarm.hear(message, self, source.member)
        super().receive(message, source)

    def deliver(self, goal: SimNode, message: Message) -> None:
        self.swarm.hear(message, self, self.member)
        super().deliver(goal, message)

    def digested(self, origin: SimNode, round_: int, prefixes: frozenset[bytes]) -> None:
        heard = self.swarm.heard
        if not heard.deaf:
            self.swarm.note("digest", origin.member)
            heard.listed.setdefault(origin.member, set()).update(prefixes)
        super().digested(origin, round_, prefixes)

    def asked(self, origin: SimNode, ids: Iterable[MessageId]) -> None:
        ids = tuple(ids)
        if not self.swarm.heard.deaf:
            self.swarm.heard.wanted.setdefault(origin.member, set()).update(ids)
        super().asked(origin, ids)


class Tapped(Swarm):
    """One round of `count` members, the first `ears` of them in the coalition."""

    def __init__(
        self,
        count: int,
        ears: int,
        seed: int,
        *,
        metered: bool = False,
        wordy: bool = False,
        ring: type[KeyRing] = SealedRing,
    ) -> None:
        self._ears = ears
        rng = random.Random(f"minds {seed}")
        minds = tuple(_mind(rng, metered=metered, wordy=wordy) for _ in range(count))
        self.truth: dict[MessageId, bytes] = {}
        self._opened: set[bytes] = set()
        self.heard = Heard(members=frozenset())
        policy = replace(QUICK, proposal_bytes=PROPOSAL_BYTES)
        with patch("node.sim.swarm.KeyRing", ring):
            super().__init__(minds=minds, answer=SPEC, seed=seed, policy=policy)
        self.heard = Heard(members=frozenset(n.member for n in self.nodes if isinstance(n, Ear)))

    def make_node(self, position: int, mind: Mind) -> SimNode:
        return (Ear if position < self._ears else SimNode)(self, position, mind)

    def settled(self) -> bool:
        """Whether everybody has opened: authors are known from there on."""
        return len(self._opened) == len(self.nodes)

    def persisted(self, node: SimNode, effect: Persist) -> None:
        body = effect.message.body
        if isinstance(body, Opening):
            self._opened.add(node.member)
            if node.member not in self.heard.members:
                assert body.proposal is not None
                self.truth[body.proposal] = node.member

    def note(self, what: str, sender: bytes) -> None:
        """Remember when this first came of that sender."""
        self.heard.count += 1
        self.heard.first.setdefault((what, sender), self.heard.count)

    def hear(self, message: Message, ear: SimNode, source: bytes) -> None:
        """Pool what `ear` receives or sends."""
        heard, body = self.heard, message.body
        heard.deaf = heard.deaf or message.kind is Kind.OPENING
        if heard.deaf:
            return
        self.note("any", source)
        self.note(message.kind.name, message.signer)
        size = len(message.envelope.payload)
        heard.volume[source] = heard.volume.get(source, 0) + size
        if isinstance(body, Packet) and source != ear.member:
            heard.sizes[source] = max(size, heard.sizes.get(source, 0))
            for box in self.ring.peel(ear.member, (body.box,)):
                heard.inner[box] = source
            if ("BUNDLE", ear.member) not in heard.first:
                heard.punctual.setdefault(ear.member, set()).add(source)
        elif isinstance(body, Bundle) and source != ear.member:
            for place, box in enumerate(body.boxes):
                for envelope in self.ring.unwrap(ear.member, (box,)):
                    heard.places[envelope.id] = place
                    if box in heard.inner:
                        heard.named[envelope.id] = heard.inner[box]
        elif isinstance(body, Batch):
            heard.batches[message.signer] = frozenset(part.id for part in message.parts)
            for part in message.parts:
                heard.texts[part.id] = part
                heard.seen.setdefault(part.id, heard.count)


def _mind(rng: random.Random, *, metered: bool, wordy: bool) -> Mind:
    delay = rng.randint(1, SLOWEST_MS)
    length = LONGEST * delay // SLOWEST_MS if wordy else rng.randint(1, LONGEST)
    mind = opinionated(rng.choice(ORDERS), confidence=rng.randint(1, 10_000), delay=delay)

    def draft(request: DraftRequest) -> Proposal | None:
        made = mind.draft(request)
        usage = Usage(ms=delay) if metered else Usage()
        return made and replace(made, rationale="x" * length, usage=usage)

    return replace(mind, draft=draft)


# -- guessing -------------------------------------------------------------------------

Scores = Mapping[str, float]
"""Clue to how well one proposal fits one author by it; higher is likelier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One honest proposal: its author, and what the coalition has to go by."""

    author: bytes
    known: bytes | None
    clues: Mapping[bytes, Scores]


def _ranks(order: Mapping[bytes, float], items: Sequence[bytes]) -> dict[bytes, float]:
    """Mean ranks in [0, 1]; what is unknown ties in the middle."""
    known = [item for item in items if item in order]
    scale = max(1, len(known) - 1)
    ranks = dict.fromkeys(items, 0.5)
    for item in known:
        below = sum(order[other] < order[item] for other in known)
        same = sum(order[other] == order[item] for other in known)
        ranks[item] = (below + (same - 1) / 2) / scale if len(known) > 1 else 0.5
    return ranks


SENDER_ORDERS = ("COMMIT", "PACKET", "PREVOTE", "SEAL", "BATCH", "digest", "any")


def _cases(swarm: Tapped) -> list[Case]:
    heard, truth = swarm.heard, swarm.truth
    authors = sorted(truth.values())
    own = set(heard.texts) - set(truth)  # those of the coalition itself
    texts = sorted(set(heard.texts) - own)
    times = {
        what: {who: at for (kind, who), at in heard.first.items() if kind == what}
        for what in SENDER_ORDERS
    }
    whos = {
        **times,
        "key": {who: at for at, who in enumerate(authors)},
        "packet size": heard.sizes,
        "volume": heard.volume,
    }
    bodies = {item: heard.texts[item].body for item in texts}
    whats: dict[str, Mapping[bytes, float]] = {
        "place": heard.places,
        "id": {item: at for at, item in enumerate(texts)},
        "size": {item: len(heard.texts[item].envelope.payload) for item in texts},
        "seen": heard.seen,
        "ms": {i: body.usage.ms for i, body in bodies.items() if isinstance(body, Proposal)},
    }
    who_ranks = {name: _ranks(order, authors) for name, order in whos.items()}
    what_ranks = {name: _ranks(order, texts) for name, order in whats.items()}

    def clues(item: MessageId, who: bytes) -> dict[str, float]:
        found = {
            f"{one} by {other}": -abs(mine[who] - its[item])
            for one, mine in who_ranks.items()
            for other, its in what_ranks.items()
        }
        batch = heard.batches.get(who, frozenset())
        found["digest lists it"] = float(item[:PREFIX] in heard.listed.get(who, ()))
        found["own batch"] = 1 / len(batch) if item in batch else 0.0
        found["never asked"] = -float(item in heard.wanted.get(who, ()))
        found["batches differ"] = float(
            sum(
                (who in heard.punctual.get(path.entry, ()))
                == (item in heard.batches.get(path.exit, ()))
                for path in heard.ways
                if path.entry in heard.members
            )
        )
        return found

    return [
        Case(
            author=truth[item],
            known=heard.named.get(item),
            clues={who: clues(item, who) for who in authors},
        )
        for item in texts
    ]


Attacker = Callable[[Case, random.Random], bytes]


def _best(scores: Mapping[bytes, float], rng: random.Random) -> bytes:
    top = max(scores.values())
    return rng.choice([who for who, score in scores.items() if score > top - 1e-12])


def _single(clue: str, case: Case, rng: random.Random) -> bytes:
    return _best({who: scores[clue] for who, scores in case.clues.items()}, rng)


def _weighed(weights: Mapping[str, float], case: Case, rng: random.Random) -> bytes:
    def score(scores: Scores) -> float:
        return sum(weights[clue] * value for clue, value in scores.items())

    return _best({who: score(scores) for who, scores in case.clues.items()}, rng)


def _learnt(rounds: Sequence[Sequence[Case]], *, passes: int = 4, step: float = 0.3) -> Attacker:
    """A conditional logit over all clues, fitted by stochastic gradient."""
    cases = [case for cases in rounds for case in cases if case.known is None]
    weights = dict.fromkeys((clue for case in cases[:1] for clue in _names(case)), 0.0)
    for turn in range(passes):
        for case in cases:
            odds = {
                who: sum(weights[clue] * value for clue, value in scores.items())
                for who, scores in case.clues.items()
            }
            top = max(odds.values())
            total = sum(math.exp(value - top) for value in odds.values())
            for who, scores in case.clues.items():
                miss = (who == case.author) - math.exp(odds[who] - top) / total
                for clue, value in scores.items():
                    weights[clue] += step / (1 + turn) * miss * value
    return partial(_weighed, weights)


def _names(case: Case) -> Iterable[str]:
    return next(iter(case.clues.values()))


def _share(attacker: Attacker, cases: Sequence[Case], rng: random.Random) -> float:
    """Share of a round's honest proposals whose author is named."""
    guesses = (case.known or attacker(case, rng) for case in cases)
    return fmean(guess == case.author for guess, case in zip(guesses, cases, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """How often authors were named in rounds that taught the attacker nothing.

    `error` is the rate's standard error over rounds, `attackers` who was best on other rounds.
    """

    rate: float
    error: float
    bound: float
    rounds: int
    attackers: tuple[str, ...]


def measure(
    members: int,
    rounds: int,
    seed: int,
    *,
    metered: bool = False,
    wordy: bool = False,
    ring: type[KeyRing] = SealedRing,
) -> Measured:
    """Play rounds with f colluders; fit on a third, choose the best attacker on another, score
    it on the last; each third is scored once."""
    quorum = Quorum.of(members, FaultMode.BYZANTINE)
    played: list[list[Case]] = []
    for number in range(rounds):
        swarm = Tapped(
            members, quorum.f, seed * 1_000_000 + number, metered=metered, wordy=wordy, ring=ring
        )
        assert swarm.run(limit=120_000)
        task = swarm.nodes[0].task
        assert task is not None
        swarm.heard.ways = task.exchange.paths(task.round)
        cases = _cases(swarm)
        assert len(cases) == members - quorum.f, "every honest author's text is on the table"
        played.append(cases)
    rng = random.Random(seed)
    thirds = [played[at::3] for at in range(3)]
    shares: list[float] = []
    chosen = []
    for at in range(3):
        fit, choose, score = (thirds[(at + turn) % 3] for turn in range(3))
        attackers: dict[str, Attacker] = {
            "uniform": lambda case, rng: rng.choice(sorted(case.clues)),
            "learnt": _learnt(fit),
            **{clue: partial(_single, clue) for clue in _names(fit[0][0])},
        }
        tried = {
            name: fmean(_share(attacker, cases, rng) for cases in choose)
            for name, attacker in attackers.items()
        }
        name = max(tried, key=tried.__getitem__)
        chosen.append(name)
        shares += [_share(attackers[name], cases, rng) for cases in score]
    return Measured(
        rate=fmean(shares),
        error=stdev(shares) / math.sqrt(len(shares)),
        bound=float(naming_bound(quorum, quorum.f, members - quorum.f)),
        rounds=rounds,
        attackers=tuple(chosen),
    )


def _main() -> None:
    members, rounds, seed = map(int, sys.argv[1:4])
    wordy = "wordy" in sys.argv[4:]
    found = measure(members, rounds, seed, wordy=wordy)
    sys.stdout.write(f"{members} members, seed {seed}: {found}\n")


if __name__ == "__main__":
    _main()
