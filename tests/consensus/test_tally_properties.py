"""What no round may break: order, missing ballots, scales, clones, the mask (O1 to O4, R9)."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from consensus import canonical
from consensus import policy as policies
from consensus.bodies import AnswerKind, Ballot
from consensus.envelope import MessageId
from consensus.masking import strike
from consensus.policy import ONE, Policy
from consensus.tally import Candidate, CountedBallot, Status, Weights
from tests.harness.tallies import (
    ALICE,
    BOB,
    CAROL,
    TIE,
    Round,
    ballot,
    candidate,
    id_of,
    rounds,
    words,
)

RULES = st.sampled_from(policies.RULES)

WAYS = st.builds(
    Policy,
    rule=RULES,
    mask=st.sampled_from(["proposal", "class"]),
    endorsements=st.sampled_from(["scaled", "scaled", "credits"]),
    credits=st.sampled_from([100, 10_000]),
    ballots=st.sampled_from(["all", "all", "trimmed", "median_of_means"]),
    strengths_over=st.sampled_from(["classes", "classes", "candidates"]),
    ties=st.sampled_from(["half", "half", "davidson"]),
    position=st.sampled_from(["none", "none", "fitted"]),
    judges=st.sampled_from(["alike", "alike", "discerning"]),
)
"""Policies with every rule and option."""


def figures(of: Round) -> dict[str, Any]:
    """All but ids and the members' own figures."""
    data = of.tally().to_dict()
    for name in ("scores", "weights", "judge_scores", "judge_weights"):
        del data[name]
    for item in data["classes"]:
        item["candidates"] = len(item["candidates"])
    for item in data["void"]:
        del item["id"]
    data["refused"] = len(data["refused"])
    return data


@given(rounds(), WAYS, st.randoms(use_true_random=False))
def test_the_order_of_candidates_and_ballots_changes_nothing(
    of: Round, way: Policy, random: Any
) -> None:
    of = replace(of, policy=way)
    candidates, ballots = list(of.candidates), list(of.ballots)
    random.shuffle(candidates)
    random.shuffle(ballots)
    again = of.tally(candidates=tuple(candidates), ballots=tuple(ballots))
    assert again.to_dict() == of.tally().to_dict()


@given(rounds(), WAYS, st.randoms(use_true_random=False))
def test_who_sits_where_changes_no_figure(of: Round, way: Policy, random: Any) -> None:
    """But for the blocks of the median of means, which are drawn by seat, and for equal shares of
    trimmed ballots that differ in how they came to them, of which the first seat's stays."""
    plain = (way.ties, way.position, way.judges) == ("half", "none", "alike")
    assume(way.ballots == "all" or (way.ballots == "trimmed" and plain))
    of = replace(of, policy=way)
    seats = list(range(of.n))
    random.shuffle(seats)

    def moved(values: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(values[seats.index(seat)] for seat in range(of.n))

    again = replace(
        of,
        candidates=tuple(replace(item, author=seats[item.author]) for item in of.candidates),
        ballots=tuple(replace(item, voter=seats[item.voter]) for item in of.ballots),
        weights=Weights(scores=moved(of.heard.scores), weights=moved(of.heard.weights)),
    )
    assert figures(again) == figures(of)


@given(rounds(), WAYS)
def test_which_ids_candidates_have_changes_no_figure(of: Round, way: Policy) -> None:
    of = replace(of, policy=way)
    names = {item.id: id_of(item.author, " renamed") for item in of.candidates}

    def renamed(counted: CountedBallot) -> CountedBallot:
        old = counted.ballot
        held = tuple(sorted(names[id_] for id_ in old.held))
        at = [held.index(names[id_]) for id_ in old.held]
        return CountedBallot(
            voter=counted.voter,
            ballot=Ballot(
                held=held,
                pairs=tuple(
                    replace(pair, first=at[pair.first], second=at[pair.second])
                    for pair in old.pairs
                ),
                marks=tuple(replace(mark, candidate=at[mark.candidate]) for mark in old.marks),
            ),
        )

    again = replace(
        of,
        candidates=tuple(replace(item, id=names[item.id]) for item in of.candidates),
        ballots=tuple(renamed(item) for item in of.ballots),
    )
    assert figures(again) == figures(of)


@given(rounds(least=2), WAYS, st.booleans())
def test_a_missing_ballot_adds_nothing(of: Round, way: Policy, abstains: bool) -> None:
    of = replace(of, policy=way)
    silent = sorted(set(range(of.n)) - {item.voter for item in of.ballots})
    fields = {"abstain": "timed out"} if abstains else {}
    again = replace(
        of,
        ballots=of.ballots + tuple(ballot(voter, of.candidates, **fields) for voter in silent),  # type: ignore[arg-type]
    )
    before, after = figures(of), figures(again)
    if not abstains:  # an empty ballot makes up the number, and says nothing
        for data in (before, after):
            for name in ("ballots", "status", "winner", "runner_up", "belief", "tied", "robust"):
                del data[name]
    assert after == before


@given(rounds(limit=20), st.integers(2, 5), WAYS)
def test_the_scale_of_endorsements_changes_nothing(of: Round, times: int, way: Policy) -> None:
    """But where endorsements are votes that cost credits: there more of them say more."""
    of = replace(of, policy=replace(way, endorsements="scaled"))

    def louder(counted: CountedBallot) -> CountedBallot:
        marks = tuple(
            replace(mark, endorsement=mark.endorsement * times) for mark in counted.ballot.marks
        )
        return replace(counted, ballot=replace(counted.ballot, marks=marks))

    again = replace(of, ballots=tuple(louder(item) for item in of.ballots))
    assert again.tally().to_dict() == of.tally().to_dict()


BY_BALLOTS = ("bradley_terry", "quadratic", "borda", "copeland", "kemeny")
"""Rules that read ballots alone. The others count who answers what, and an answer that more
members give is more often right: there the authors of clones are so many more voices, and the
blend is moved by them as far as it reads proposals (`test_tally_rules`)."""


@given(rounds(least=2, most=4), st.integers(1, 3), WAYS, st.sampled_from(BY_BALLOTS), st.data())
def test_clones_gain_nothing(
    of: Round, clones: int, way: Policy, rule: str, data: st.DataObject
) -> None:
    of = replace(of, policy=replace(way, rule=rule, strengths_over="classes"))
    before = of.count()
    if not before.classes.items:
        return
    cloned = data.draw(st.sampled_from(before.classes.items)).candidates
    originals = [item for item in of.candidates if item.id in cloned] * clones
    # The clones' authors cast no ballot, so that only what is said of them could help.
    copies = tuple(
        (item.id, replace(item, id=id_of(author), author=author))
        for author, item in enumerate(originals, start=of.n)
    )
    after = of.count(
        candidates=of.candidates + tuple(copy for _, copy in copies),
        ballots=tuple(_with_clones(item, copies) for item in of.ballots),
        weights=Weights(
            scores=of.heard.scores + (5_000,) * len(copies),
            weights=of.heard.weights + (ONE,) * len(copies),
        ),
    )
    assert after.scores == before.scores
    assert after.strengths == before.strengths
    assert after.support == before.support
    assert after.conviction == before.conviction
    assert after.borda == before.borda
    assert after.margins == before.margins


def _with_clones(
    counted: CountedBallot, copies: tuple[tuple[MessageId, Candidate], ...]
) -> CountedBallot:
    """The ballot with every word on an original said of each copy too."""
    old = counted.ballot
    held = tuple(sorted([*old.held, *(copy.id for _, copy in copies)]))
    alike = [
        [held.index(id_), *(held.index(copy.id) for original, copy in copies if original == id_)]
        for id_ in old.held
    ]
    return CountedBallot(
        voter=counted.voter,
        ballot=Ballot(
            held=held,
            pairs=tuple(
                replace(pair, first=first, second=second)
                for pair in old.pairs
                for first in alike[pair.first]
                for second in alike[pair.second]
            ),
            marks=tuple(
                replace(mark, candidate=at) for mark in old.marks for at in alike[mark.candidate]
            ),
        ),
    )


@given(rounds(diagonal=True), WAYS, st.data())
def test_the_struck_diagonal_has_no_influence(of: Round, way: Policy, data: st.DataObject) -> None:
    def changed(counted: CountedBallot) -> CountedBallot:
        """The same ballot with other words on the voter's own."""
        old = counted.ballot
        if id_of(counted.voter) not in old.held:
            return counted
        own = old.held.index(id_of(counted.voter))
        return replace(
            counted,
            ballot=replace(
                old,
                pairs=tuple(
                    replace(pair, preference=TIE) if own in (pair.first, pair.second) else pair
                    for pair in old.pairs
                ),
                marks=tuple(
                    replace(mark, endorsement=data.draw(st.integers(-100, 100)))
                    if mark.candidate == own
                    else mark
                    for mark in old.marks
                ),
            ),
        )

    def masked(counted: CountedBallot) -> CountedBallot:
        return replace(counted, ballot=strike(counted.ballot, id_of(counted.voter))[0])

    of = replace(of, policy=way)
    one = of.tally(ballots=tuple(masked(item) for item in of.ballots))
    two = of.tally(ballots=tuple(masked(changed(item)) for item in of.ballots))
    assert one.to_dict() == two.to_dict()


@given(rounds(diagonal=True), WAYS, st.data())
def test_the_struck_class_has_no_influence(of: Round, way: Policy, data: st.DataObject) -> None:
    """R9b: with other words on its own answer, whoever gave it, a voter says the same.

    Free texts are classed by such words before they are struck, and are left out here.
    """
    assume(of.spec.kind is not AnswerKind.TEXT)
    of = replace(of, policy=replace(way, mask="class", endorsements="scaled"))
    grouped = of.count().classes

    def changed(counted: CountedBallot) -> CountedBallot:
        old = counted.ballot
        mine = {
            at
            for at, id_ in enumerate(old.held)
            if id_ in grouped.of and counted.voter in grouped.items[grouped.of[id_]].authors
        }
        return replace(
            counted,
            ballot=replace(
                old,
                pairs=tuple(
                    replace(pair, preference=data.draw(words), confidence=5_000)
                    if mine & {pair.first, pair.second}
                    else pair
                    for pair in old.pairs
                ),
                marks=tuple(
                    replace(mark, endorsement=data.draw(st.integers(-100, 100)))
                    if mark.candidate in mine
                    else mark
                    for mark in old.marks
                ),
            ),
        )

    again = of.tally(ballots=tuple(changed(item) for item in of.ballots))
    assert again.to_dict() == of.tally().to_dict()


@given(rounds(), WAYS)
def test_figures_are_within_their_bounds_and_canonical(of: Round, way: Policy) -> None:
    found = of.tally(policy=way)
    assert canonical.decode(canonical.encode(found.to_dict())) == found.to_dict()
    assert found.converged
    for name in ("belief", "proposals", "strength"):
        parts = [getattr(item, name) for item in found.classes]
        assert sum(parts) == (ONE if parts else 0)
        assert all(0 <= part <= ONE for part in parts)
    for item in found.classes:
        assert abs(item.support) <= item.conviction <= ONE
        assert 0 <= item.borda <= ONE
        assert 0 < item.error <= 20_000
    assert (found.winner is None) == (found.status not in (Status.DECIDED, Status.UNJUDGED))


@given(rounds())
def test_every_voter_spends_one_unit_of_squared_votes(of: Round) -> None:
    for reading in of.count().readings:
        if reading.votes:
            assert sum(vote * vote for vote in reading.votes) == pytest.approx(1.0)


def test_a_voter_with_many_pairs_has_the_same_say_on_two_classes_as_one_with_one() -> None:
    table = (candidate(ALICE, "red"), candidate(BOB, "green"), candidate(CAROL, "green"))
    once = ballot(3, table, [(ALICE, BOB, TIE, 0)])
    often = ballot(3, table, [(ALICE, BOB, TIE, 0), (CAROL, ALICE, TIE, 0)])
    of = Round(n=4, candidates=table, ballots=(once,))
    assert of.count().fit == of.count(ballots=(often,)).fit


@given(rounds(least=2))
def test_where_nobody_agrees_candidates_and_classes_are_one(of: Round) -> None:
    over = of.count(policy=Policy(strengths_over="candidates"))
    if all(len(item.candidates) == 1 for item in over.classes.items):
        assert over.strengths == of.count().strengths
        assert over.errors == of.count().errors


@given(rounds(least=2))
def test_over_candidates_the_order_of_ballots_changes_nothing(of: Round) -> None:
    of = replace(of, policy=Policy(strengths_over="candidates"))
    turned = replace(of, candidates=of.candidates[::-1], ballots=of.ballots[::-1])
    assert figures(turned) == figures(of)
