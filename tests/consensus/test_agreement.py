"""One instance of agreement, rule by rule (rules A1 to A14)."""

import pytest

from consensus.agreement.effects import Persist, Send
from consensus.agreement.instance import EARLY_PROPOSALS, proposer_order
from consensus.agreement.validity import Pending, Valid, Validity
from consensus.agreement.votes import VIEW_WINDOW, VOTES_PER_SLOT
from consensus.bodies import VIEW_CAP, Vote
from consensus.committee import FaultMode
from consensus.envelope import Kind, MessageId
from tests.harness.agreements import NAMES, Chamber, bad

# -- A1, A2: who proposes, and what -------------------------------------------------------


def test_everybody_proposes_once_in_as_many_views() -> None:
    chamber = Chamber(7)
    members = chamber.table.committee.members
    assert sorted(chamber.keys.values()) == sorted(members)
    assert proposer_order(chamber.table.committee, b"one") != proposer_order(
        chamber.table.committee, b"another"
    )


def test_proposer_of_view_0_proposes_what_it_built_and_prevotes_it() -> None:
    chamber = Chamber(me="alice")
    assert chamber.said() == ["propose 0 mine valid -1", "prevote 0 mine"]


def test_who_is_not_the_proposer_waits() -> None:
    chamber = Chamber(me="bob")
    assert chamber.said() == []
    assert chamber.timers() == {("propose", 0): 3_000}


def test_proposal_of_somebody_else_is_not_one() -> None:
    chamber = Chamber()
    chamber.propose(b"blue", by="bob")
    assert chamber.said() == []


def test_proposer_that_can_build_nothing_is_silent_until_it_can() -> None:
    chamber = Chamber(me="alice", build=None)
    assert chamber.said() == []
    chamber.build = b"mine"
    chamber.effects = chamber.instance.recheck()
    assert chamber.said() == ["propose 0 mine valid -1", "prevote 0 mine"]


def test_proposer_that_can_build_nothing_proposes_its_valid_value() -> None:
    chamber = Chamber(me="bob", build=None)
    chamber.propose(b"blue")
    chamber.prevotes(b"blue", "alice", "carol")
    chamber.precommits(None, "alice", "carol", "dave")
    chamber.expire("precommit")
    assert chamber.said() == ["propose 1 blue valid 0", "prevote 1 blue"]


def test_proposer_without_the_bytes_of_its_valid_value_is_silent() -> None:
    before = Chamber(me="bob")
    kept = before.vote(Kind.PRECOMMIT, b"blue", "bob")
    chamber = Chamber(me="bob", restored=(kept,))
    chamber.precommits(None, "alice", "carol", "dave")
    chamber.expire("precommit")
    assert chamber.said() == []
    chamber.propose(b"blue")  # a late copy of view 0's proposal
    assert chamber.said() == ["propose 1 blue valid 0"]
    chamber.prevotes(b"blue", "alice", "carol", "dave")
    assert chamber.said() == ["prevote 1 blue"]


# -- A3: fresh proposals ------------------------------------------------------------------


def test_valid_value_is_prevoted() -> None:
    chamber = Chamber()
    chamber.propose(b"blue")
    assert chamber.said() == ["prevote 0 blue"]


def test_invalid_value_is_prevoted_nil() -> None:
    chamber = Chamber(check=bad(b"blue"))
    chamber.propose(b"blue")
    assert chamber.said() == ["prevote 0 nil"]


def locked(on: bytes = b"blue") -> Chamber:
    """dave has locked `on` in view 0 and stands in view 1."""
    chamber = Chamber()
    chamber.propose(on)
    chamber.prevotes(on, "alice", "bob")
    assert chamber.said() == ["precommit 0 blue"]
    chamber.precommits(None, "alice", "bob", "carol")
    chamber.expire("precommit")
    assert chamber.instance.view == 1
    return chamber


def test_locked_member_prevotes_nil_for_another_value() -> None:
    chamber = locked()
    chamber.propose(b"red", view=1)
    assert chamber.said() == ["prevote 1 nil"]


def test_locked_member_prevotes_what_it_is_locked_on() -> None:
    chamber = locked()
    chamber.propose(b"blue", view=1)
    assert chamber.said() == ["prevote 1 blue"]


# -- A4: proposals with a valid view ------------------------------------------------------


def test_proposal_with_a_valid_view_waits_for_the_quorum_it_speaks_of() -> None:
    chamber = Chamber()
    chamber.precommits(None, "alice", "bob", "carol")
    chamber.expire("precommit")
    chamber.propose(b"blue", view=1, valid=0)
    assert chamber.said() == []
    chamber.prevotes(b"blue", "alice", "bob")
    assert chamber.said() == []
    chamber.prevotes(b"blue", "carol")
    assert chamber.said() == ["prevote 1 blue"]


def in_view_2_locked_in_1() -> Chamber:
    chamber = Chamber()
    chamber.precommits(None, "alice", "bob", "carol")
    chamber.expire("precommit")
    chamber.propose(b"blue", view=1)
    chamber.prevotes(b"blue", "alice", "bob", view=1)
    assert chamber.instance.locked is not None
    assert chamber.instance.locked[0] == 1
    chamber.precommits(None, "alice", "bob", "carol", view=1)
    chamber.expire("precommit", 1)
    return chamber


def test_lock_gives_way_to_a_quorum_of_the_same_view() -> None:
    chamber = in_view_2_locked_in_1()
    # Two quorums of one view need an equivocator; the rule asks only for the views.
    chamber.prevotes(b"red", "alice", "bob", "carol", view=1)
    chamber.propose(b"red", view=2, valid=1)
    assert chamber.said() == ["prevote 2 red"]


def test_lock_holds_against_a_quorum_of_an_earlier_view() -> None:
    chamber = in_view_2_locked_in_1()
    chamber.prevotes(b"red", "alice", "bob", "carol", view=0)
    chamber.propose(b"red", view=2, valid=0)
    assert chamber.said() == ["prevote 2 nil"]


def test_invalid_value_is_prevoted_nil_whatever_quorum_it_claims() -> None:
    chamber = Chamber(check=bad(b"blue"))
    chamber.prevotes(b"blue", "alice", "bob", "carol")
    chamber.precommits(None, "alice", "bob", "carol")
    chamber.expire("precommit")
    chamber.propose(b"blue", view=1, valid=0)
    assert chamber.said() == ["prevote 1 nil"]


# -- A5, A6: precommits -------------------------------------------------------------------


def test_quorum_of_prevotes_locks_and_precommits() -> None:
    chamber = Chamber()
    chamber.propose(b"blue")
    chamber.prevotes(b"blue", "alice")
    assert chamber.said() == []
    chamber.prevotes(b"blue", "bob")
    assert chamber.said() == ["precommit 0 blue"]
    assert chamber.instance.locked == chamber.instance.valid


def test_quorum_of_prevotes_for_a_value_not_in_hand_precommits_when_it_comes() -> None:
    chamber = Chamber()
    chamber.prevotes(b"blue", "alice", "bob", "carol")
    assert chamber.said() == []
    chamber.propose(b"blue")
    assert chamber.said() == ["prevote 0 blue", "precommit 0 blue"]


def test_quorum_after_precommitting_nil_sets_the_valid_value_alone() -> None:
    chamber = Chamber()
    chamber.expire("propose")
    chamber.prevotes(None, "alice", "bob")
    assert chamber.said() == ["precommit 0 nil"]
    chamber.propose(b"blue")
    chamber.prevotes(b"blue", "alice", "bob", "carol")
    assert chamber.said() == []
    assert chamber.instance.locked is None
    assert chamber.instance.valid is not None


def test_quorum_of_nil_prevotes_precommits_nil() -> None:
    chamber = Chamber(check=bad(b"blue"))
    chamber.propose(b"blue")
    chamber.prevotes(None, "alice", "bob")
    assert chamber.said() == ["precommit 0 nil"]


# -- A7: timers ---------------------------------------------------------------------------


def test_propose_timer_prevotes_nil() -> None:
    chamber = Chamber()
    chamber.expire("propose")
    assert chamber.said() == ["prevote 0 nil"]


def test_propose_timer_after_the_prevote_means_nothing() -> None:
    chamber = Chamber()
    chamber.propose(b"blue")
    chamber.expire("propose")
    assert chamber.said() == []


def test_mixed_quorum_of_prevotes_starts_its_timer_once() -> None:
    chamber = Chamber()
    chamber.propose(b"blue")
    chamber.prevotes(None, "alice")
    assert chamber.timers() == {}
    chamber.prevotes(b"red", "bob")
    assert chamber.timers() == {("prevote", 0): 1_000}
    chamber.prevotes(None, "carol")
    assert chamber.timers() == {}
    chamber.expire("prevote")
    assert chamber.said() == ["precommit 0 nil"]


def test_mixed_quorum_of_precommits_starts_its_timer_and_leads_to_the_next_view() -> None:
    chamber = Chamber()
    chamber.precommits(None, "alice")
    chamber.precommits(b"blue", "bob")
    assert chamber.timers() == {}
    chamber.precommits(None, "carol")
    assert chamber.timers() == {("precommit", 0): 1_000}
    chamber.expire("precommit")
    assert chamber.instance.view == 1
    assert chamber.timers() == {("propose", 1): 4_000}


@pytest.mark.parametrize("name", ["propose", "prevote", "precommit"])
def test_timer_of_a_left_view_means_nothing(name: str) -> None:
    chamber = Chamber()
    chamber.precommits(None, "alice", "bob", "carol")
    chamber.expire("precommit")
    chamber.expire(name, 0)
    assert chamber.effects == []
    assert chamber.instance.view == 1


# -- A8: deciding -------------------------------------------------------------------------


def test_quorum_of_precommits_with_the_value_in_hand_decides() -> None:
    chamber = Chamber()
    chamber.propose(b"blue")
    chamber.precommits(b"blue", "alice", "bob")
    assert chamber.decided is None
    chamber.precommits(b"blue", "carol")
    assert chamber.decided == b"blue"
    (decision,) = chamber.decisions()
    assert len(decision.precommits) == 3
    assert decision.view == 0


def test_value_that_comes_after_its_precommits_decides() -> None:
    chamber = Chamber()
    chamber.precommits(b"blue", "alice", "bob", "carol")
    assert chamber.decided is None
    chamber.propose(b"blue")
    assert chamber.decided == b"blue"


@pytest.mark.parametrize("view", [0, 1, 5, VIEW_WINDOW])
def test_precommits_of_any_view_decide(view: int) -> None:
    chamber = Chamber()
    chamber.propose(b"blue")
    chamber.precommits(b"blue", "alice", "bob", "carol", view=view)
    assert chamber.decided == b"blue"


def test_precommits_of_a_past_view_decide() -> None:
    chamber = locked()
    chamber.precommits(b"blue", "alice", "bob")
    assert chamber.decided == b"blue"
    assert chamber.decisions()[0].view == 0


def test_precommits_of_mixed_views_decide_nothing() -> None:
    chamber = Chamber()
    chamber.propose(b"blue")
    chamber.precommits(b"blue", "alice", "bob", view=0)
    chamber.precommits(b"blue", "carol", "bob", view=1)
    assert chamber.decided is None


def test_precommits_of_one_member_count_once() -> None:
    chamber = Chamber()
    chamber.propose(b"blue")
    for _ in range(3):
        chamber.precommits(b"blue", "alice")
    assert chamber.decided is None


def test_nil_is_never_decided() -> None:
    chamber = Chamber()
    chamber.precommits(None, "alice", "bob", "carol", "dave")
    assert chamber.decided is None


def test_certificate_decides_before_the_point_has_begun() -> None:
    chamber = Chamber(started=False)
    chamber.propose(b"blue")
    chamber.precommits(b"blue", "alice", "bob", "carol")
    assert chamber.decided == b"blue"


@pytest.mark.parametrize("known", ["all", "one past"])
def test_before_the_start_a_members_first_proposals_wait_and_not_one_past_them(known: str) -> None:
    """T3: whose turn it is nobody knows yet, so anybody may have some bytes kept."""
    chamber = Chamber(started=False)
    count = EARLY_PROPOSALS + (known == "one past")
    sent = [chamber.proposal(bytes([at]), view=4 * at, by="alice") for at in range(count)]
    chamber.take(*sent, *sent)
    kept = sent[:EARLY_PROPOSALS]
    assert chamber.instance.waiting() == kept
    assert [chamber.instance.holds(one.id) for one in sent] == [one in kept for one in sent]
    other = chamber.proposal(b"blue", view=1, by="bob")
    chamber.take(other)
    assert chamber.instance.waiting() == [*kept, other]


def test_decided_instance_casts_no_more_votes() -> None:
    chamber = Chamber()
    chamber.precommits(b"blue", "alice", "bob", "carol")
    chamber.propose(b"blue")
    assert chamber.said() == []
    chamber.propose(b"red", view=1)
    chamber.expire("propose")
    assert chamber.effects == []


# -- A9: views ----------------------------------------------------------------------------


def test_t_members_in_later_views_pull_this_one_along() -> None:
    chamber = Chamber()
    chamber.prevotes(None, "alice", view=3)
    assert chamber.instance.view == 0
    chamber.prevotes(None, "bob", view=5)
    assert chamber.instance.view == 3
    assert chamber.timers() == {("propose", 3): 6_000}


def test_proposer_of_a_later_view_is_a_witness_of_it() -> None:
    chamber = Chamber()
    chamber.propose(b"blue", view=2)
    chamber.prevotes(None, "alice", view=2)
    assert chamber.instance.view == 2


def test_one_member_alone_pulls_nobody_along() -> None:
    chamber = Chamber()
    for view in (1, 5, 100, VIEW_CAP):
        chamber.prevotes(None, "alice", view=view)
        chamber.precommits(b"blue", "alice", view=view)
    assert chamber.instance.view == 0


def test_of_far_views_one_message_a_signer_is_kept() -> None:
    chamber = Chamber()
    for view in range(VIEW_WINDOW + 1, VIEW_WINDOW + 50):
        chamber.prevotes(None, "alice", view=view)
        chamber.precommits(b"blue", "alice", view=view)
    assert len(chamber.instance.messages()) == 1


def test_votes_of_the_window_are_kept_whole_and_one_past_it_is_not() -> None:
    chamber = Chamber()
    chamber.prevotes(None, "alice", view=VIEW_WINDOW)
    chamber.precommits(None, "alice", view=VIEW_WINDOW)
    assert len(chamber.instance.messages()) == 2
    chamber.prevotes(None, "alice", view=VIEW_WINDOW + 1)
    chamber.precommits(None, "alice", view=VIEW_WINDOW + 1)
    assert len(chamber.instance.messages()) == 3


def test_far_votes_count_once_their_view_is_near() -> None:
    chamber = Chamber()
    far = VIEW_WINDOW + 2
    chamber.precommits(b"blue", "alice", view=far)
    chamber.precommits(b"blue", "bob", view=far)
    assert chamber.instance.view == far
    chamber.propose(b"blue", view=far)
    chamber.precommits(b"blue", "carol", view=far)
    assert chamber.decided == b"blue"


def test_proposal_of_a_far_view_is_noted_and_not_kept() -> None:
    chamber = Chamber()
    far = (VIEW_WINDOW // 4 + 1) * 4
    chamber.propose(b"blue", view=far)
    assert chamber.instance.messages() == []
    chamber.prevotes(None, "bob", view=far)
    assert chamber.instance.view == far


def test_lone_witness_of_a_small_committee_cannot_hang_it_in_the_last_view() -> None:
    """With f = 0 one member is witness enough (t = 1); what it says may cost progress only."""
    chamber = Chamber(3, me="carol")
    chamber.precommits(None, "alice", view=VIEW_CAP)
    assert chamber.instance.view == VIEW_CAP
    chamber.expire("propose", VIEW_CAP)
    chamber.expire("prevote", VIEW_CAP)
    chamber.precommits(None, "bob", view=VIEW_CAP)
    chamber.expire("precommit", VIEW_CAP)
    assert chamber.instance.view == VIEW_CAP
    by = NAMES[VIEW_CAP % 3]
    for value in (b"blue", b"red", b"green", b"pink"):
        chamber.propose(value, view=VIEW_CAP, by=by)


# -- A10: links ---------------------------------------------------------------------------


def test_proposer_whose_link_is_down_is_waited_for_briefly() -> None:
    chamber = Chamber(started=False)
    chamber.instance.links(frozenset(chamber.keys.values()) - {chamber.keys["alice"]})
    chamber.start()
    assert chamber.timers() == {("propose", 0): 100}


def test_proposer_whose_link_goes_down_while_waited_for_shortens_the_wait() -> None:
    chamber = Chamber()
    up = frozenset(chamber.keys.values()) - {chamber.keys["alice"]}
    chamber.effects = chamber.instance.links(up)
    assert chamber.timers() == {("propose", 0): 100}
    chamber.effects = chamber.instance.links(up)
    assert chamber.timers() == {}


@pytest.mark.parametrize("gone", ["bob", "carol"])
def test_others_links_change_no_timer(gone: str) -> None:
    chamber = Chamber()
    chamber.effects = chamber.instance.links(
        frozenset(chamber.keys.values()) - {chamber.keys[gone]}
    )
    assert chamber.timers() == {}


def test_proposal_in_hand_is_not_waited_for() -> None:
    chamber = Chamber()
    chamber.propose(b"blue")
    chamber.effects = chamber.instance.links(frozenset())
    assert chamber.timers() == {}


# -- A11: missing bytes -------------------------------------------------------------------


class Post:
    """A validity function whose bytes may still be on their way."""

    def __init__(self) -> None:
        self.here = False
        self.ids = (MessageId(b"x" * 32),)

    def __call__(self, value: bytes) -> Validity:
        return Valid() if self.here else Pending(ids=self.ids)


def test_value_with_missing_bytes_is_asked_for_and_prevoted_when_they_come() -> None:
    post = Post()
    chamber = Chamber(check=post)
    chamber.propose(b"blue")
    assert chamber.said() == []
    assert chamber.wanted() == post.ids
    post.here = True
    chamber.effects = chamber.instance.recheck()
    assert chamber.said() == ["prevote 0 blue"]


def test_value_whose_bytes_never_come_is_prevoted_nil_by_the_timer() -> None:
    chamber = Chamber(check=Post())
    chamber.propose(b"blue")
    chamber.expire("propose")
    assert chamber.said() == ["prevote 0 nil"]


def test_quorum_for_a_value_with_missing_bytes_is_precommitted_when_they_come() -> None:
    post = Post()
    chamber = Chamber(check=post)
    chamber.propose(b"blue")
    chamber.expire("propose")
    chamber.prevotes(b"blue", "alice", "bob", "carol")
    assert chamber.said() == []
    post.here = True
    chamber.effects = chamber.instance.recheck()
    assert chamber.said() == ["precommit 0 blue"]


def test_proposer_that_equivocates_can_name_missing_bytes_without_blocking_the_other() -> None:
    chamber = Chamber(
        check=lambda value: Valid() if value == b"red" else Pending(ids=(MessageId(b"x" * 32),))
    )
    chamber.propose(b"blue")
    chamber.propose(b"red")
    assert chamber.said() == ["prevote 0 red"]


# -- A12: equivocation --------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.PREVOTE, Kind.PRECOMMIT])
def test_second_vote_of_a_slot_is_evidence_and_counts_too(kind: Kind) -> None:
    chamber = Chamber()
    chamber.take(
        chamber.vote(kind, b"red", "alice"),
        chamber.vote(kind, b"blue", "alice"),
    )
    name = kind.name.lower()
    assert chamber.convicts() == [(f"{name} 0 red", f"{name} 0 blue")]
    chamber.propose(b"blue")
    if kind is Kind.PREVOTE:
        chamber.prevotes(b"blue", "bob")
        assert chamber.said() == ["precommit 0 blue"]
    else:
        chamber.precommits(b"blue", "bob", "carol")
        assert chamber.decided == b"blue"


def test_equivocating_voter_is_one_of_a_mixed_quorum_once() -> None:
    chamber = Chamber()
    chamber.precommits(b"red", "alice")
    chamber.precommits(b"blue", "alice")
    chamber.precommits(None, "alice", "bob")
    assert chamber.timers() == {}


def test_votes_of_a_slot_are_kept_up_to_the_bound_and_not_one_past_it() -> None:
    chamber = Chamber()
    mallory = chamber.table
    for number in range(VOTES_PER_SLOT):
        vote = Vote(view=0, value=bytes([number + 1]) * 32)
        chamber.take(
            mallory.sign(chamber.places["alice"], 1, chamber.instance.stage, Kind.PREVOTE, vote)
        )
    assert len(chamber.instance.messages()) == VOTES_PER_SLOT
    chamber.prevotes(b"blue", "alice")
    assert len(chamber.instance.messages()) == VOTES_PER_SLOT
    assert chamber.convicts() == []  # it is convicted already


def test_vote_past_the_bound_is_kept_for_a_value_that_others_support() -> None:
    chamber = Chamber()
    for value in (b"red", b"green", b"pink", b"gold"):
        chamber.prevotes(value, "alice")
    chamber.propose(b"blue")
    chamber.prevotes(b"blue", "bob")
    assert chamber.said() == []
    chamber.prevotes(b"blue", "alice")
    assert chamber.said() == ["precommit 0 blue"]


def test_second_proposal_of_a_view_is_evidence() -> None:
    chamber = Chamber()
    chamber.propose(b"blue")
    chamber.propose(b"red")
    assert chamber.convicts() == [("propose 0 blue valid -1", "propose 0 red valid -1")]


def test_third_proposal_of_a_view_is_kept_only_once_t_members_support_it() -> None:
    chamber = Chamber()
    chamber.propose(b"blue")
    chamber.propose(b"red")
    chamber.propose(b"green")
    assert chamber.convicts() == []  # it is convicted already, and this one comes again
    chamber.precommits(b"green", "alice", "bob", "carol")
    assert chamber.decided is None
    chamber.propose(b"green")
    assert chamber.decided == b"green"


def test_message_that_comes_twice_changes_nothing() -> None:
    chamber = Chamber()
    for _ in range(2):
        chamber.propose(b"blue")
        chamber.prevotes(b"blue", "alice")
    assert chamber.effects == []


# -- A13: durable before sent, and restarts -----------------------------------------------


def test_every_own_message_is_persisted_right_before_it_is_sent() -> None:
    chamber = Chamber(me="alice")
    effects = list(chamber.effects)
    chamber.prevotes(b"mine", "bob", "carol")
    effects += chamber.effects
    sends = [at for at, effect in enumerate(effects) if isinstance(effect, Send)]
    assert len(sends) == 3
    for at in sends:
        before, now = effects[at - 1], effects[at]
        assert isinstance(before, Persist)
        assert isinstance(now, Send)
        assert before.message is now.message


def test_restarted_member_repeats_its_proposal_and_prevote_byte_for_byte() -> None:
    before = Chamber(me="alice")
    kept = tuple(before.persisted())
    after = Chamber(me="alice", build=b"red", restored=kept)
    assert after.persisted() == []
    assert set(kept) <= set(after.instance.messages())
    assert after.said() in ([], before.said())


def test_restarted_member_with_a_stored_proposal_alone_prevotes_it() -> None:
    before = Chamber(me="alice")
    proposal, _ = before.persisted()
    after = Chamber(me="alice", build=b"red", restored=(proposal,))
    assert after.said() == ["prevote 0 mine"]
    assert [after.words(message) for message in after.persisted()] == ["prevote 0 mine"]


def test_restarted_member_is_still_locked() -> None:
    chamber = locked()
    kept = tuple(
        message for message in chamber.instance.messages() if message.signer == chamber.keys["dave"]
    )
    after = Chamber(restored=kept)
    after.precommits(None, "alice", "bob", "carol")
    after.expire("precommit")
    after.propose(b"red", view=1)
    assert after.said() == ["prevote 1 nil"]


def test_restarted_member_goes_on_in_the_view_and_step_of_its_last_vote() -> None:
    before = Chamber()
    kept = (
        before.vote(Kind.PREVOTE, None, "dave", view=0),
        before.vote(Kind.PRECOMMIT, None, "dave", view=0),
        before.vote(Kind.PREVOTE, None, "dave", view=3),
    )
    after = Chamber(restored=kept)
    assert after.instance.view == 3
    after.propose(b"blue", view=3)
    assert after.said() == []
    after.prevotes(None, "alice", "bob", view=3)
    assert after.said() == ["precommit 3 nil"]


def test_restarted_member_catches_up_by_a_certificate() -> None:
    chamber = Chamber(started=False)
    chamber.propose(b"blue")
    chamber.precommits(b"blue", "alice", "bob", "carol")
    certificate = chamber.instance.certificate()
    after = Chamber(restored=(chamber.vote(Kind.PREVOTE, b"red", "dave"),))
    after.take(*certificate)
    assert after.decided == b"blue"


def test_undecided_instance_has_no_certificate() -> None:
    assert Chamber().instance.certificate() == ()


def test_observer_decides_without_a_vote() -> None:
    chamber = Chamber(observer=True)
    chamber.propose(b"blue")
    chamber.prevotes(b"blue", "alice", "bob", "carol")
    chamber.precommits(b"blue", "alice", "bob", "carol")
    assert chamber.decided == b"blue"
    assert chamber.said() == []


# -- S6: sizes and modes ------------------------------------------------------------------


def test_lone_member_decides_at_once() -> None:
    chamber = Chamber(1, me="alice")
    assert chamber.decided == b"mine"


@pytest.mark.parametrize("count", [2, 3])
def test_small_committees_need_everybody(count: int) -> None:
    chamber = Chamber(count, me="alice")
    others = NAMES[1:count]
    chamber.prevotes(b"mine", *others)
    chamber.precommits(b"mine", *others[:-1])
    assert chamber.decided is None
    chamber.precommits(b"mine", others[-1])
    assert chamber.decided == b"mine"


def test_crash_mode_of_three_decides_without_one() -> None:
    chamber = Chamber(3, me="alice", mode=FaultMode.CRASH)
    chamber.prevotes(b"mine", "bob")
    chamber.precommits(b"mine", "bob")
    assert chamber.decided == b"mine"
