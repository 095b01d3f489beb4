"""What ModelSwitch's early end saves, and what it costs: models asked in turn, on recorded samples.

The six nodes are two models, asked three times each. One model is asked first; if its three answers
agree, that is the answer and the other is not asked (Chen et al. 2025). Else both are pooled by the
rule. In the council each model answered once, so how consistent it is cannot be seen there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from consensus.bodies import AnswerKind, AnswerSpec
from consensus.exact import apportion
from consensus.policy import ONE
from consensus.tally.answers import Classes, classes
from consensus.tally.belief import Opinion
from consensus.tally.rules.model_switch import early_end, model_switch
from node.models.recordings import Recording, load
from tests.harness.tallies import candidate

from .bootstrap import Difference, draws, paired
from .sets import NODES
from .variants import share_of


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyEnds:
    """One order of asking, `questions` in all.

    `ended` questions ended early, and the answer was right in `right_early` of those (percent),
    `saved` is the part of all calls that was not made, with its interval. `percent` are right in
    all, `asking_all` with no early end (ties split evenly), `cost` the difference.
    """

    questions: int
    ended: int
    right_early: float
    saved: Difference
    percent: float
    asking_all: float
    cost: Difference


def early_ends() -> Mapping[str, EarlyEnds]:
    """By the model that is asked first."""
    of = load(NODES, Path())
    (members,) = of.pools.values()
    models: dict[str, list[str]] = {}
    for member in members:
        models.setdefault(member.partition("#")[0], []).append(member)
    known = [item for item in of.questions.values() if item.gold is not None]
    drawn = draws(len(known))
    found = {}
    for first in models:
        order = [models[first], *(asked for model, asked in models.items() if model != first)]
        found[first] = _asked(known, of.letters, order, drawn)
    return found


def _asked(
    questions: Sequence[Recording],
    letters: Sequence[str],
    models: Sequence[Sequence[str]],
    drawn: NDArray[np.float64],
) -> EarlyEnds:
    calls = sum(map(len, models))
    unsaved, saved, all_right, right, early = [], [], [], [], []
    for item in questions:
        among, opinions = _sampled(item, letters, models)
        weights = [ONE] * calls
        gold = str(item.gold)
        pooled = float(share_of(among, model_switch(among, opinions, weights), gold))
        end = early_end(among, opinions, [opinion.voter for opinion in opinions])
        made = sum(map(len, models[: end.asked]))
        if end.at is None:
            mine = pooled
        else:
            mine = float(among.items[end.at].answer == gold)
            early.append(mine)
        unsaved.append(0.0)
        saved.append(1 - made / calls)
        all_right.append(pooled)
        right.append(mine)
    return EarlyEnds(
        questions=len(questions),
        ended=len(early),
        right_early=100 * sum(early) / len(early),
        saved=paired(unsaved, [saved], drawn).differences[0],
        percent=100 * sum(right) / len(right),
        asking_all=100 * sum(all_right) / len(all_right),
        cost=paired(all_right, [right], drawn).differences[0],
    )


def _sampled(
    item: Recording, letters: Sequence[str], models: Sequence[Sequence[str]]
) -> tuple[Classes, list[Opinion]]:
    """The classes of all samples, and each model's samples as a belief over the letters; a model
    goes by the place of its first sample."""
    every = [str(item.answers[member]) for model in models for member in model]
    spec = AnswerSpec(kind=AnswerKind.CHOICE, options=tuple(letters))
    candidates = [candidate(at, letter) for at, letter in enumerate(every)]
    opinions, at = [], 0
    for model in models:
        said = every[at : at + len(model)]
        counts = [said.count(letter) for letter in letters]
        shares = apportion(counts, ONE, range(len(letters)))
        opinions.append(Opinion(voter=at, shares=shares, known=(True,) * len(letters)))
        at += len(model)
    return classes(spec, candidates, bytes(32)), opinions
