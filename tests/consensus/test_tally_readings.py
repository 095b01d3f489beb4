"""What a ballot says of classes: one comparison a pair, one unit of votes (O2, O3)."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given

from consensus.bodies import Preference
from consensus.policy import ONE
from consensus.tally import CountedBallot, classes
from consensus.tally.answers import Classes
from consensus.tally.readings import read
from tests.harness.tallies import (
    ALICE,
    BOB,
    CAROL,
    CHOICE,
    DAVE,
    FIRST,
    MALLORY,
    SAME,
    SECOND,
    SEED,
    TIE,
    Round,
    Word,
    ballot,
    candidate,
    rounds,
)

TABLE = (
    candidate(ALICE, "red"),
    candidate(BOB, "green"),
    candidate(CAROL, "red"),
    candidate(DAVE, "green"),
    candidate(MALLORY, "mauve"),
)
GROUPED = classes(CHOICE, TABLE, SEED)
RED, GREEN = 0, 1


def share(*pairs: Word) -> Fraction | None:
    """What red won of green."""
    found = read(ballot(MALLORY, TABLE, pairs), GROUPED).comparisons
    if not found:
        return None
    (only,) = found
    assert (only.first, only.second) == (RED, GREEN)
    return Fraction(only.won, only.of)


@pytest.mark.parametrize(
    ("preference", "confidence", "won"),
    [
        (FIRST, ONE, Fraction(1)),
        (FIRST, 6_000, Fraction(8, 10)),
        (FIRST, 0, Fraction(1, 2)),
        (SECOND, 6_000, Fraction(2, 10)),
        (SECOND, ONE, Fraction(0)),
        (TIE, ONE, Fraction(1, 2)),
        (SAME, ONE, Fraction(1, 2)),
    ],
)
def test_a_comparison_is_a_fractional_win(
    preference: Preference, confidence: int, won: Fraction
) -> None:
    assert share((ALICE, BOB, preference, confidence)) == won
    assert share((BOB, ALICE, preference, confidence)) == 1 - won


def test_both_orders_are_averaged() -> None:
    assert share((ALICE, BOB, FIRST, ONE), (BOB, ALICE, FIRST, ONE)) == Fraction(1, 2)
    assert share((ALICE, BOB, FIRST, ONE), (BOB, ALICE, SECOND, 5_000)) == Fraction(7, 8)


def test_several_pairs_between_two_classes_are_one_comparison() -> None:
    assert share((ALICE, BOB, FIRST, ONE), (CAROL, DAVE, TIE, 0)) == Fraction(3, 4)
    # Asking one pair in both orders gives it no more say than a pair asked once.
    assert share(
        (ALICE, BOB, FIRST, ONE), (BOB, ALICE, SECOND, ONE), (CAROL, DAVE, SECOND, ONE)
    ) == Fraction(1, 2)


def test_pairs_inside_a_class_or_with_void_candidates_say_nothing() -> None:
    assert share((ALICE, CAROL, FIRST, ONE), (ALICE, MALLORY, FIRST, ONE)) is None


def test_votes_of_one_voter_square_to_one() -> None:
    votes = read(ballot(MALLORY, TABLE, marks={ALICE: 60, BOB: -20}), GROUPED).votes
    assert votes[RED] == pytest.approx(0.75**0.5)
    assert votes[GREEN] == pytest.approx(-(0.25**0.5))


def test_endorsements_within_a_class_are_averaged() -> None:
    one = read(ballot(MALLORY, TABLE, marks={ALICE: 40, BOB: -20}), GROUPED)
    two = read(ballot(MALLORY, TABLE, marks={ALICE: 70, CAROL: 10, BOB: -20}), GROUPED)
    assert one.votes == two.votes


@pytest.mark.parametrize("marks", [{}, {ALICE: 0, BOB: 0}, {ALICE: 50, CAROL: -50}, {MALLORY: 9}])
def test_a_ballot_without_a_net_word_has_no_votes(marks: dict[int, int]) -> None:
    assert read(ballot(MALLORY, TABLE, marks=marks), GROUPED).votes == ()


@given(rounds(diagonal=True))
def test_readings_agree_with_the_naive_twin(of: Round) -> None:
    grouped = classes(of.spec, of.candidates, of.seed)
    for counted in of.ballots:
        found = read(counted, grouped)
        shares = {
            (item.first, item.second): Fraction(item.won, item.of) for item in found.comparisons
        }
        assert shares == naive_comparisons(counted, grouped)
        twin = naive_votes(counted, grouped)
        assert [Decimal(vote) for vote in found.votes] == pytest.approx(twin, abs=Decimal("1e-15"))


def naive_comparisons(counted: CountedBallot, grouped: Classes) -> dict[tuple[int, int], Fraction]:
    """Every ordered pair of classes, every pair of their candidates, both orders."""
    held = counted.ballot.held
    found = {}
    for first in range(len(grouped.items)):
        for second in range(first + 1, len(grouped.items)):
            means = []
            for one in grouped.items[first].candidates:
                for other in grouped.items[second].candidates:
                    said = []
                    for pair in counted.ballot.pairs:
                        names = (held[pair.first], held[pair.second])
                        if names not in {(one, other), (other, one)}:
                            continue
                        win = Fraction(1, 2)
                        if pair.preference is FIRST:
                            win += Fraction(pair.confidence, 2 * ONE)
                        if pair.preference is SECOND:
                            win -= Fraction(pair.confidence, 2 * ONE)
                        said.append(win if names == (one, other) else 1 - win)
                    if said:
                        means.append(sum(said) / Fraction(len(said)))
            if means:
                found[first, second] = sum(means) / Fraction(len(means))
    return found


def naive_votes(counted: CountedBallot, grouped: Classes) -> list[Decimal]:
    """O3 with fractions, and decimal roots."""
    held = counted.ballot.held
    means = []
    for item in grouped.items:
        given_ = [
            Fraction(mark.endorsement)
            for mark in counted.ballot.marks
            if held[mark.candidate] in item.candidates
        ]
        means.append(sum(given_) / len(given_) if given_ else Fraction(0))
    whole = sum(abs(mean) for mean in means)
    if whole == 0:
        return []
    votes = []
    for mean in means:
        part = abs(mean) / whole
        root = (Decimal(part.numerator) / Decimal(part.denominator)).sqrt()
        votes.append(root if mean >= 0 else -root)
    return votes
