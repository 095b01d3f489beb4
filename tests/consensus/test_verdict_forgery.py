"""A verdict that somebody changed, even a whole quorum: the rule that fails is named (E2)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from consensus import canonical
from consensus.agreement.instance import value_id
from consensus.bodies import Ballot, Report, TaskOpen, Vote
from consensus.committee import Committee
from consensus.deliberation.opened import Facts
from consensus.deliberation.outcome import figures
from consensus.deliberation.points import PointValue
from consensus.envelope import POINTS, Ctx, Envelope, Kind, Stage
from consensus.ports import Message
from consensus.verdict import Bundle, BundleError, VerdictError, verify
from tests.harness.verdicts import (
    Verdict,
    long_verdict,
    narcissist_verdict,
    plain_verdict,
    two_faced_verdict,
)


def refused(verdict: Verdict, bundle: Bundle, rule: str, words: str) -> None:
    """The bundle is refused for that rule, in these words."""
    with pytest.raises(VerdictError, match=words) as caught:
        verdict.verify(bundle)
    assert caught.value.rule == rule
    assert str(caught.value).startswith(f"{rule}: ")


@pytest.mark.parametrize(
    "made", [plain_verdict, long_verdict, narcissist_verdict, two_faced_verdict]
)
def test_verdict_as_it_was_made_is_valid(made: Callable[[], Verdict]) -> None:
    verdict = made()
    checked = verdict.verify()
    assert checked.id == verdict.bundle.id
    assert checked.task == verdict.bundle.task
    assert len(checked.outcomes) == len(verdict.bundle.rounds)
    assert not checked.pinned


# -- who decides --------------------------------------------------------------------------


@pytest.mark.parametrize("made", [plain_verdict, long_verdict, narcissist_verdict])
def test_a_checked_verdict_gives_the_counts_that_its_figures_were_rounded_from(
    made: Callable[[], Verdict],
) -> None:
    checked = made().verify()
    assert checked.outcomes == tuple(round_.figures for round_ in checked.rounds)
    for round_ in checked.rounds:
        count, signed = round_.count(), round_.figures["tally"]
        assert [item.answer for item in count.classes.items] == [
            item["answer"] for item in signed["classes"]
        ]
        for name, given in (
            ("belief", count.belief),
            ("error", count.errors),
            ("score", count.scores),
            ("strength", count.strengths),
        ):
            assert list(given) == [item[name] for item in signed["classes"]]


def test_committee_that_the_pin_does_not_know_is_refused() -> None:
    verdict = plain_verdict()

    def pin(committee: Committee) -> str:
        return f"{len(committee.members)} strangers"

    with pytest.raises(VerdictError, match="4 strangers") as caught:
        verify(verdict.bundle, verdict.reader, pin)
    assert caught.value.rule == "S3"


def test_committee_that_the_pin_allows_makes_the_verdict_pinned() -> None:
    verdict = plain_verdict()
    assert verify(verdict.bundle, verdict.reader, lambda _: None).pinned


def reopened(verdict: Verdict, who: int, ctx: Ctx) -> Bundle:
    """The verdict under another TaskOpen envelope with the same body."""
    opened = verdict.bundle.opened
    body = verdict.reader.decode(Kind.TASK_OPEN, opened.payload)
    assert isinstance(body, TaskOpen)
    signed = verdict.sign(who, ctx.round, ctx.stage, Kind.TASK_OPEN, body)
    writer = verdict.swarm.ring.writer(verdict.committee.members[who])
    bare = replace(signed, ctx=ctx.pack())
    return replace(verdict.bundle, opened=replace(bare, signature=writer.sign(bare.preimage)))


def test_task_opened_under_another_committees_hash_is_refused() -> None:
    verdict = plain_verdict()
    ctx = replace(Ctx.unpack(verdict.bundle.opened.ctx), committee=bytes(32))
    refused(verdict, reopened(verdict, 0, ctx), "S3", "bound to another committee")


@pytest.mark.parametrize(
    "change", [{"stage": Stage.SLATE}, {"round": 1}, {"task": bytes([1]) * 32}]
)
def test_task_opened_anywhere_but_in_the_opening_is_refused(change: dict[str, Any]) -> None:
    verdict = plain_verdict()
    ctx = replace(Ctx.unpack(verdict.bundle.opened.ctx), **change)
    refused(verdict, reopened(verdict, 0, ctx), "S7", "not a TaskOpen")


def test_task_opened_by_another_member_is_another_task() -> None:
    verdict = plain_verdict()
    ctx = Ctx.unpack(verdict.bundle.opened.ctx)
    refused(verdict, reopened(verdict, 1, ctx), "S2", "is of elsewhere")


def test_task_opened_by_a_stranger_is_refused() -> None:
    verdict = plain_verdict()
    opened = verdict.bundle.opened
    stranger = verdict.swarm.ring.identity("a stranger")
    bare = replace(opened, signer=stranger)
    signature = verdict.swarm.ring.writer(stranger).sign(bare.preimage)
    bundle = replace(verdict.bundle, opened=replace(bare, signature=signature))
    refused(verdict, bundle, "S7", "the opener is not a member")


# -- what was voted -----------------------------------------------------------------------


def precommits_changed(
    verdict: Verdict, change: Callable[[tuple[Envelope, ...]], tuple[Envelope, ...]]
) -> Bundle:
    point = verdict.round().points[0]
    return verdict.with_point(Stage.SLATE, replace(point, precommits=change(point.precommits)))


def test_forged_vote_is_refused() -> None:
    verdict = plain_verdict()

    def forge(votes: tuple[Envelope, ...]) -> tuple[Envelope, ...]:
        return (replace(votes[0], signature=votes[1].signature), *votes[1:])

    refused(verdict, precommits_changed(verdict, forge), "S1", "a signature does not hold")


def test_vote_signed_by_a_stranger_is_refused() -> None:
    verdict = plain_verdict()
    stranger = verdict.swarm.ring.identity("a stranger")

    def replace_first(votes: tuple[Envelope, ...]) -> tuple[Envelope, ...]:
        bare = replace(votes[0], signer=stranger)
        signature = verdict.swarm.ring.writer(stranger).sign(bare.preimage)
        return (replace(bare, signature=signature), *votes[1:])

    bundle = precommits_changed(verdict, replace_first)
    refused(verdict, bundle, "A8", "a stranger's precommit")


def test_precommits_of_mixed_views_are_refused() -> None:
    verdict = plain_verdict()
    point = verdict.round().points[2]
    made = verdict.point(point.value, 1, Stage.OUTCOME, views=(0, 1))
    refused(verdict, verdict.with_point(Stage.OUTCOME, made), "A8", "mixed views")


def test_one_precommit_under_a_quorum_is_refused() -> None:
    verdict = plain_verdict()
    bundle = precommits_changed(verdict, lambda votes: votes[:-1])
    refused(verdict, bundle, "A8", "has 2 precommits, and a quorum is 3")


def test_one_precommit_over_a_quorum_is_refused() -> None:
    verdict = plain_verdict()
    value = verdict.round().points[0].value
    votes = tuple(
        verdict.sign(who, 1, Stage.SLATE, Kind.PRECOMMIT, Vote(view=0, value=value_id(value)))
        for who in range(4)
    )
    bundle = precommits_changed(verdict, lambda _: votes)
    refused(verdict, bundle, "A8", "has 4 precommits, and a quorum is 3")


def test_precommit_counted_twice_is_refused() -> None:
    verdict = plain_verdict()
    bundle = precommits_changed(verdict, lambda votes: (votes[0], votes[0], votes[1]))
    refused(verdict, bundle, "A8", "two precommits of one member")


def test_precommit_for_another_value_is_refused() -> None:
    verdict = plain_verdict()
    other = verdict.round().points[1]
    bundle = verdict.with_point(
        Stage.SLATE, replace(verdict.round().points[0], carrier=other.carrier)
    )
    refused(verdict, bundle, "E1", "is carried by something else")
    vote = verdict.sign(0, 1, Stage.SLATE, Kind.PRECOMMIT, Vote(view=0, value=bytes([9]) * 32))
    bundle = precommits_changed(verdict, lambda votes: (vote, *votes[1:]))
    refused(verdict, bundle, "A8", "a precommit for another value")


def test_prevotes_in_place_of_precommits_are_refused() -> None:
    verdict = plain_verdict()
    value = verdict.round().points[0].value
    votes = tuple(
        verdict.sign(who, 1, Stage.SLATE, Kind.PREVOTE, Vote(view=0, value=value_id(value)))
        for who in range(3)
    )
    refused(
        verdict,
        precommits_changed(verdict, lambda _: votes),
        "A8",
        "a vote that is no precommit of it",
    )


def test_precommits_of_another_point_are_refused() -> None:
    verdict = plain_verdict()
    value = verdict.round().points[0].value
    votes = tuple(
        verdict.sign(who, 1, Stage.FREEZE, Kind.PRECOMMIT, Vote(view=0, value=value_id(value)))
        for who in range(3)
    )
    refused(verdict, precommits_changed(verdict, lambda _: votes), "A8", "no precommit of it")


# -- which envelopes ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", [Kind.COMMIT, Kind.SEAL, Kind.OPENING, Kind.PROPOSAL, Kind.REPORT], ids=str
)
def test_omitted_envelope_is_missed(kind: Kind) -> None:
    verdict = plain_verdict()
    missing = verdict.named(kind)[0]
    kept = tuple(item for item in verdict.round().named if item.id != missing.id)
    refused(verdict, verdict.with_round(1, named=kept), "E1", "names an envelope that is not there")


def test_envelope_too_many_is_refused() -> None:
    verdict = plain_verdict()
    extra = verdict.sign(1, 1, Stage.OUTCOME, Kind.REPORT, Report(ids=()))
    bundle = verdict.with_round(1, named=(*verdict.round().named, extra))
    refused(verdict, bundle, "E1", "carried that no value names")


def test_envelope_carried_twice_is_refused() -> None:
    verdict = plain_verdict()
    named = verdict.round().named
    refused(verdict, verdict.with_round(1, named=(*named, named[0])), "E1", "carried twice")


def test_envelope_of_another_round_is_refused() -> None:
    verdict = long_verdict()
    named = (*verdict.round(1).named, verdict.round(2).named[0])
    refused(verdict, verdict.with_round(1, named=named), "S2", "an envelope in round 1 is of else")


def test_envelope_of_a_stranger_is_refused() -> None:
    verdict = plain_verdict()
    report = verdict.named(Kind.REPORT)[0]
    stranger = verdict.swarm.ring.identity("a stranger")
    bare = replace(report, signer=stranger)
    signature = verdict.swarm.ring.writer(stranger).sign(bare.preimage)
    named = (*verdict.round().named, replace(bare, signature=signature))
    refused(verdict, verdict.with_round(1, named=named), "S2", "a stranger signed")


def test_proposal_under_a_members_own_name_is_refused() -> None:
    verdict = plain_verdict()
    draft = verdict.reader.decode(Kind.PROPOSAL, verdict.named(Kind.PROPOSAL)[0].payload)
    own = verdict.sign(0, 1, Stage.EXCHANGE, Kind.PROPOSAL, draft)
    bundle = verdict.with_round(1, named=(*verdict.round().named, own))
    refused(verdict, bundle, "S2", "a proposal is signed by a member")


def test_envelope_in_a_stage_that_is_not_its_own_is_refused() -> None:
    verdict = plain_verdict()
    report = verdict.sign(0, 1, Stage.EXCHANGE, Kind.REPORT, Report(ids=()))
    bundle = verdict.with_round(1, named=(*verdict.round().named, report))
    refused(verdict, bundle, "S2", "REPORT does not belong in stage EXCHANGE")


def test_envelope_with_a_payload_that_is_none_is_refused() -> None:
    verdict = plain_verdict()
    report = verdict.named(Kind.REPORT)[0]
    bare = replace(report, payload=b"\xff\xff")
    signature = verdict.swarm.ring.writer(report.signer).sign(bare.preimage)
    named = (*verdict.round().named, replace(bare, signature=signature))
    refused(verdict, verdict.with_round(1, named=named), "S1", "an envelope is malformed")


# -- what the sets are --------------------------------------------------------------------


def drop(field: str) -> Callable[[dict[str, Any]], None]:
    def change(plain: dict[str, Any]) -> None:
        del plain[field][0]

    return change


def test_ballot_left_out_by_a_colluding_quorum_is_missed() -> None:
    verdict = plain_verdict()
    bundle = verdict.with_value(Stage.OUTCOME, drop("ids"))
    refused(verdict, bundle, "V2", "a reported envelope is left out")


def without(bundle: Bundle, gone: set[str]) -> Bundle:
    """The bundle without some envelopes of its only round, by hex id."""
    kept = tuple(item for item in bundle.rounds[0].named if item.id.hex() not in gone)
    return replace(bundle, rounds=(replace(bundle.rounds[0], named=kept),))


def test_too_few_reports_are_refused() -> None:
    verdict = plain_verdict()
    gone = set(verdict.plain(Stage.OUTCOME)["reports"][:1])

    def change(plain: dict[str, Any]) -> None:
        plain["reports"] = [item for item in plain["reports"] if item not in gone]

    bundle = without(verdict.with_value(Stage.OUTCOME, change), gone)
    refused(verdict, bundle, "V1", "2 REPORTs carried, 3 needed")


def test_more_entries_than_members_are_refused() -> None:
    verdict = plain_verdict()

    def change(plain: dict[str, Any]) -> None:
        plain["ids"] = sorted([*plain["ids"], "ab" * 32])

    bundle = verdict.with_value(Stage.SLATE, change)
    refused(verdict, bundle, "V2", "5 entries for 4 members")


def test_slate_without_a_member_and_without_reports_is_refused() -> None:
    verdict = plain_verdict()
    bundle = verdict.with_value(Stage.SLATE, drop("ids"))
    bundle = without(bundle, set(verdict.plain(Stage.SLATE)["ids"][:1]))
    refused(verdict, bundle, "V1", "0 REPORTs carried, 3 needed")


def test_doubled_slot_without_its_evidence_is_refused() -> None:
    verdict = two_faced_verdict()
    gone = set(verdict.plain(Stage.SLATE)["ids"][:1])

    def change(plain: dict[str, Any]) -> None:
        first, second = plain["evidence"].pop()
        plain["ids"] = sorted([*plain["ids"][1:], first, second])

    bundle = without(verdict.with_value(Stage.SLATE, change), gone)
    refused(verdict, bundle, "V3", "a slot counts once")


def test_evidence_against_two_different_members_is_refused() -> None:
    verdict = plain_verdict()

    def change(plain: dict[str, Any]) -> None:
        plain["evidence"] = [plain["ids"][:2]]
        del plain["ids"][:2]

    bundle = verdict.with_value(Stage.SLATE, change)
    refused(verdict, bundle, "V3", "evidence is two envelopes of one slot")


def test_value_of_another_form_is_refused() -> None:
    verdict = plain_verdict()

    def change(plain: dict[str, Any]) -> None:
        plain["more"] = 1

    refused(verdict, verdict.with_value(Stage.FREEZE, change), "V5", "not a value of round 1's")


def test_garbage_that_a_quorum_signed_is_refused() -> None:
    verdict = plain_verdict()
    for garbage in (b"{}", b"\xff", b"[" * 5_000, b"null", b'"ids"', b"1e400"):
        point = verdict.point(garbage, 1, Stage.SLATE)
        with pytest.raises(VerdictError) as caught:
            verdict.verify(verdict.with_point(Stage.SLATE, point))
        assert caught.value.rule == "V5"


# -- what was counted ---------------------------------------------------------------------


def facts(verdict: Verdict) -> tuple[PointValue, Facts]:
    """The outcome of round 1 and what it is a function of."""
    held = {}
    for envelope in verdict.round().named:
        kind = Kind(envelope.kind)
        body = verdict.reader.decode(kind, envelope.payload)
        ctx = Ctx.unpack(envelope.ctx)
        held[envelope.id] = Message(envelope=envelope, kind=kind, ctx=ctx, body=body)
    values = {
        stage: PointValue.decode(point.value, stage=stage, round_=1)
        for stage, point in zip(POINTS, verdict.round().points, strict=True)
    }
    spec = verdict.reader.decode(Kind.TASK_OPEN, verdict.bundle.opened.payload)
    assert isinstance(spec, TaskOpen)
    return values[Stage.OUTCOME], Facts(
        spec=spec,
        task=verdict.bundle.task,
        round=1,
        slate=values[Stage.SLATE],
        slate_value=verdict.round().points[0].value,
        freeze=values[Stage.FREEZE],
        previous=None,
        ctx=Ctx.unpack(verdict.round().points[2].carrier.ctx),
        lookup=held.get,
        verify=verdict.reader.verify,
    )


def test_mask_not_applied_is_named_though_a_quorum_signed_it() -> None:
    verdict = narcissist_verdict()
    value, known = facts(verdict)
    unmasked = figures(value, known, masked=False)
    assert isinstance(unmasked, dict)
    made = replace(value, figures=unmasked).encode()
    bundle = verdict.with_point(Stage.OUTCOME, verdict.point(made, 1, Stage.OUTCOME))
    refused(verdict, bundle, "R9", "entries about its own proposal are counted")


def altered_tally(plain: dict[str, Any]) -> None:
    plain["figures"]["tally"]["classes"][0]["belief"] += 1


def altered_decision(plain: dict[str, Any]) -> None:
    plain["figures"]["decision"]["answer"] = "c"


def altered_plateau(plain: dict[str, Any]) -> None:
    plain["figures"]["plateau"]["ms"] += 1


def dropped_strike(plain: dict[str, Any]) -> None:
    plain["figures"]["strikes"] = []


def another_shape(plain: dict[str, Any]) -> None:
    plain["figures"]["tally"] = [1]


@pytest.mark.parametrize(
    ("change", "figure"),
    [
        (altered_tally, "tally.classes"),
        (altered_decision, "decision.answer"),
        (altered_plateau, "plateau.ms"),
        (dropped_strike, "strikes"),
        (another_shape, "tally"),
    ],
)
def test_altered_figure_is_named(change: Callable[[dict[str, Any]], None], figure: str) -> None:
    verdict = narcissist_verdict()
    refused(verdict, verdict.with_value(Stage.OUTCOME, change), "V5", f"differ in: {figure}")


def test_opening_exchanged_by_a_colluding_quorum_is_missed() -> None:
    """Other openings mean other REPORTs: those that were signed name what was there."""
    verdict = plain_verdict()
    old = verdict.named(Kind.OPENING)[0]
    body = verdict.reader.decode(Kind.OPENING, old.payload)
    writer = verdict.swarm.ring.writer(old.signer)
    payload = writer.encode(
        replace(body, ballot=Ballot(held=()), ballot_bytes=writer.encode(Ballot(held=())))
    )  # type: ignore[type-var]
    bare = replace(old, payload=payload)
    new = replace(bare, signature=writer.sign(bare.preimage))

    def change(plain: dict[str, Any]) -> None:
        plain["ids"] = sorted([new.id.hex(), *(i for i in plain["ids"] if i != old.id.hex())])

    bundle = verdict.with_value(Stage.OUTCOME, change)
    named = (*bundle.rounds[0].named, new)
    bundle = replace(bundle, rounds=(replace(bundle.rounds[0], named=named),))
    refused(verdict, bundle, "V2", "a reported envelope is left out")


# -- rounds -------------------------------------------------------------------------------


def test_verdict_without_rounds_is_refused() -> None:
    verdict = plain_verdict()
    refused(verdict, replace(verdict.bundle, rounds=()), "E1", "no rounds")
    with pytest.raises(BundleError, match="no last value"):
        _ = replace(verdict.bundle, rounds=()).id


def test_rounds_out_of_order_are_refused() -> None:
    verdict = long_verdict()
    first, second, third = verdict.bundle.rounds
    bundle = replace(verdict.bundle, rounds=(second, first, third))
    refused(verdict, bundle, "S2", "an envelope in round 1 is of elsewhere")


def test_missing_first_round_is_refused() -> None:
    verdict = long_verdict()
    bundle = replace(verdict.bundle, rounds=verdict.bundle.rounds[1:])
    refused(verdict, bundle, "S2", "an envelope in round 1 is of elsewhere")


def test_verdict_cut_short_is_refused() -> None:
    verdict = long_verdict()
    bundle = replace(verdict.bundle, rounds=verdict.bundle.rounds[:-1])
    refused(verdict, bundle, "E1", "round 2 does not say finish")


def test_round_after_the_last_is_refused() -> None:
    verdict = long_verdict()
    bundle = replace(verdict.bundle, rounds=(*verdict.bundle.rounds, verdict.bundle.rounds[0]))
    refused(verdict, bundle, "E1", "round 3 says finish and is not the last")


def test_points_out_of_order_are_refused() -> None:
    verdict = plain_verdict()
    slate, freeze, outcome = verdict.round().points
    bundle = verdict.with_round(1, points=(freeze, slate, outcome))
    refused(verdict, bundle, "E1", "is carried by something else")


@pytest.mark.parametrize("count", [0, 2, 4])
def test_round_of_other_than_three_points_is_refused(count: int) -> None:
    verdict = plain_verdict()
    points = (*verdict.round().points, verdict.round().points[0])[:count]
    refused(verdict, verdict.with_round(1, points=points), "E1", f"has {count} points, not three")


def test_value_moved_to_another_round_is_refused() -> None:
    verdict = long_verdict()
    value = verdict.round(1).points[0].value
    point = verdict.point(value, 2, Stage.SLATE)
    refused(verdict, verdict.with_point(Stage.SLATE, point, 2), "V5", "not a value of round 2's")


def test_canonical_copy_of_every_decided_value_is_the_value() -> None:
    for point in long_verdict().round().points:
        assert canonical.encode(canonical.decode(point.value)) == point.value
