"""Deliberations of a fixed number of rounds, for stop rules to be tried on afterwards.

Three kinds, and only the first is real from end to end:

* `digits`: the demonstration's five classifiers, each trained on its own shard, pool their beliefs
  round after round (MACI's gated averaging). Real models, real rounds.
* `recorded`: what real language models answered, and how they ranked each other, in one round.
  Nobody recorded a second one. The *revisions are simulated*: after each round a member keeps its
  answer with the rate at which recorded judges preferred their own (0.84), and else takes the
  answer that its own recorded ballot puts first. Its ballot stays.
* `simulated`: members and judges by chance. A member's log-odds move towards those of the peers
  that pass the gate, as far as contentiousness lets them; right answers persuade a little better;
  and every round adds noise that grows with the rounds, as long contexts do. *Simulated judges*
  favour the answer that they themselves hold. What this says holds for such members and no others.
"""

import hashlib
import math
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Final

from consensus.bodies import (
    AnswerKind,
    AnswerSpec,
    Ballot,
    Budget,
    Mark,
    Pair,
    Preference,
    Proposal,
)
from consensus.committee import FaultMode, Quorum
from consensus.envelope import MessageId
from consensus.exact import ONE_BP, apportion
from consensus.plateau import Plateau, assess
from consensus.policy import Policy
from consensus.tally import Candidate, Claims, CountedBallot, Tally, tally, weigh
from node.demo.deal import deal
from tests.bench.rules.sets import Question
from tests.harness.offline import NAMES, play

CAP: Final = 8
"""Rounds of every trace."""

OWN: Final = 0.84
"""How often recorded judges prefer their own answer (README of the data)."""

DRAFT_TOKENS: Final = 600
JUDGE_TOKENS: Final = 250
RECORD_TOKENS: Final = 300
"""What simulated members spend: on a draft, on judging one other, on reading one proposal of one
earlier round (the last two rounds stay in a prompt). Assumed, and the same for every rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round was counted from, and its tally; `tokens` are all members' in this round."""

    tally: Tally
    candidates: tuple[Candidate, ...]
    ballots: tuple[CountedBallot, ...]
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A task, `CAP` rounds long."""

    spec: AnswerSpec
    families: tuple[str, ...]
    gold: str
    rounds: tuple[Round, ...]

    @property
    def quorum(self) -> Quorum:
        """The committee's sizes."""
        return Quorum.of(len(self.families), FaultMode.BYZANTINE)

    def right(self, after: int) -> float:
        """1 if the winner after that many rounds is right; of a tie, the part that is."""
        found = self.rounds[after - 1].tally
        first = found.tied or ((found.winner,) if found.winner is not None else ())
        return float(self.gold in first) / max(1, len(first))

    def tokens(self, after: int) -> int:
        """Tokens of that many rounds."""
        return sum(item.tokens for item in self.rounds[:after])

    def plateaus(self, policy: Policy) -> list[Plateau]:
        """The plateaus of this trace until a rule of `policy` ends it."""
        found: list[Plateau] = []
        for number, item in enumerate(self.rounds, 1):
            found.append(
                assess(
                    policy=policy,
                    quorum=self.quorum,
                    spec=self.spec,
                    budget=Budget(),
                    tally=item.tally,
                    candidates=item.candidates,
                    ballots=item.ballots,
                    claims=Claims(tokens=self.tokens(number)),
                    families=self.families,
                    previous=found[-1].to_dict() if found else None,
                    round_=number,
                )
            )
            if found[-1].reason is not None:
                break
        return found


def tokens(n: int, number: int) -> int:
    """What n members spend in round `number`."""
    reading = RECORD_TOKENS * n * min(number - 1, 2)
    return n * (DRAFT_TOKENS + JUDGE_TOKENS * (n - 1) + reading)


# -- real classifiers -------------------------------------------------------------------------


async def digits(seeds: Iterable[int]) -> list[Trace]:
    """All held-out cases of these draws of the digits."""
    found = []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            dealt = deal(Path(folder), seed=seed)
            played = await play(dealt, Policy(rounds=CAP, stops=""))
            options = AnswerSpec(
                kind=AnswerKind.LABEL, options=tuple(str(label) for label in range(10))
            )
        found += [
            Trace(
                spec=options,
                families=NAMES,
                gold=case.label,
                rounds=tuple(
                    Round(
                        tally=item.tally,
                        candidates=item.candidates,
                        ballots=item.ballots,
                        tokens=0,
                    )
                    for item in rounds
                ),
            )
            for case, rounds in zip(dealt.cases, played, strict=True)
        ]
    return found


# -- recorded first rounds, simulated revisions --------------------------------------------------


def recorded(questions: Sequence[Question], families: Sequence[str], seed: int = 0) -> list[Trace]:
    """Each question once."""
    return [_revised(item, tuple(families), Random(f"{seed} {item.id}")) for item in questions]


def _revised(item: Question, families: tuple[str, ...], rng: Random) -> Trace:
    first = item.round(marks=True)
    n, spec = len(item.letters), first.spec
    likes = {cast.voter: _liking(item.letters, cast) for cast in first.ballots}
    liking = [likes.get(voter, {}) for voter in range(n)]
    letters, rounds = list(item.letters), list[Round]()
    for number in range(1, CAP + 1):
        ids = _ids(item.id, number, n)
        candidates = [
            Candidate(id=ids[at], author=at, proposal=Proposal(answer=letter))
            for at, letter in enumerate(letters)
        ]
        ballots = [
            _ballot(voter, ids, [liked.get(letter, 0.0) for letter in letters], ())
            for voter, liked in enumerate(liking)
            if voter in likes
        ]
        rounds.append(_round(spec, candidates, ballots, rounds, f"{item.id} {number}", number))
        for at, liked in enumerate(liking):
            if rng.random() > OWN:
                letters[at] = max(liked, key=lambda one: liked[one], default=letters[at])
    return Trace(spec=spec, families=families, gold=item.gold, rounds=tuple(rounds))


def _liking(letters: Sequence[str], cast: CountedBallot) -> dict[str, float]:
    """By letter, how often a recorded ballot prefers it less how often it does not, of one."""
    # Ids of a recorded round are sorted in the ballot; marks name candidates by place.
    found: dict[str, list[int]] = {}
    order = sorted(range(len(letters)), key=lambda at: _recorded_id(at))
    for mark in cast.ballot.marks:
        found.setdefault(letters[order[mark.candidate]], []).append(mark.endorsement)
    return {letter: sum(given) / len(given) / 100 for letter, given in found.items()}


def _recorded_id(author: int) -> bytes:
    return hashlib.sha256(f"candidate {author}".encode()).digest()


# -- simulated members ---------------------------------------------------------------------------


OPTIONS: Final = tuple("ABCDEF")
SPEC: Final = AnswerSpec(kind=AnswerKind.CHOICE, options=OPTIONS)
SKILL: Final = 1.0
DECOY: Final = 0.9
SPREAD: Final = 1.0
"""Log-odds of the right answer and of the one wrong answer that tempts everybody, and the standard
deviation of each member's own."""
PERSUASION: Final = 1.3
"""How much more a peer with the right answer weighs in what moves a member."""
FATIGUE: Final = 0.12
"""Standard deviation, in log-odds, that each round adds, times the number of the round."""


def simulated(count: int, n: int = 5, policy: Policy | None = None, seed: int = 0) -> list[Trace]:
    """Simulated tasks. The dials that `policy` turns decide how far members move."""
    policy = policy or Policy(rounds=CAP, stops="")
    return [
        simulate(Random(f"{seed} {number}"), n, policy, f"{number}")[0] for number in range(count)
    ]


def simulate(
    rng: Random, n: int, policy: Policy, name: str, arms: Sequence[Sequence[int]] = ()
) -> tuple[Trace, list[Plateau]]:
    """One simulated task under `policy`, for as long as its stops let it go on."""
    gold, decoy = rng.sample(range(len(OPTIONS)), 2)
    pull = rng.uniform(0, DECOY)
    odds = [
        [
            rng.gauss(SKILL * (at == gold) + 2 * pull * (at == decoy), SPREAD)
            for at in range(len(OPTIONS))
        ]
        for _ in range(n)
    ]
    families = tuple(f"family {at % 3}" for at in range(n))
    quorum = Quorum.of(n, FaultMode.BYZANTINE)
    rounds, plateaus = list[Round](), list[Plateau]()
    while len(rounds) < CAP and (not plateaus or plateaus[-1].reason is None):
        number = len(rounds) + 1
        ids = _ids(f"{name} {n}", number, n)
        beliefs = [_belief(one) for one in odds]
        answers = [belief.index(max(belief)) for belief in beliefs]
        candidates = [
            Candidate(
                id=ids[at],
                author=at,
                proposal=Proposal(answer=OPTIONS[answers[at]], belief=beliefs[at]),
            )
            for at in range(n)
        ]
        ballots = []
        for voter in range(n):
            # Anchored: by chance of OWN a judge sees its own answer as surely right.
            anchored = rng.random() < OWN
            likes = [
                2 * beliefs[voter][one] / ONE_BP
                - 1
                + 0.5 * (anchored and one == answers[voter])
                + rng.gauss(0, 0.3)
                for one in answers
            ]
            ballots.append(
                _ballot(
                    voter, ids, likes, [int(50 + 40 * max(-1.0, min(1.0, one))) for one in likes]
                )
            )
        rounds.append(_round(SPEC, candidates, ballots, rounds, f"{name} {n} {number}", number))
        plateaus.append(
            assess(
                policy=policy,
                quorum=quorum,
                spec=SPEC,
                budget=Budget(),
                tally=rounds[-1].tally,
                candidates=candidates,
                ballots=ballots,
                claims=Claims(tokens=sum(item.tokens for item in rounds)),
                families=families,
                previous=plateaus[-1].to_dict() if plateaus else None,
                round_=number,
                arms=arms,
            )
        )
        odds = _moved(rng, odds, answers, gold, plateaus[-1], ids, number)
    trace = Trace(spec=SPEC, families=families, gold=OPTIONS[gold], rounds=tuple(rounds))
    return trace, plateaus


def _moved(
    rng: Random,
    odds: Sequence[Sequence[float]],
    answers: Sequence[int],
    gold: int,
    plateau: Plateau,
    ids: Sequence[MessageId],
    number: int,
) -> list[list[float]]:
    """Log-odds for the next round: towards the peers that pass, and with more noise."""
    step = 1 - plateau.dials.contentiousness / ONE_BP
    passed = set(plateau.passed)
    found = []
    for member, own in enumerate(odds):
        peers = [at for at in range(len(odds)) if at != member and ids[at].hex() in passed]
        weights = [PERSUASION if answers[at] == gold else 1.0 for at in peers]
        row = []
        for at, value in enumerate(own):
            heard = sum(w * odds[peer][at] for w, peer in zip(weights, peers, strict=True))
            mean = heard / sum(weights) if peers else value
            row.append((1 - step) * value + step * mean + rng.gauss(0, FATIGUE * number))
        found.append(row)
    return found


def _belief(odds: Sequence[float]) -> tuple[int, ...]:
    top = max(odds)
    parts = [round(1_000_000 * math.exp(one - top)) for one in odds]
    return apportion(parts, ONE_BP, range(len(parts)))


# -- both ------------------------------------------------------------------------------------------


def _ids(name: str, number: int, n: int) -> list[MessageId]:
    return [MessageId(hashlib.sha256(f"{name} {number} {at}".encode()).digest()) for at in range(n)]


def _ballot(
    voter: int, ids: Sequence[MessageId], likes: Sequence[float], argument: Sequence[int]
) -> CountedBallot:
    """A ballot that prefers what it likes better and endorses by how much; own left out."""
    held = tuple(sorted(ids))
    others = [at for at in range(len(ids)) if at != voter]
    pairs = []
    for one, other in combinations(others, 2):
        ahead = likes[one] - likes[other]
        word = (
            Preference.TIE if ahead == 0 else Preference.FIRST if ahead > 0 else Preference.SECOND
        )
        pairs.append(
            Pair(
                first=held.index(ids[one]),
                second=held.index(ids[other]),
                preference=word,
                confidence=min(ONE_BP, int(abs(ahead) * ONE_BP / 2)) if ahead else 0,
            )
        )
    marks = tuple(
        Mark(
            candidate=held.index(ids[at]),
            endorsement=max(-100, min(100, round(100 * likes[at]))),
            argument=argument[at] if argument else 0,
            evidence=argument[at] if argument else 0,
        )
        for at in others
    )
    return CountedBallot(voter=voter, ballot=Ballot(held=held, pairs=tuple(pairs), marks=marks))


def _round(
    spec: AnswerSpec,
    candidates: Sequence[Candidate],
    ballots: Sequence[CountedBallot],
    before: Sequence[Round],
    seed: str,
    number: int,
) -> Round:
    n = len(candidates)
    quorum = Quorum.of(n, FaultMode.BYZANTINE)
    counted = tally(
        spec=spec,
        policy=Policy(),
        quorum=quorum,
        candidates=candidates,
        ballots=ballots,
        weights=weigh([None] * n, quorum),
        seed=hashlib.sha256(seed.encode()).digest(),
        first_vote=before[-1].tally.baselines.first_vote if before else None,
    )
    return Round(
        tally=counted,
        candidates=tuple(candidates),
        ballots=tuple(ballots),
        tokens=tokens(n, number),
    )
