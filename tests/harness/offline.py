"""The demonstrations without a network: real models and the real tally, in one process.

What honest members would decide if every message arrived. For the tests of accuracy, and as a
benchmark over many draws of the digits:

    python -m tests.harness.offline --seeds 100-109 --policy rounds=3 rule=blend

prints, for each draw, best single, majority, mean of probabilities, the swarm after round 1,
the swarm where it stopped, and the mean number of rounds.
"""

import argparse
import asyncio
import hashlib
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from consensus.bodies import AnswerKind, AnswerSpec, Ballot, Budget, Content, Mark, Pair, Proposal
from consensus.committee import FaultMode, Quorum
from consensus.deliberation.requests import (
    Case,
    Critique,
    Dials,
    DraftRequest,
    JudgeRequest,
    Judgment,
    LetteredProposal,
    RecordEntry,
)
from consensus.envelope import MessageId
from consensus.plateau import Plateau, assess
from consensus.policy import Policy
from consensus.tally import Candidate, Claims, CountedBallot, Tally, tally, weigh
from node.demo.accuracy import Table
from node.demo.deal import LABELS, ORGANISATIONS, Deal, deal
from node.models import registry
from node.models.base import Model, ModelError
from tests.harness.tabulating import Decided, tabulate

NAMES = tuple(organisation.name for organisation in ORGANISATIONS)
SPEC = AnswerSpec(kind=AnswerKind.LABEL, options=LABELS)
DEADLINE_MS = 60_000


@dataclass(frozen=True, kw_only=True)
class Cast:
    """Honest members, by position: their models, their families, and the letters for them."""

    models: tuple[Model, ...]
    families: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """One a member, in every request: nobody's model reads anything into them."""
        return tuple(f"m{place}" for place in range(len(self.models)))

    @property
    def quorum(self) -> Quorum:
        """The sizes of the committee."""
        return Quorum.of(len(self.models), FaultMode.BYZANTINE)


@dataclass(frozen=True, kw_only=True)
class Round:
    """One round of one case: what was drafted, by position, what the tally made of it, and what
    that was made from."""

    drafts: tuple[Proposal, ...]
    tally: Tally
    plateau: Plateau
    candidates: tuple[Candidate, ...]
    ballots: tuple[CountedBallot, ...]


async def models_of(dealt: Deal) -> tuple[Model, ...]:
    """The five models, each trained on its own shard."""
    return tuple(
        [
            await registry.load(
                "classifier",
                {"kind": shard.organisation.kind, "shard": shard.path.name},
                shard.path.parent,
            )
            for shard in dealt.shards
        ]
    )


@dataclass(frozen=True, kw_only=True)
class Held:
    """What a tally is made from, and the judgments behind the ballots, by position."""

    drafts: tuple[Proposal, ...]
    candidates: tuple[Candidate, ...]
    ballots: tuple[CountedBallot, ...]
    judgments: dict[int, Judgment | None]


async def hold(
    cast: Cast,
    case: Case,
    seed: bytes,
    *,
    number: int = 1,
    dials: Dials | None = None,
    records: Sequence[tuple[RecordEntry, ...]] = (),
) -> Held:
    """Have everybody draft and judge; `records` are what each has read of rounds before."""
    models, names, dials = cast.models, cast.names, dials or Dials()
    drafts = [
        await model.draft(
            DraftRequest(
                case=case,
                round=number,
                record=records[place] if records else (),
                dials=dials,
                deadline_ms=DEADLINE_MS,
            ),
        )
        for place, model in enumerate(models)
    ]
    ids = [hashlib.sha256(seed + bytes([number, k])).digest() for k in range(len(models))]
    judgments = {
        place: await _judged(
            model,
            JudgeRequest(
                case=case,
                round=number,
                candidates=tuple(
                    LetteredProposal(letter=names[k], proposal=drafts[k])
                    for k in range(len(models))
                    if k != place
                ),
                own=drafts[place],
                dials=dials,
                deadline_ms=DEADLINE_MS,
            ),
        )
        for place, model in enumerate(models)
    }
    return Held(
        drafts=tuple(drafts),
        candidates=tuple(
            Candidate(id=MessageId(ids[k]), author=k, proposal=draft)
            for k, draft in enumerate(drafts)
        ),
        ballots=tuple(
            CountedBallot(voter=place, ballot=_ballot(judgment, ids, names))
            for place, judgment in judgments.items()
        ),
        judgments=judgments,
    )


async def deliberate(cast: Cast, case: Case, policy: Policy, seed: bytes) -> list[Round]:
    """The rounds that these members would hold on one case. Who cannot judge abstains."""
    names, quorum = cast.names, cast.quorum
    rounds: list[Round] = []
    ballots: dict[int, Judgment | None] = {}
    while not rounds or rounds[-1].plateau.reason is None:
        number, before = len(rounds) + 1, rounds[-1] if rounds else None
        dials = Dials()
        if before is not None:
            dials = before.plateau.dials
        held = await hold(
            cast,
            case,
            seed,
            number=number,
            dials=dials,
            records=[_record(before, ballots, names, place) for place in range(quorum.n)],
        )
        ballots = held.judgments
        result = tally(
            spec=case.answer,
            policy=policy,
            quorum=quorum,
            candidates=held.candidates,
            ballots=held.ballots,
            weights=weigh([None] * quorum.n, quorum),
            seed=seed,
            first_vote=None if before is None else before.tally.baselines.first_vote,
        )
        plateau = assess(
            policy=policy,
            quorum=quorum,
            spec=case.answer,
            budget=Budget(),
            tally=result,
            candidates=held.candidates,
            ballots=held.ballots,
            claims=Claims(),
            families=cast.families,
            previous=None if before is None else before.plateau.to_dict(),
            round_=number,
        )
        rounds.append(
            Round(
                drafts=held.drafts,
                tally=result,
                plateau=plateau,
                candidates=held.candidates,
                ballots=held.ballots,
            )
        )
    return rounds


async def _judged(model: Model, request: JudgeRequest) -> Judgment | None:
    try:
        return await model.judge(request)
    except ModelError:
        return None


def _record(
    before: Round | None,
    ballots: dict[int, Judgment | None],
    names: Sequence[str],
    own: int,
) -> tuple[RecordEntry, ...]:
    if before is None:
        return ()
    return tuple(
        RecordEntry(
            round=before.plateau.round,
            letter=names[k],
            proposal=draft,
            critiques=tuple(
                Critique(
                    endorsement=mark.endorsement,
                    evidence=mark.evidence,
                    argument=mark.argument,
                    text="",
                )
                for judgment in ballots.values()
                if judgment is not None
                for mark in judgment.marks
                if mark.letter == names[k]
            ),
            own=k == own,
        )
        for k, draft in enumerate(before.drafts)
    )


def _ballot(judgment: Judgment | None, ids: Sequence[bytes], names: Sequence[str]) -> Ballot:
    held = tuple(MessageId(item) for item in sorted(ids))
    if judgment is None:
        return Ballot(held=held, abstain="the model cannot take this case")
    at = {name: held.index(MessageId(ids[k])) for k, name in enumerate(names)}
    return Ballot(
        held=held,
        pairs=tuple(
            Pair(
                first=at[pair.first],
                second=at[pair.second],
                preference=pair.preference,
                confidence=pair.confidence,
            )
            for pair in judgment.pairs
        ),
        marks=tuple(
            Mark(
                candidate=at[mark.letter],
                endorsement=mark.endorsement,
                evidence=mark.evidence,
                argument=mark.argument,
            )
            for mark in judgment.marks
        ),
    )


async def play(dealt: Deal, policy: Policy) -> list[list[Round]]:
    """All held-out cases of a deal."""
    cast = Cast(
        models=await models_of(dealt),
        families=tuple(organisation.kind for organisation in ORGANISATIONS),
    )
    try:
        return [
            await deliberate(
                cast,
                Case(messages=(Content(vector=case.vector),), answer=SPEC, domain="digits"),
                policy,
                hashlib.sha256(bytes([k])).digest(),
            )
            for k, case in enumerate(dealt.cases)
        ]
    finally:
        for model in cast.models:
            await model.close()


def table(dealt: Deal, played: Sequence[Sequence[Round]], number: int = 0) -> Table:
    """The demonstration's table, with the swarm after round `number` (0: where it stopped)."""
    return tabulate(
        [
            Decided(
                truth=case.label,
                drafts=dict(zip(NAMES, rounds[0].drafts, strict=True)),
                swarm=rounds[number - 1].tally.winner,
            )
            for case, rounds in zip(dealt.cases, played, strict=True)
        ],
        NAMES,
        LABELS,
    )


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", default="100-109", help="draws, as first-last")
    parser.add_argument("--policy", nargs="*", default=[], metavar="NAME=VALUE")
    asked = parser.parse_args()
    first, _, last = asked.seeds.partition("-")
    given = dict(pair.split("=") for pair in asked.policy)
    fields = {name: int(v) if v.isdigit() else v for name, v in given.items()}
    policy = Policy.from_dict(Policy().to_dict() | fields)
    lines: list[list[float]] = []
    why: Counter[str] = Counter()
    for seed in range(int(first), int(last or first) + 1):
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            dealt = deal(Path(folder), seed=seed)
            played = asyncio.run(play(dealt, policy))
        last_table, first_table = table(dealt, played), table(dealt, played, 1)
        shares = [row.share for row in (last_table.best, last_table.majority, last_table.mean)]
        shares += [first_table.swarm.share, last_table.swarm.share]
        lines.append([*(100 * share for share in shares), mean(map(len, played))])
        why.update(f"{rounds[-1].plateau.reason} in {len(rounds)}" for rounds in played)
        _say(str(seed), lines[-1], f"{time.perf_counter() - began:.1f} s")
    if len(lines) > 1:
        columns = list(zip(*lines, strict=True))
        _say("mean", [mean(column) for column in columns])
        _say("sd", [stdev(column) for column in columns])
    whole = sum(why.values())
    stops = ", ".join(f"{100 * n / whole:.0f} % {name}" for name, n in why.most_common())
    sys.stdout.write(f"stopped by: {stops}\n")


def _say(name: str, figures: Sequence[float], note: str = "") -> None:
    heads = ("best", "majority", "mean", "round 1", "swarm")
    shares = "  ".join(f"{head} {share:5.1f}" for head, share in zip(heads, figures, strict=False))
    sys.stdout.write(f"{name:>5}  {shares}  rounds {figures[-1]:.2f}  {note}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _main()
