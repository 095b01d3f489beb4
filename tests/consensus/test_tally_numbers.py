"""Numbers as models write them: read exactly, or void with the reason (O1)."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consensus.bodies import MAX_LABEL, MAX_UNIT, AnswerKind, AnswerSpec, BodyError
from consensus.tally import normalise
from consensus.tally.numbers import MAX_DEPTH, NotNumber, number, spell
from tests.harness.tallies import NUMBER

AIME = Path(__file__).parents[1] / "data" / "aime2025_answers.json"


def of(unit: str) -> AnswerSpec:
    return AnswerSpec(kind=AnswerKind.NUMBER, unit=unit)


@pytest.mark.parametrize(
    ("answer", "spelled"),
    [
        ("336^\\circ", "336"),
        ("$336^{\\circ}$", "336"),
        ("\\boxed{336^\\circ}", "336"),
        ("\\boxed{336}^\\circ", "336"),
        ("336\u00b0", "336"),
        ("336 degrees", "336"),
        ("336\\,\\degree", "336"),
        ("$$\\boxed{\\text{336}}$$", "336"),
        ("\\(-7\\)", "-7"),
        ("\\[ \\mathrm{7} \\]", "7"),
        ("{7}", "7"),
        ("\u22127", "-7"),
        ("1,000", "1000"),
        ("12,345,678.5", "12345678.5"),
        ("1{,}000{,}000", "1000000"),
        ("1\\,000", "1000"),
        ("1,\\!000", "1000"),
        ("1\u202f000\u202f000", "1000000"),
        ("\\frac{1}{2}", "0.5"),
        ("-\\dfrac{1}{3}", "-1/3"),
        ("\\tfrac34", "0.75"),
        ("\\frac{-1}{2}", "-0.5"),
        ("\\frac12", "0.5"),
        ("\\frac{1,000}{3}", "1000/3"),
        ("3 / 4", "0.75"),
        ("1.5 \\times 10^{3}", "1500"),
        ("1.5\\cdot10^3", "1500"),
        ("1.5\u00d710\u207b\u00b3", "0.0015"),
        ("2*10^-3", "0.002"),
        ("$10^{6}$", "1000000"),
        ("1e03", "1000"),
    ],
)
def test_what_typesets_and_does_not_mean_is_taken_off(answer: str, spelled: str) -> None:
    assert normalise(NUMBER, answer) == (spelled, "")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("1,5", "a comma parts groups of three"),
        ("0,123", "a comma parts groups of three"),
        ("1,00,000", "a comma parts groups of three"),
        ("1,0000", "a comma parts groups of three"),
        ("1.234.567", "is needed"),
        ("1,000\\,000", "a comma parts"),
        ("100 200", "is needed"),
        ("1\u00a0000 000", "is needed"),
        ("1'000", "is needed"),
        ("1_000", "is needed"),
        ("7%", "a percent sign may be the unit or a hundredth"),
        ("7 percent", "a percent sign may be the unit or a hundredth"),
        ("5 km", "is needed"),
        ("$5", "is needed"),
        ("336^\\circ\\circ", "is needed"),
        ("336 rad", "is needed"),
        ("1\\frac{1}{2}", "is needed"),
        ("1 1/2", "is needed"),
        ("\\frac{1.5}{2}", "is needed"),
        ("\\frac{1}{-2}", "is needed"),
        ("\\frac{\\frac{1}{2}}{3}", "is needed"),
        ("\\sqrt{4}", "is needed"),
        ("2^10", "is needed"),
        ("2+2", "is needed"),
        ("x=7", "is needed"),
        ("\\boxed{x=7}", "is needed"),
        ("\\boxed{7} or \\boxed{8}", "is needed"),
        ("$7$ and $8$", "is needed"),
        ("{7}{8}", "is needed"),
        ("\\boxed{}", "is needed"),
        ("$$", "is needed"),
        ("\\", "is needed"),
        ("\\boxed{7", "is needed"),
        ("\\text{seven}", "is needed"),
        ("\u22127\u2212", "is needed"),
        ("\u2212\u22127", "is needed"),
        ("e3", "is needed"),
        ("0x10", "is needed"),
        ("NaN", "is needed"),
        ("-Infinity", "is needed"),
        ("\u221e", "U+221E stands in it"),
        ("\u20137", "U+2013 stands in it"),
        ("\u20117", "U+2011 stands in it"),
        ("\uff17", "U+FF17 stands in it"),
        ("\u0667", "U+0667 stands in it"),
        ("\U0001d7d5", "U+1D7D5 stands in it"),
        ("\u202e7", "U+202E stands in it"),
        ("7\u200b", "U+200B stands in it"),
        ("7\u0301", "U+0301 stands in it"),
        ("\u2460", "U+2460 stands in it"),
        ("\u00bd", "U+00BD stands in it"),
        ("7\x00", "U+0000 stands in it"),
        ("\u041e", "U+041E stands in it"),
        ("7\u066c000", "U+066C stands in it"),
    ],
)
def test_what_could_be_read_in_two_ways_or_looks_like_a_number_is_void(
    answer: str, why: str
) -> None:
    spelled, reason = normalise(NUMBER, answer)
    assert spelled is None
    assert reason.startswith("is not a number: ")
    assert why in reason


@pytest.mark.parametrize("zero", ["1/0", "\\frac{1}{0}", "0/0", "-1/000", "\\frac10"])
def test_nothing_is_divided_by_zero(zero: str) -> None:
    assert normalise(NUMBER, zero) == (None, "is a fraction over zero")


@pytest.mark.parametrize(
    "answer",
    ["1e100", "1e1000000000", "1e-100", "10^10000000000", "2\\times10^{999}", "1e" + "9" * 254],
)
def test_a_huge_exponent_is_refused_before_it_is_raised(answer: str) -> None:
    assert normalise(NUMBER, answer) == (None, "has an exponent beyond 99")


def test_tower_of_exponents_is_no_number() -> None:
    assert normalise(NUMBER, "10^10^9")[0] is None


def test_a_number_that_takes_more_room_than_an_answer_is_void() -> None:
    assert normalise(NUMBER, "9" * MAX_LABEL) == ("9" * MAX_LABEL, "")
    long = "9" * 158 + "e99"
    assert normalise(NUMBER, long) == (None, "has 257 characters when written out, over 256")
    assert normalise(NUMBER, long[1:])[1] == ""
    assert normalise(NUMBER, "9" * 257) == (None, "has 257 characters, over 256")


def test_typesetting_nests_as_deep_as_is_said_and_no_deeper() -> None:
    def boxed(depth: int) -> str:
        return "\\boxed{" * depth + "7" + "}" * depth

    assert normalise(NUMBER, boxed(MAX_DEPTH)) == ("7", "")
    assert normalise(NUMBER, boxed(MAX_DEPTH + 1))[0] is None
    assert normalise(NUMBER, "{" * 128 + "}" * 128)[0] is None


@pytest.mark.parametrize(
    ("unit", "answers", "value"),
    [
        ("%", ("7", "7%", "7\\%", "$7\\%$", "7 percent", "7.0 %"), "7"),
        ("percent", ("7%", "7 percent"), "7"),
        ("km", ("7", "7 km", "7km", "7\\text{ km}", "$7\\,\\mathrm{km}$", "\\boxed{7} km"), "7"),
        ("m/s^2", ("9.81 m/s^2", "9.81"), "9.81"),
        ("degrees", ("90", "90\u00b0", "90^{\\circ}", "90 degree"), "90"),
        ("\u00b0C", ("5 \u00b0C", "5^\\circ\\text{C}", "5"), "5"),
        ("$", ("1000", "$1,000", "\\$1,000", "1,000$", "$\\$1000$"), "1000"),
        ("$", ("-5", "-$5", "$-5", "\u2212\\$5"), "-5"),
        ("\u20ac", ("5 \u20ac", "\u20ac5"), "5"),
        ("apples", ("3/4 apples", "\\frac{3}{4}\\text{ apples}"), "0.75"),
    ],
)
def test_the_tasks_unit_may_be_spelled_or_left_out(
    unit: str, answers: tuple[str, ...], value: str
) -> None:
    assert [normalise(of(unit), answer) for answer in answers] == [(value, "")] * len(answers)


@pytest.mark.parametrize(
    ("unit", "answer"),
    [
        ("km", "7 m"),
        ("km", "7 km km"),
        ("km", "7 KM"),
        ("km", "km"),
        ("km", "7%"),
        ("km", "7\u00b0"),
        ("rad", "7^\\circ"),
        ("%", "7%%"),
        ("$", "\u20ac7"),
        ("$", "$7$7"),
        ("\u00b0C", "7\u00b0"),
        ("\u00b0", "7\u00b0C"),
    ],
)
def test_another_unit_than_the_tasks_is_void(unit: str, answer: str) -> None:
    spelled, reason = normalise(of(unit), answer)
    assert spelled is None
    assert reason.startswith("is not a number: ")


def test_what_is_a_number_as_it_stands_is_that_number_whatever_the_unit_is_called() -> None:
    assert normalise(of("e3"), "1e3") == ("1000", "")
    assert normalise(of("e3"), "1 e3") == ("1", "")


def test_every_answer_of_aime_2025_is_its_integer() -> None:
    answers = json.loads(AIME.read_text(encoding="utf-8"))
    assert len(answers) == 30
    spelled = [normalise(NUMBER, answer) for answer in answers]
    assert all(reason == "" and value is not None and value.isdigit() for value, reason in spelled)
    assert {a for a, (s, _) in zip(answers, spelled, strict=True) if a != s} == {"336^\\circ"}
    for answer in answers:
        for shown in ("\\boxed{%s}", "$%s$", "\\(\\boxed{%s}\\)", " %s\n"):
            assert normalise(NUMBER, shown % answer) == normalise(NUMBER, answer)


@given(st.fractions(max_denominator=10**9), st.sampled_from(["{}", "${}$", "\\boxed{{{}}}"]))
def test_a_spelling_is_read_as_its_value_in_any_wrapping(value: Fraction, shown: str) -> None:
    assert number(shown.format(spell(value))) == value


@given(st.integers(0, 10**40), st.sampled_from([",", "{,}", "\\,", ",\\!", "\u2009", "\u202f"]))
def test_grouped_digits_are_the_integer(value: int, part: str) -> None:
    assert number(f"{value:,}".replace(",", part)) == value


PIECES = ["\\frac", "{", "}", "$", "\\boxed{", "\\text{", "7", "1,000", "^\\circ", "\\%", "/"]


@given(
    st.text(
        st.sampled_from("0123456789+-\u2212.,/eE^{}\\$% ()[]*\u00d7\u00b0\u00b3km"), max_size=24
    )
    | st.lists(st.sampled_from(PIECES), max_size=10).map("".join),
    st.sampled_from(["", "%", "km", "$", "\u00b0"]),
)
@example("$", "$")
@example("7^{\\circ}^\\circ", "")
def test_any_text_has_one_spelling_that_is_its_own_or_a_reason(text: str, unit: str) -> None:
    spelled, reason = normalise(of(unit), text)
    assert (spelled is None) == bool(reason)
    if spelled is not None:
        assert normalise(of(unit), spelled) == (spelled, "")
        assert spell(Fraction(spelled)) == spelled


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        ("x" * (MAX_UNIT + 1), "over 32"),
        (" km", "padded"),
        ("k\u202em", "cannot be shown"),
        ("k\nm", "cannot be shown"),
        ("k\u200bm", "cannot be shown"),
        ("\ud800", "unit"),
    ],
)
def test_a_unit_is_short_and_everybody_sees_it(unit: str, said: str) -> None:
    of("x" * MAX_UNIT)
    with pytest.raises(BodyError, match=said):
        of(unit)


@pytest.mark.parametrize("kind", [AnswerKind.CHOICE, AnswerKind.TEXT, AnswerKind.JSON])
def test_only_a_number_has_a_unit(kind: AnswerKind) -> None:
    with pytest.raises(BodyError, match="takes no unit"):
        AnswerSpec(kind=kind, options=("a", "b") if kind is AnswerKind.CHOICE else (), unit="km")


def test_the_reason_names_the_unit_that_was_asked_for() -> None:
    with pytest.raises(NotNumber, match="is needed, alone or in km"):
        number("seven", "km")
