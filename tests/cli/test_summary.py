"""What a decision says in words, warnings first."""

from typing import Any

import pytest

from node.cli.summary import Summary, cautions
from node.cli.tables import LINES_MAX, Roll, size, tame, tame_lines

KEYS = tuple(f"{place}" * 64 for place in (1, 2, 3))
DISSENT = {
    "answer": "no",
    "argument": "It never was.",
    "belief": 3_000,
    "by": 1,
    "members": [1],
}
PLAN = {
    "rivals": [
        {"answer": "yes", "belief": 7_000, "share": 7_000},
        {"answer": "no", "belief": 3_000, "share": 3_000},
    ],
    "questions": [{"by": 0, "for": 1, "text": 'Does this hold against "yes": it was dark'}],
    "fetch": [{"for": 0, "source": "s1", "text": "Read s1: cited for the one"}],
}
ROLL = Roll(keys=KEYS, names=("carol", "bob", "alice"))


def figures(**decision: Any) -> dict[str, Any]:
    """Figures of an outcome of two answers, yes by alice and carol, no by bob."""
    shown = {"strength": 5_000, "error": 5_000, "support": 0, "excerpt": ""}
    return {
        "proposals": ["aa", "bb", "cc"],
        "authors": [0, 1, 2],
        "strikes": [],
        "tally": {
            "classes": [
                {"answer": "no", "candidates": ["bb"], "belief": 3_000, **shown},
                {"answer": "yes", "candidates": ["aa", "cc"], "belief": 7_000, **shown},
            ],
            "baselines": {"majority": "yes", "majority_tied": decision.pop("majority_tied", [])},
            "tied": decision.pop("tied", []),
            "ballots": 3,
            "winner": "yes" if decision.get("answer", "yes") else None,
            "runner_up": "no" if decision.get("answer", "yes") else None,
        },
        "decision": {
            "answer": "yes",
            "dissent": None if decision.get("answer", "yes") is None else DISSENT,
            "plan": None,
            "probability": 7_000,
            "reason": "rounds",
            "status": "decided",
            "warnings": [],
            **decision,
        },
    }


def test_the_answer_comes_with_belief_majority_and_dissent() -> None:
    found = Summary.of(figures(), 2, ROLL)
    assert found.headline == "Answer     yes, believed 70.0 %"
    assert found.lines == (
        "Majority   would have said yes",
        "Dissent    no, by bob, believed 30.0 %",
        "           bob argued: It never was.",
        "Ended      after 2 rounds: the policy allows no more rounds",
    )


def test_a_lot_and_a_tied_majority_are_named() -> None:
    found = Summary.of(figures(tied=["no", "yes"], majority_tied=["no", "yes"]), 1, ROLL)
    assert found.headline.endswith("; a tie, drawn by lot")
    assert found.lines[0] == "Majority   would have said a tie of no, yes"
    assert found.lines[-1].startswith("Ended      after 1 round: ")


def test_an_unsure_answer_comes_with_what_to_find_out() -> None:
    found = Summary.of(figures(plan=PLAN), 2, ROLL)
    assert found.lines[3:-1] == (
        "Open       yes (70.0 %) or no (30.0 %), of the two alone",
        'Ask        Does this hold against "yes": it was dark (if so, no gains)',
        "Fetch      Read s1: cited for the one",
    )
    plain = found.plain()["plan"]
    assert plain["rivals"][0] == {"answer": "yes", "belief": 0.7, "share": 0.7}
    assert plain["questions"][0]["speaks_for"] == "no"
    assert plain["fetch"][0]["speaks_for"] == "yes"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("undecided", "No answer: the two members disagree"),
        ("degraded", "No answer: too few members took part, as the warning says"),
    ],
)
def test_no_answer_says_why(status: str, said: str) -> None:
    found = Summary.of(figures(answer=None, probability=0, status=status), 1, ROLL)
    assert found.headline == said
    assert found.plain()["dissent"] is None


@pytest.mark.parametrize(
    ("code", "text", "line"),
    [
        ("degraded", "11111111: no show", "warning: degraded: carol: no show"),
        (
            "fragile",
            "1 of 3 members",
            "warning: fragile: 1 of 3 members could have changed the winner",
        ),
        ("unmasked", "for now", "warning: unmasked: for now"),
        ("crash_mode", "one can fork it", "warning: crash mode: one can fork it"),
        ("unsure", "believed little", "warning: unsure: believed little"),
        ("one_family", "all oaks", "warning: one family: all oaks"),
        ("swayed", "11111111 drew 2", "warning: swayed: carol drew 2"),
    ],
)
def test_each_warning_is_put_into_words(code: str, text: str, line: str) -> None:
    (caution,) = cautions([[code, text]], ROLL)
    assert caution.line == line
    assert caution.plain()["code"] == code


def test_for_programs_the_warnings_are_first_and_shares_are_of_one() -> None:
    plain = Summary.of(figures(warnings=[["unmasked", "x"]]), 3, ROLL).plain()
    assert next(iter(plain)) == "warnings"
    assert (plain["probability"], plain["rounds"]) == (0.7, 3)


def test_members_without_a_federation_file_are_named_by_their_keys() -> None:
    roll = Roll.of(KEYS, None)
    assert roll.names == ("11111111", "22222222", "33333333")
    assert roll.name("4" * 64) == "44444444"
    assert ROLL.naming("11111111, 22222222 and 44444444") == "carol, bob and 44444444"


def test_a_long_answer_stands_in_full_under_its_belief() -> None:
    found = Summary.of(figures(answer="First:\n\n\n\n\tone\x1b[2J\nLast." + "x" * 400), 1, ROLL)
    assert found.headline == "Answer     believed 70.0 %:"
    assert found.body == ("  First:", "", "      one\ufffd[2J", "  Last." + "x" * 400)
    assert Summary.of(figures(answer="Short."), 1, ROLL).body == ()


def test_lines_past_the_most_are_counted() -> None:
    assert tame_lines("a\n" * LINES_MAX) == ("a",) * LINES_MAX
    assert tame_lines("a\n" * (LINES_MAX + 1))[LINES_MAX:] == ("... (1 more lines)",)
    assert tame_lines("\u202e\x07") == ("\ufffd\ufffd",)


def test_a_free_text_is_shown_by_how_it_begins_and_named_by_its_hash() -> None:
    data = figures(answer="Yes, in full.", majority_tied=["aa" * 32, "bb" * 32])
    no, yes = data["tally"]["classes"]
    no |= {"answer": "aa" * 32, "excerpt": "No, be"}
    yes |= {"answer": "bb" * 32, "excerpt": "Yes, in"}
    data["tally"] |= {"winner": "bb" * 32, "runner_up": "aa" * 32}
    found = Summary.of(data, 1, ROLL)
    assert found.lines[0] == "Majority   would have said a tie of No, be, Yes, in"
    assert [item.answer for item in found.last.standings] == ["Yes, in", "No, be"]
    assert found.plain()["majority_tied"] == ["No, be", "Yes, in"]
    assert found.plain()["answer"] == "Yes, in full."


def test_long_and_unprintable_words_are_made_tame() -> None:
    assert tame("a\tb\nc") == "a b c"
    assert tame("\x1b[31mred\u202e") == "\N{REPLACEMENT CHARACTER}[31mred\N{REPLACEMENT CHARACTER}"
    assert tame("x" * 301) == "x" * 300 + "... (301 characters)"


def test_sizes_have_fitting_units() -> None:
    assert [size(999), size(1_000), size(2_345_678)] == ["999 bytes", "1.0 kB", "2.3 MB"]
