"""Simulated models with opinions: seeded, consistent, and as unreliable as asked for."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from consensus.bodies import AnswerSpec, Preference, Proposal, Usage
from consensus.deliberation.requests import (
    DraftRequest,
    JudgeRequest,
    Judgment,
    LetteredMark,
    LetteredPair,
)
from consensus.tally.answers import normalise

from .member import Mind


def opinionated(
    order: Sequence[str],
    *,
    confidence: int = 8_000,
    delay: int | None = 5,
    stubborn: bool = True,
    wording: str = "{}",
    meaning: Callable[[str], str] = str,
) -> Mind:
    """A model that ranks the answers by `order`, best first, and drafts its favourite.

    It says it in its `wording`, and takes from another's answer its `meaning`. A model that is
    not `stubborn` takes over what the record of earlier rounds endorses most.
    """
    rank = {answer: place for place, answer in enumerate(order)}

    def draft(request: DraftRequest) -> Proposal:
        answer = wording.format(order[0])
        if not stubborn and request.record:
            best = max(
                request.record,
                key=lambda entry: (sum(mark.endorsement for mark in entry.critiques), entry.letter),
            )
            answer = normalise(request.case.answer, best.proposal.answer)[0] or answer
        return Proposal(answer=answer, confidence=confidence, rationale=f"{answer} it is")

    def place(answer: str) -> int:
        return rank.get(meaning(answer), len(rank))

    def judge(request: JudgeRequest) -> Judgment:
        shown = [(item.letter, place(item.proposal.answer)) for item in request.candidates]
        pairs = []
        for at, (first, one) in enumerate(shown):
            for second, other in shown[at + 1 :]:
                if one == other:
                    said = Preference.SAME
                else:
                    said = Preference.FIRST if one < other else Preference.SECOND
                pairs.append(
                    LetteredPair(first=first, second=second, preference=said, confidence=confidence)
                )
        marks = tuple(
            LetteredMark(
                letter=letter,
                endorsement=max(-100, 100 - 60 * at),
                evidence=50,
                argument=max(0, 80 - 20 * at),
                critique=f"number {at} for me",
            )
            for letter, at in shown
        )
        return Judgment(pairs=tuple(pairs), marks=marks)

    return Mind(draft=draft, judge=judge, delay=delay)


def drawn(rng: random.Random, spec: AnswerSpec) -> Mind:
    """A model whose opinions, pace and reliability come from `rng`."""
    order = list(spec.options)
    rng.shuffle(order)
    mind = opinionated(
        order,
        confidence=rng.choice((1_000, 5_000, 9_000)),
        delay=rng.choice((1, 5, 40, 200, 900)),
        stubborn=rng.random() < 0.7,
    )
    fails_draft, fails_judge = rng.random() < 0.08, rng.random() < 0.08
    return Mind(
        draft=(lambda _: None) if fails_draft else mind.draft,
        judge=(lambda _: None) if fails_judge else mind.judge,
        delay=mind.delay,
    )


def first_word(text: str) -> str:
    """What a free text of `phrased` means: its first word, whatever is said around it."""
    return text.split()[0].rstrip(",")


def phrased(rng: random.Random, answers: Sequence[str], name: str, *, odd: bool) -> Mind:
    """A model that answers in free text, in words of its own, and sees through others'.

    An `odd` one calls all texts the same, or none, or each pair the same in one order alone.
    """
    order = list(answers)
    rng.shuffle(order)
    mind = opinionated(
        order,
        confidence=rng.choice((1_000, 5_000, 9_000)),
        delay=rng.choice((1, 5, 40, 200, 900)),
        stubborn=rng.random() < 0.7,
        wording=rng.choice(("{}", "{} it is", f"{{}}, thinks {name}", f"{{}}\n\n so says {name}")),
        meaning=first_word,
    )
    return _blurred(mind, rng.choice(("all", "none", "both"))) if odd else mind


def _blurred(mind: Mind, how: str) -> Mind:
    def judge(request: JudgeRequest) -> Judgment | None:
        said = mind.judge(request)
        if said is None:
            return None
        word = Preference.TIE if how == "none" else Preference.SAME
        pairs = tuple(replace(pair, preference=word) for pair in said.pairs)
        if how == "both":
            pairs += tuple(
                replace(p, first=p.second, second=p.first, preference=Preference.FIRST)
                for p in pairs
            )
        return replace(said, pairs=pairs)

    return Mind(draft=mind.draft, judge=judge, delay=mind.delay)


def hanging(mind: Mind) -> Mind:
    """`mind` that never answers."""
    return Mind(draft=mind.draft, judge=mind.judge, delay=None)


def spending(mind: Mind, tokens: int) -> Mind:
    """`mind`, at so many tokens for a draft, and as many for a ballot."""
    if not tokens:
        return mind
    usage = Usage(tokens_out=tokens)

    def draft(request: DraftRequest) -> Proposal | None:
        said = mind.draft(request)
        return None if said is None else replace(said, usage=usage)

    def judge(request: JudgeRequest) -> Judgment | None:
        said = mind.judge(request)
        return None if said is None else replace(said, usage=usage)

    return Mind(draft=draft, judge=judge, delay=mind.delay)
