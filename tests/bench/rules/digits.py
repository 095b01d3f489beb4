"""The rules on rounds of real classifiers that say how sure they are.

Recorded language models gave an order or a vote and no more. The five classifiers of the
demonstration, each trained on a shard of its own, give beliefs, confidences and endorsements, so
here every rule has all that it reads. Nobody should take digits for questions of an exam.
"""

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from consensus.bodies import Content
from consensus.deliberation.requests import Case
from node.demo.deal import ORGANISATIONS, deal
from tests.harness.offline import SPEC, Cast, hold, models_of
from tests.harness.tallies import Round

from .bootstrap import Paired, draws, paired
from .simulated import Case as Counted
from .variants import DEFAULT, MAJORITY, Variant, optional, rules, share

SEEDS: Final = (301, 302, 303)
"""Draws of who holds which digits. No figure of this project was chosen on these."""

CREDITS: Final = ("endorsements", "credits")
"""Not measured here: these members were asked for endorsements, not for votes that cost."""


async def rounds(seeds: Sequence[int] = SEEDS) -> tuple[Counted, ...]:
    """A first round for every held-out digit on which the five do not all agree."""
    found = []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            dealt = deal(Path(folder), seed=seed)
            cast = Cast(
                models=await models_of(dealt),
                families=tuple(organisation.kind for organisation in ORGANISATIONS),
            )
            for number, case in enumerate(dealt.cases):
                drawn = hashlib.sha256(bytes([number]) + seed.to_bytes(4, "big")).digest()
                asked = Case(messages=(Content(vector=case.vector),), answer=SPEC, domain="digits")
                held = await hold(cast, asked, drawn)
                if len({draft.answer for draft in held.drafts}) > 1:
                    of = Round(
                        spec=SPEC,
                        n=len(held.drafts),
                        candidates=held.candidates,
                        ballots=held.ballots,
                        seed=drawn,
                    )
                    found.append(Counted(round=of, gold=case.label))
            for model in cast.models:
                await model.close()
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Digits:
    """What each variant gets right of `cases` digits that were not agreed on, in percent, and
    its differences from majority and from the default, in the order of `variants`."""

    cases: int
    variants: tuple[Variant, ...]
    percent: tuple[float, ...]
    majority: Paired
    default: Paired


async def measure() -> Digits:
    """Every rule alone, and the default rule with every other choice of the policy."""
    cases = await rounds()
    alone = [variant for variant in rules() if not variant.marks]
    varied = [variant for variant in optional(()) if variant.rule == DEFAULT.rule]
    variants = (*alone, *(one for one in varied if one.option != CREDITS))
    shares: dict[Variant, list[float]] = {variant: [] for variant in variants}
    for case in cases:
        first = case.round.count()
        for variant in variants:
            policy = variant.policy
            counted = (
                replace(first, policy=policy)
                if variant.option is None
                else case.round.count(policy=policy)
            )
            shares[variant].append(float(share(counted, case.gold)))
    drawn = draws(len(cases))
    every = list(shares.values())
    return Digits(
        cases=len(cases),
        variants=variants,
        percent=tuple(100 * sum(found) / len(cases) for found in every),
        majority=paired(shares[MAJORITY], every, drawn),
        default=paired(shares[DEFAULT], every, drawn),
    )
