"""Whole rounds of small committees: what each misfortune costs, and whom (rules R, V6, E3)."""

from dataclasses import replace
from typing import Any

import pytest

from consensus.bodies import AnswerKind, AnswerSpec, Proposal
from consensus.committee import FaultMode
from consensus.deliberation.requests import DraftRequest, JudgeRequest, Judgment
from consensus.policy import RULES, Policy
from node.sim.mallory import Mallory, shared
from node.sim.member import Mind, SimNode
from node.sim.minds import hanging, opinionated
from node.sim.network import Weather
from tests.harness.swarms import ORDERS, QUICK, SmallSwarm, decided


def warnings(decision: dict[str, Any]) -> dict[str, str]:
    """What a verdict says first: kind to text."""
    return dict(decision["warnings"])


def failing(mind: Mind) -> Mind:
    return Mind(draft=lambda _: None, judge=lambda _: None, delay=mind.delay)


MINDS = [opinionated(order) for order in ORDERS]

# -- sizes (R10, S6) ----------------------------------------------------------------------


def test_lone_member_is_unjudged() -> None:
    checked = decided(SmallSwarm(1))
    assert checked.decision["status"] == "unjudged"
    assert checked.decision["answer"] == "a"
    assert "unmasked" in warnings(checked.decision)


def test_two_members_who_disagree_are_undecided() -> None:
    checked = decided(SmallSwarm(2, minds=[opinionated("abc"), opinionated("bac")]))
    assert checked.decision["status"] == "undecided"
    assert checked.decision["answer"] is None


def test_two_members_who_agree_decide() -> None:
    checked = decided(SmallSwarm(2, minds=[opinionated("abc"), opinionated("acb")]))
    assert checked.decision["status"] == "decided"
    assert checked.decision["answer"] == "a"
    assert checked.decision["reason"] == "unanimity"


@pytest.mark.parametrize("count", [3, 4, 5, 7, 10])
def test_committee_of_any_size_decides(count: int) -> None:
    minds = [opinionated(ORDERS[at % 7]) for at in range(count)]
    checked = decided(SmallSwarm(count, minds=minds))
    assert checked.decision["status"] == "decided"
    assert ("unmasked" in warnings(checked.decision)) == (count < 4)


def test_crash_mode_stands_in_the_verdict() -> None:
    checked = decided(SmallSwarm(3, mode=FaultMode.CRASH))
    assert "fork" in warnings(checked.decision)["crash_mode"]


# -- models that fail (R0, R9a) -----------------------------------------------------------


def test_model_that_fails_abstains_and_the_verdict_says_so() -> None:
    checked = decided(SmallSwarm(minds=[*MINDS[:3], failing(MINDS[3])]))
    assert checked.decision["status"] == "degraded"
    assert checked.decision["answer"] is not None
    said = warnings(checked.decision)["degraded"]
    assert "drafted nothing: the simulated model failed" in said
    assert "judged nothing: the simulated model failed" in said
    assert checked.outcomes[0]["strikes"] == []


def test_model_that_hangs_costs_its_member_a_word_and_the_others_a_deadline() -> None:
    swarm = SmallSwarm(minds=[*MINDS[:3], hanging(MINDS[3])])
    checked = decided(swarm)
    said = warnings(checked.decision)["degraded"]
    assert "the model gave no draft in time" in said
    assert "the model gave no judgment in time" in said
    assert checked.outcomes[0]["ballots"] == [0, 1, 2, 3]
    assert swarm.clock.now < 8_000


def test_hanging_model_beside_a_silent_member_stalls_nobody() -> None:
    swarm = SmallSwarm(
        minds=[hanging(MINDS[0]), *MINDS[1:4]], habits=frozenset({"silent", "unopened"})
    )
    silent = swarm.nodes[3]
    assert isinstance(silent, Mallory)
    silent._silent_from = 0
    checked = decided(swarm)
    # Two of four judged: under a quorum of ballots there is no winner (R9a).
    assert checked.decision["answer"] is None
    assert "no winner: no quorum" in warnings(checked.decision)["degraded"]


def test_all_models_failing_ends_without_candidates() -> None:
    checked = decided(SmallSwarm(minds=[failing(mind) for mind in MINDS[:4]]))
    assert checked.decision["answer"] is None
    assert "no winner: no candidates" in warnings(checked.decision)["degraded"]


# -- members that cheat (R8, R9) ----------------------------------------------------------


def test_member_that_opens_nothing_costs_itself_alone() -> None:
    honest = decided(SmallSwarm())
    checked = decided(SmallSwarm(habits=frozenset({"unopened"})))
    assert checked.outcomes[0]["strikes"] == [[3, "unopened"]]
    assert checked.outcomes[0]["ballots"] == [0, 1, 2]
    assert len(checked.outcomes[0]["proposals"]) == 3
    assert checked.decision["status"] == "degraded"
    assert honest.decision["status"] == "decided"


def test_opening_that_does_not_match_counts_for_nothing() -> None:
    # Deaf, it hands out no second opening in answer to a digest: its slot is not void.
    checked = decided(SmallSwarm(habits=frozenset({"mismatch", "deaf"})))
    assert [3, "mismatch"] in checked.outcomes[0]["strikes"]
    assert 3 not in checked.outcomes[0]["ballots"]
    assert 3 not in checked.outcomes[0]["authors"]


def test_votes_for_oneself_are_struck_and_cost_a_strike() -> None:
    honest = decided(SmallSwarm())
    checked = decided(SmallSwarm(habits=frozenset({"self_vote"})))
    assert checked.outcomes[0]["strikes"] == [[3, "self_vote"]]
    mine = [item["belief"] for item in honest.outcomes[0]["tally"]["classes"]]
    theirs = [item["belief"] for item in checked.outcomes[0]["tally"]["classes"]]
    assert mine == theirs


def test_a_ballot_over_its_credits_is_refused_by_name_and_no_other() -> None:
    policy = replace(QUICK, endorsements="credits", rule="quadratic")
    honest = decided(SmallSwarm(policy=policy))
    assert honest.decision["status"] == "decided"
    assert honest.outcomes[0]["tally"]["refused"] == []
    checked = decided(SmallSwarm(policy=policy, habits=frozenset({"overspent"})))
    (refused,) = checked.outcomes[0]["tally"]["refused"]
    assert refused["voter"] == 3
    assert "credits, over the policy's 100" in refused["reason"]
    said = warnings(checked.decision)["degraded"]
    assert f"'s ballot is refused: {refused['reason']}" in said
    assert checked.outcomes[0]["tally"]["ballots"] == 3
    assert checked.outcomes[0]["strikes"] == []


@pytest.mark.parametrize(
    "option",
    [
        {"mask": "class"},
        {"ballots": "trimmed"},
        {"ballots": "median_of_means"},
        {"stops": "efficiency seat maci"},
        {"dials": "maci"},
        {"dials": "ucb"},
        *({"rule": rule} for rule in RULES),
    ],
    ids=str,
)
def test_every_rule_and_option_is_recomputed_by_all_and_by_verify(option: dict[str, str]) -> None:
    swarm = SmallSwarm(policy=replace(QUICK, **option))
    checked = decided(swarm)
    assert checked.decision["status"] == "decided"
    assert checked.outcomes[0]["tally"]["rule"] == swarm.committee.policy.rule


def test_two_claims_to_one_alias_void_both() -> None:
    class Twins(SmallSwarm):
        def make_node(self, position: int, mind: Mind) -> SimNode:
            if position < 5:
                return super().make_node(position, mind)
            return Mallory(self, position, mind, habits=frozenset(), rng=self.rng)

    swarm = Twins(7)
    shared([node for node in swarm.nodes if isinstance(node, Mallory)])
    checked = decided(swarm)
    assert checked.outcomes[0]["strikes"] == [[5, "alias"], [6, "alias"]]
    assert checked.outcomes[0]["ballots"] == [0, 1, 2, 3, 4]
    assert set(checked.outcomes[0]["authors"]) <= {0, 1, 2, 3, 4}


@pytest.mark.parametrize("habit", ["two_commits", "two_seals", "two_openings"])
def test_equivocation_voids_the_slot_of_the_equivocator_alone(habit: str) -> None:
    swarm = SmallSwarm(habits=frozenset({habit}))
    checked = decided(swarm)
    assert checked.decision["answer"] is not None
    for node in swarm.honest():
        assert {one.first.signer for one in node.convictions} <= {swarm.nodes[3].member}
    assert set(checked.outcomes[0]["ballots"]) >= {0, 1, 2}


def test_odd_ballot_hides_no_candidate() -> None:
    """V4: all but at most f of the ballots list it."""
    checked = decided(SmallSwarm(habits=frozenset({"odd_ballot"})))
    assert sorted(checked.outcomes[0]["authors"]) == [0, 1, 2, 3]


# -- unanimity (R11) ----------------------------------------------------------------------


def test_unanimity_of_two_families_ends_the_first_round() -> None:
    minds = [opinionated("abc")] * 4
    swarm = SmallSwarm(minds=minds, policy=replace(QUICK, rounds=3), families=("x", "x", "x", "y"))
    checked = decided(swarm)
    assert checked.decision["reason"] == "unanimity"
    assert len(checked.outcomes) == 1


def test_unanimity_within_one_family_is_no_evidence() -> None:
    minds = [opinionated("abc")] * 4
    swarm = SmallSwarm(minds=minds, policy=replace(QUICK, rounds=3), families=("x",) * 4)
    checked = decided(swarm)
    assert checked.decision["reason"] != "unanimity"
    assert len(checked.outcomes) > 1


# -- what models see (R1, R1a, R5) --------------------------------------------------------


class Curious:
    """Models that note what they are shown, before answering by `order`."""

    def __init__(self, order: str) -> None:
        self.mind = opinionated(order)
        self.drafts: list[DraftRequest] = []
        self.judges: list[JudgeRequest] = []

    def draft(self, request: DraftRequest) -> Proposal | None:
        self.drafts.append(request)
        return self.mind.draft(request)

    def judge(self, request: JudgeRequest) -> Judgment | None:
        self.judges.append(request)
        return self.mind.judge(request)

    def as_mind(self) -> Mind:
        return Mind(draft=self.draft, judge=self.judge)


def curious(policy: Policy) -> tuple[list[Curious], SmallSwarm]:
    minds = [Curious(order) for order in ORDERS[:4]]
    swarm = SmallSwarm(minds=[mind.as_mind() for mind in minds], policy=policy)
    decided(swarm)
    return minds, swarm


def test_rationales_are_shown_where_all_is_shared_and_nowhere_else() -> None:
    for share, said in (("all", {"a it is", "b it is", "c it is"}), ("answer", {""})):
        minds, _ = curious(replace(QUICK, rounds=2, share=share))
        shown = {
            item.proposal.rationale
            for mind in minds
            for request in mind.judges
            for item in request.candidates
        }
        recorded = {
            entry.proposal.rationale
            for mind in minds
            for request in mind.drafts
            for entry in request.record
        }
        assert shown == said
        assert recorded == said


def test_no_model_is_shown_its_own_proposal_to_judge() -> None:
    minds, _ = curious(replace(QUICK, rounds=3))
    for mind in minds:
        for request in mind.judges:
            assert len(request.candidates) == 3


def test_orders_differ_between_voters_and_rounds() -> None:
    minds, _ = curious(replace(QUICK, rounds=3))
    orders = {
        tuple(item.proposal.answer for item in request.candidates)
        for mind in minds
        for request in mind.judges
    }
    assert len(orders) > 3


def test_record_is_the_same_for_all_but_for_whose_it_is() -> None:
    minds, _ = curious(replace(QUICK, rounds=2))
    records = [mind.drafts[1].record for mind in minds]
    assert all(len(record) == 4 for record in records)
    assert len({tuple(replace(entry, own=False) for entry in record) for record in records}) == 1
    for record in records:
        assert sum(entry.own for entry in record) == 1
    assert all(len(entry.critiques) == 3 for entry in records[0])


def test_first_round_has_no_record() -> None:
    minds, _ = curious(QUICK)
    assert all(mind.drafts[0].record == () for mind in minds)


# -- other answers ------------------------------------------------------------------------


def test_numbers_are_decided_by_value_not_by_spelling() -> None:
    def mind(answer: str) -> Mind:
        return Mind(
            draft=lambda _: Proposal(answer=answer),
            judge=lambda _: Judgment(),
        )

    spec = AnswerSpec(kind=AnswerKind.NUMBER)
    minds = [mind(answer) for answer in ("0.5", "1/2", " 5e-1 ", "2")]
    checked = decided(SmallSwarm(spec=spec, minds=minds))
    assert checked.decision["answer"] == "0.5"


# -- weather ------------------------------------------------------------------------------


def test_split_committee_decides_once_it_is_whole() -> None:
    weather = Weather(split=frozenset({0, 1}), calm_at=20_000)
    swarm = SmallSwarm(weather=weather)
    decided(swarm)
    assert swarm.clock.now > 20_000


def test_majority_side_of_a_split_does_not_wait_for_the_minority() -> None:
    weather = Weather(split=frozenset({0}), calm_at=60_000)
    swarm = SmallSwarm(weather=weather)
    swarm.boot()
    rest = swarm.nodes[1:]
    assert swarm.clock.run(lambda: all(node.finish for node in rest), 30_000)
    assert swarm.nodes[0].finish is None
    assert swarm.clock.run(swarm.settled, 120_000)
    assert len(swarm.outcomes()) == 1
