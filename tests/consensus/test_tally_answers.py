"""Typed answers, their one spelling, and classes of equal ones (O1, O6)."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.bodies import AnswerKind, AnswerSpec
from consensus.envelope import tagged_hash
from consensus.tally import classes, normalise
from tests.harness.tallies import ALICE, BOB, CAROL, CHOICE, DAVE, NUMBER, SEED, candidate, id_of

CASES = AnswerSpec(kind=AnswerKind.LABEL, options=("a", "A", "Été", "Straße", "\u1c80x"))


@pytest.mark.parametrize(
    ("answer", "spelled"),
    [
        ("red", "red"),
        (" Red\n", "red"),
        ("\u00a0GREEN\t", "green"),
    ],
)
def test_an_option_is_found_but_for_blanks_and_case(answer: str, spelled: str) -> None:
    assert normalise(CHOICE, answer) == (spelled, "")


@pytest.mark.parametrize("answer", ["reddish", "r ed", "red.", "(red)", "red, green", "\u2003red"])
def test_what_is_no_option_is_void(answer: str) -> None:
    assert normalise(CHOICE, answer) == (None, "is none of the options")


def test_case_counts_where_options_differ_by_it() -> None:
    assert normalise(CASES, "A") == ("A", "")
    assert normalise(CASES, "a") == ("a", "")
    assert normalise(CASES, " a") == (None, "equals several options but for case")


def test_letters_fold_only_where_every_python_folds_them_alike() -> None:
    assert normalise(CASES, "éTÉ") == ("Été", "")
    assert normalise(CASES, "STRASSE") == ("Straße", "")
    assert normalise(CASES, "\u1c80x") == ("\u1c80x", "")
    assert normalise(CASES, "\u0432x") == (None, "is none of the options")


@pytest.mark.parametrize(
    ("answer", "spelled"),
    [
        ("7", "7"),
        (" +007.0 ", "7"),
        ("-0", "0"),
        ("14/2", "7"),
        ("0.50", "0.5"),
        (".5", "0.5"),
        ("-1/2", "-0.5"),
        ("2/6", "1/3"),
        ("-22/7", "-22/7"),
        ("1e3", "1000"),
        ("25E-4", "0.0025"),
        ("1/8", "0.125"),
        ("12345678901234567890123", "12345678901234567890123"),
        ("1e99", "1" + "0" * 99),
    ],
)
def test_equal_numbers_have_one_spelling(answer: str, spelled: str) -> None:
    assert normalise(NUMBER, answer) == (spelled, "")


@pytest.mark.parametrize(
    "answer",
    ["", "seven", "7.", "1,5", "1 000", "7%", "\u0667", "0x10", "1/2/3", "1/-2", "1.5/2", "nan",
     "inf", "--1", "1e", "x=7", "7\n8"],
)  # fmt: skip
def test_what_is_no_plain_number_is_void(answer: str) -> None:
    spelled, reason = normalise(NUMBER, answer)
    assert spelled is None
    assert reason.startswith("is not a number")


def test_a_fraction_over_zero_is_void() -> None:
    assert normalise(NUMBER, "1/0") == (None, "is a fraction over zero")


@pytest.mark.parametrize(
    ("exponent", "fits"), [("99", True), ("-99", True), ("100", False), ("9" * 250, False)]
)
def test_exponents_end_at_ninety_nine(exponent: str, fits: bool) -> None:
    spelled, reason = normalise(NUMBER, f"2e{exponent}")
    assert (spelled is not None) == fits
    assert reason == ("" if fits else "has an exponent beyond 99")


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20))
def test_decimals_keep_their_value_and_their_spelling(value: Decimal) -> None:
    spelled, _ = normalise(NUMBER, str(value))
    if spelled is not None:
        assert Fraction(spelled) == Fraction(value)
        assert normalise(NUMBER, spelled) == (spelled, "")


@given(st.fractions(max_denominator=10**6), st.integers(1, 1000))
def test_fractions_keep_their_value_and_their_spelling(value: Fraction, times: int) -> None:
    text = f"{value.numerator * times}/{value.denominator * times}"
    spelled, _ = normalise(NUMBER, text)
    assert spelled is not None
    assert Fraction(spelled) == value
    assert normalise(NUMBER, spelled) == (spelled, "")


def test_equal_answers_form_one_class_in_the_order_of_the_options() -> None:
    found = classes(
        CHOICE,
        [
            candidate(ALICE, "blue"),
            candidate(BOB, " RED"),
            candidate(CAROL, "blue"),
            candidate(DAVE, "mauve"),
        ],
        SEED,
    )
    assert [item.answer for item in found.items] == ["red", "blue"]
    assert [item.option for item in found.items] == [0, 2]
    assert [item.authors for item in found.items] == [(BOB,), (ALICE, CAROL)]
    assert found.items[1].candidates == tuple(sorted([id_of(ALICE), id_of(CAROL)]))
    assert [(item.id, item.reason) for item in found.void] == [
        (id_of(DAVE), "is none of the options")
    ]
    assert found.of == {id_of(BOB): 0, id_of(ALICE): 1, id_of(CAROL): 1}


def test_numbers_are_ordered_by_size() -> None:
    found = classes(
        NUMBER, [candidate(at, text) for at, text in enumerate(["10", "9", "1/3", "-2"])], SEED
    )
    assert [item.answer for item in found.items] == ["-2", "1/3", "9", "10"]
    assert [item.option for item in found.items] == [None] * 4


def test_ties_are_ranked_by_a_hash_of_seed_and_class() -> None:
    given_ = [candidate(ALICE, "red"), candidate(BOB, "green"), candidate(CAROL, "blue")]
    orders = set()
    for place in range(40):
        seed = bytes([place]) * 32
        found = classes(CHOICE, given_, seed)
        hashes = [tagged_hash("tie", seed, item.answer.encode()) for item in found.items]
        assert [item.tie for item in found.items] == hashes
        assert [hashes[at] for at in found.order] == sorted(hashes)
        orders.add(found.order)
    assert len(orders) == 6
