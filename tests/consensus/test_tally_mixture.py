"""Hedge over experts: its regret against any losses, and what it forgets (O7a)."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.elementary import TINIEST
from consensus.policy import EXPERTS, ONE
from consensus.tally.mixture import Lesson, Mixture, learn
from consensus.tally.rules.adaptive import PRIOR

EXPERTS_MOST = 5
priors = st.lists(st.integers(1, ONE), min_size=1, max_size=EXPERTS_MOST)


@st.composite
def streams(draw: st.DrawFn, *, fading: bool = True) -> tuple[list[int], list[Lesson]]:
    """A prior, and lessons for as many experts: losses of a whole task, of a part, or all or
    nothing, and sometimes a long time between two of them."""
    prior = draw(priors)
    kept = st.sampled_from([1.0, 1.0, 0.98, 0.5, 0.0]) if fading else st.just(1.0)
    loss = st.sampled_from([0, ONE]) | st.integers(0, ONE)
    lessons = [
        Lesson(
            kept=draw(kept),
            losses=tuple(draw(st.lists(loss, min_size=len(prior), max_size=len(prior)))),
        )
        for _ in range(draw(st.integers(0, 25)))
    ]
    return prior, lessons


def bound(prior: list[int], expert: int, tasks: float) -> float:
    """The regret that the rule's docstring states."""
    most = math.log(sum(prior) / min(prior))
    own = math.log(sum(prior) / prior[expert])
    if not most:
        return 0.0  # one expert alone
    return (1 + own / most) * (math.sqrt(tasks * most) / 2 + 1)


def regrets(prior: list[int], lessons: list[Lesson]) -> tuple[list[float], float]:
    """What the draw lost over each expert, faded as the lessons say, and the faded tasks."""
    mixture, lost, tasks = Mixture.fresh(prior), 0.0, 0.0
    for lesson in lessons:
        expected = sum(w * x / ONE for w, x in zip(mixture.shares, lesson.losses, strict=True))
        lost, tasks = lesson.kept * lost + expected, lesson.kept * tasks + 1
        mixture = mixture.after(lesson)
    return [lost - one for one in mixture.lost], tasks


@given(streams())
def test_no_stream_makes_it_lose_more_than_its_bound(
    stream: tuple[list[int], list[Lesson]],
) -> None:
    prior, lessons = stream
    found, tasks = regrets(prior, lessons)
    for expert, regret in enumerate(found):
        assert regret <= bound(prior, expert, tasks) + 1e-9


def adversary(prior: list[int], tasks: int, kind: str) -> list[Lesson]:
    """Losses chosen after looking at the weights."""
    mixture, found = Mixture.fresh(prior), []
    for number in range(tasks):
        shares = mixture.shares
        heavy = max(range(len(prior)), key=shares.__getitem__)
        match kind:
            case "heaviest loses":
                losses = [ONE * (at == heavy) for at in range(len(prior))]
            case "all but the lightest lose":
                light = min(range(len(prior)), key=shares.__getitem__)
                losses = [ONE * (at != light) for at in range(len(prior))]
            case "the best is changed half-way":
                best = 0 if 2 * number < tasks else len(prior) - 1
                losses = [ONE * (at != best) for at in range(len(prior))]
            case _:
                losses = [ONE * ((number + at) % 2) for at in range(len(prior))]
        found.append(Lesson(kept=1.0, losses=tuple(losses)))
        mixture = mixture.after(found[-1])
    return found


@pytest.mark.parametrize(
    "kind",
    [
        "heaviest loses",
        "all but the lightest lose",
        "the best is changed half-way",
        "they take turns",
    ],
)
@pytest.mark.parametrize("prior", [[1, 1], [5, 3, 1, 1], list(PRIOR)], ids=len)
def test_an_adversary_that_sees_the_weights_is_held_to_the_bound(
    kind: str, prior: list[int]
) -> None:
    lessons = adversary(prior, 300, kind)
    found, tasks = regrets(prior, lessons)
    assert tasks == 300
    for expert, regret in enumerate(found):
        assert regret <= bound(prior, expert, tasks)
    assert max(found) > 0  # it was no walkover


def test_the_bound_of_the_rule_is_the_one_that_its_page_states() -> None:
    least = math.log(sum(PRIOR) / min(PRIOR))
    assert least == pytest.approx(3.8, abs=0.05)
    for tasks in (0, 1, 100, 10_000):
        for expert in range(len(EXPERTS)):
            assert bound(list(PRIOR), expert, tasks) <= math.sqrt(tasks * least) + 2 + 1e-9


def test_an_expert_that_is_plainly_better_has_nearly_all_weight_in_a_few_tasks() -> None:
    good = EXPERTS.index("best_member")
    lesson = Lesson(kept=1.0, losses=tuple(ONE * (at != good) for at in range(len(EXPERTS))))
    mixture, tasks = Mixture.fresh(PRIOR), 0
    while mixture.weights[good] < 9_900:
        mixture, tasks = mixture.after(lesson), tasks + 1
    assert tasks <= 4


@given(priors)
def test_without_a_lesson_weights_are_the_prior(prior: list[int]) -> None:
    fresh = learn(prior, ())
    assert sum(fresh.weights) == ONE
    for weight, mine in zip(fresh.weights, prior, strict=True):
        assert abs(weight - ONE * Fraction(mine, sum(prior))) <= 1


@given(streams(), st.integers(0, ONE))
def test_a_loss_that_all_share_teaches_nothing(
    stream: tuple[list[int], list[Lesson]], loss: int
) -> None:
    prior, lessons = stream
    before = learn(prior, lessons)
    after = before.after(Lesson(kept=1.0, losses=(loss,) * len(prior)))
    for one, other in zip(before.shares, after.shares, strict=True):
        assert one == pytest.approx(other, abs=1e-6)


@given(streams())
def test_what_is_wholly_forgotten_was_never_there(
    stream: tuple[list[int], list[Lesson]],
) -> None:
    prior, lessons = stream
    new = Lesson(kept=0.0, losses=tuple(ONE // (at + 1) for at in range(len(prior))))
    assert learn(prior, [*lessons, new]) == learn(prior, [new])


@given(streams(fading=False), st.randoms(use_true_random=False))
def test_experts_may_stand_in_any_order(
    stream: tuple[list[int], list[Lesson]], rng: object
) -> None:
    prior, lessons = stream
    order = list(range(len(prior)))
    rng.shuffle(order)  # type: ignore[attr-defined]
    other = learn(
        [prior[at] for at in order],
        [Lesson(kept=item.kept, losses=tuple(item.losses[at] for at in order)) for item in lessons],
    )
    straight = learn(prior, lessons)
    assert other.shares == tuple(straight.shares[at] for at in order)


def test_lessons_of_other_experts_and_priors_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="2 losses for 1 experts"):
        Mixture.fresh([1]).after(Lesson(kept=1.0, losses=(0, 0)))
    for prior in ([], [1, 0]):
        with pytest.raises(ValueError, match="above zero"):
            Mixture.fresh(prior)


def test_an_expert_of_next_to_no_weight_that_alone_is_right_leaves_weights() -> None:
    """At a rate at which all others' part is nothing: clients' words in a row bring it about."""
    mixture = Mixture.fresh(PRIOR)
    for loss in (ONE, ONE, ONE, ONE, 2_300):
        losses = [0] * len(PRIOR)
        losses[3] = loss
        mixture = mixture.after(Lesson(kept=1.0, losses=tuple(losses)))
    assert 0.0 < mixture.shares[3] < TINIEST
    losses = [ONE] * len(PRIOR)
    losses[3] = 0
    after = mixture.after(Lesson(kept=0.1, losses=tuple(losses)))
    assert sum(after.weights) == ONE
