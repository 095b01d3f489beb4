"""What a member makes of its model's words, and of their absence (rules R0 to R8, R11)."""

import pytest

from consensus.agreement.instance import value_id
from consensus.bodies import (
    COUNT_CAP,
    MAX_REASON,
    MAX_REPORT_IDS,
    Ballot,
    Bundle,
    Commit,
    Opening,
    Packet,
    Preference,
    Proposal,
    Report,
    Seal,
    Usage,
    Views,
)
from consensus.deliberation.effects import Draft, Drafted, Judge, Judged
from consensus.deliberation.requests import Judgment, LetteredMark, LetteredPair
from consensus.envelope import Kind, Stage, split_prefixed, tagged_hash
from consensus.policy import Policy
from consensus.ports import Message
from tests.harness.tables import Seat, Table, decide


def drafting(policy: Policy | None = None) -> Seat:
    """A member whose model is asked for its draft."""
    table = Table(policy=policy)
    seat = table.make().begin()
    seat.receive(*(table.accept(who) for who in (1, 2, 3)))
    return seat


def judging(*answers: str, own: str | None = "a", policy: Policy | None = None) -> Seat:
    """A member that holds its own draft and the others' `answers`."""
    seat = drafting(policy)
    table = seat.table
    seat.draft(own)
    others = list(enumerate(answers, start=1))
    commits = [table.commit(who, answer) for who, answer in others]
    mine = seat.sent(Kind.COMMIT)
    seat.receive(*decide(table, Stage.SLATE, [*mine, *commits]), *commits)
    seat.exchange(*(who for who, _ in others))
    return seat


def abstention(seat: Seat) -> str:
    """The reason with which the last step committed to nothing."""
    (commit,) = seat.sent(Kind.COMMIT)
    assert isinstance(commit.body, Commit)
    return commit.body.abstain


def opened(seat: Seat) -> Ballot:
    """The ballot behind the seal that the last step sent."""
    (sealed,) = seat.sent(Kind.SEAL)
    payload, _ = split_prefixed(seat.kept[sealed.id].secret, 2)
    body = seat.table.ring.reader().decode(Kind.OPENING, payload)
    assert isinstance(body, Opening)
    assert body.ballot is not None
    return body.ballot


# -- draft and commit ---------------------------------------------------------------------


def test_model_is_called_after_q_accepts_and_not_before() -> None:
    table = Table()
    seat = table.make().begin()
    seat.receive(table.accept(1))
    assert seat.asked(Draft) == []
    seat.receive(table.accept(2))
    assert len(seat.asked(Draft)) == 1


def test_refusals_are_no_accepts() -> None:
    table = Table(5)
    seat = table.make().begin()
    seat.receive(table.accept(1), table.accept(2, "over quota"), table.accept(3))
    assert seat.asked(Draft) == []
    seat.receive(table.accept(4))
    assert len(seat.asked(Draft)) == 1


def test_draft_is_committed_to_and_stays_home() -> None:
    seat = drafting()
    seat.draft("b")
    assert abstention(seat) == ""
    assert seat.handed(Kind.PACKET) == []


def test_failed_model_abstains_with_its_reason() -> None:
    seat = drafting()
    seat.draft(None, "no credit left")
    assert abstention(seat) == "no credit left"


def test_hanging_model_abstains_by_the_members_own_deadline() -> None:
    seat = drafting(Policy(draft_ms=10_000))
    assert seat.timers()[Stage.SLATE, "abstain", 0] == 8_000
    assert seat.timers()[Stage.SLATE, "close", 0] == 10_000
    seat.expire(Stage.SLATE, "abstain")
    assert abstention(seat) == "the model gave no draft in time"


def test_draft_that_comes_after_the_abstention_is_not_used() -> None:
    seat = drafting()
    seat.expire(Stage.SLATE, "abstain")
    seat.draft("a")
    assert seat.sent(Kind.COMMIT) == []


def test_draft_of_another_round_is_not_used() -> None:
    seat = drafting()
    seat.step(Drafted(round=2, proposal=Proposal(answer="a")))
    assert seat.sent(Kind.COMMIT) == []


@pytest.mark.parametrize(
    ("proposal", "reason"),
    [
        (Proposal(answer="z"), "the draft is no answer to this task: the answer 'z' is none of"),
        (Proposal(answer="a", belief=(10_000,)), "the belief has 1 entries for 3 options"),
        (Proposal(answer="a", unseen=(3,)), "unseen names option 3 of 3"),
    ],
    ids=["label outside the options", "belief of wrong length", "unseen past the options"],
)
def test_draft_that_is_no_answer_abstains_with_its_reason(proposal: Proposal, reason: str) -> None:
    seat = drafting()
    seat.step(Drafted(round=1, proposal=proposal))
    assert reason in abstention(seat)


def test_draft_at_the_policys_size_is_committed_to_and_one_past_it_abstains() -> None:
    probe = drafting()
    probe.step(Drafted(round=1, proposal=Proposal(answer="a", rationale="x" * 1_000)))
    (commit,) = probe.sent(Kind.COMMIT)
    size = len(probe.kept[commit.id].secret)
    for limit, said in ((size, ""), (size - 1, f"the draft takes {size} bytes, over")):
        seat = drafting(Policy(proposal_bytes=limit))
        seat.step(Drafted(round=1, proposal=Proposal(answer="a", rationale="x" * 1_000)))
        assert abstention(seat).startswith(said)
        assert bool(abstention(seat)) == bool(said)


def test_draft_larger_than_any_policy_allows_abstains() -> None:
    seat = drafting(Policy(proposal_bytes=1_048_576))
    smiles = "\N{GRINNING FACE}" * 262_144  # as many characters as a text may have, 4 bytes each
    seat.step(Drafted(round=1, proposal=Proposal(answer="a", rationale=smiles)))
    assert abstention(seat).startswith("the draft is too large")


def test_reason_that_no_message_could_carry_is_made_readable() -> None:
    seat = drafting()
    seat.draft(None, "bad path \ud800 " + "x" * 1_000)
    assert abstention(seat).startswith("bad path ? xxx")
    assert len(abstention(seat)) == MAX_REASON


def test_usage_claims_stop_at_the_largest_claim() -> None:
    seat = drafting()
    usage = Usage(tokens_in=COUNT_CAP, tokens_out=COUNT_CAP)
    seat.task.desk.spent = usage
    seat.step(Drafted(round=1, proposal=Proposal(answer="a", usage=usage)))
    assert abstention(seat) == ""
    assert seat.task.desk.spent.tokens_in == COUNT_CAP


def test_views_of_the_others_travel_in_round_1() -> None:
    seat = drafting()
    seat.draft("a")
    (commit,) = seat.sent(Kind.COMMIT)
    assert isinstance(commit.body, Commit)
    assert commit.body.views == Views(authors=(5_000,) * 4, judges=(5_000,) * 4)


def test_rationale_stays_home_where_only_answers_are_shared() -> None:
    for share, said in (("all", "because"), ("answer", "")):
        seat = drafting(Policy(share=share))
        seat.step(Drafted(round=1, proposal=Proposal(answer="a", rationale="because")))
        (commit,) = seat.sent(Kind.COMMIT)
        body = seat.table.ring.reader().decode(Kind.PROPOSAL, seat.kept[commit.id].secret)
        assert isinstance(body, Proposal)
        assert body.rationale == said
        assert body.answer == "a"


# -- exchange -----------------------------------------------------------------------------


def test_proposal_leaves_only_once_the_slate_holds_its_commit() -> None:
    seat = drafting()
    seat.draft("a")
    table = seat.table
    commits = [table.commit(who, "b") for who in (1, 2, 3)]
    mine = seat.sent(Kind.COMMIT)
    *rest, last = commits
    seat.receive(*decide(table, Stage.SLATE, [*mine, *commits]), *rest)
    assert seat.handed(Kind.PACKET) == []
    seat.receive(last)
    ways = seat.task.exchange.paths(seat.task.round)
    packets = [(member, message.body) for member, message in seat.handed(Kind.PACKET)]
    entries = [path.entry for path in ways if path.entry != seat.task.me]
    assert [member for member, _ in packets] == entries
    assert seat.sent(Kind.BATCH) == []  # nobody but an exit puts anything on the table


def test_member_that_abstained_hands_no_packet_in() -> None:
    seat = drafting()
    table = seat.table
    seat.draft(None)
    commits = [table.commit(who, "b") for who in (1, 2, 3)]
    seat.receive(*decide(table, Stage.SLATE, [*seat.sent(Kind.COMMIT), *commits]), *commits)
    assert seat.handed(Kind.PACKET) == []
    seat.exchange(1, 2, 3)
    answers = [item.proposal.answer for item in request(seat).request.candidates]
    assert answers == ["b"] * 3


def test_what_others_hand_to_the_wrong_member_is_not_held() -> None:
    """T3: else each member could fill everybody's memory, one packet a path and one bundle."""
    seat = drafting()
    table, me = seat.table, seat.task.me
    seat.draft("a")
    commits = [table.commit(who, "b") for who in (1, 2, 3)]
    box = bytes(40)
    handed = [
        table.passing(who, body)
        for who in (1, 2, 3)
        for body in (Packet(path=0, box=box), Packet(path=1, box=box), Bundle(boxes=(box,)))
    ]
    early, late = handed[:3], handed[3:]
    mine = seat.sent(Kind.COMMIT)
    seat.receive(*early)  # no path is drawn yet: whom it is for nobody can tell
    assert all(seat.task.holds(message.id) for message in early)
    seat.receive(*decide(table, Stage.SLATE, [*mine, *commits]), *commits)
    seat.receive(*late)
    ways = seat.task.exchange.paths(seat.task.round)
    for message in handed:
        if isinstance(message.body, Packet):
            due = ways[message.body.path].entry == me
        else:
            due = any((path.entry, path.exit) == (message.signer, me) for path in ways)
        assert seat.task.holds(message.id) == due


def entering(own: str) -> tuple[Seat, list[int]]:
    """A member with one link yet and a decided slate; the paths that it is the entry of."""
    table = Table()
    seat = table.make().begin(up=[1])
    seat.receive(*(table.accept(who) for who in (1, 2, 3)))
    seat.draft(own)
    mine = seat.sent(Kind.COMMIT)
    commits = [table.commit(who, "b") for who in (1, 2, 3)]
    seat.receive(*decide(table, Stage.SLATE, [*mine, *commits]), *commits)
    ways = seat.task.exchange.paths(seat.task.round)
    return seat, [at for at, path in enumerate(ways) if path.entry == seat.task.me]


def test_an_entry_with_one_link_yet_waits_for_the_packets_of_all_authors() -> None:
    # Paths are drawn from the slate, and another draft makes another one.
    seat, (view,) = next(found for own in "abc" if (found := entering(own))[1])
    table, ways = seat.table, seat.task.exchange.paths(seat.task.round)
    packets = []
    for who, member in enumerate(table.committee.members[1:], start=1):
        draft = table.draft(who, 1).envelope
        box = table.ring.wrap(draft, ways, tagged_hash("mix", member))[view]
        packets.append(table.passing(who, Packet(path=view, box=box)))
    seat.receive(packets[0])
    assert seat.handed(Kind.BUNDLE) == []
    seat.receive(*packets[1:])
    ((_, bundle),) = seat.handed(Kind.BUNDLE)
    assert isinstance(bundle.body, Bundle)
    assert len(bundle.body.boxes) == 4


# -- judge and seal -----------------------------------------------------------------------


def request(seat: Seat) -> Judge:
    (asked,) = seat.asked(Judge)
    assert isinstance(asked, Judge)
    return asked


def test_model_never_judges_its_own_members_proposal() -> None:
    seat = judging("b", "c", "b")
    shown = request(seat).request
    assert sorted(item.proposal.answer for item in shown.candidates) == ["b", "b", "c"]
    assert [item.letter for item in shown.candidates] == ["A", "B", "C"]
    assert shown.own is not None
    assert shown.own.answer == "a"


def test_the_design_is_the_policys_and_its_order_the_agreed_slates() -> None:
    policy = Policy(pairs="swiss", pair_budget=5, prior=700)
    seat = judging("b", "c", "b", policy=policy)
    shown = request(seat).request
    design = shown.design
    assert (design.pairs, design.budget, design.prior, design.most) == ("swiss", 5, 700, 0)
    answers = [item.proposal.answer for item in shown.candidates]
    assert [[answers[at] for at in range(3) if design.alike[at] == name] for name in range(3)] in (
        [["b", "b"], ["c"], []],
        [["b", "b"], [], ["c"]],
        [["c"], ["b", "b"], []],
    )
    task = seat.task
    seed = value_id(task.round.points[Stage.SLATE].value)
    ids = [task.desk._letters[item.letter] for item in shown.candidates]
    ranks = [tagged_hash("pair-design", seed, task.me, id_) for id_ in ids]
    assert [ranks[at] for at in design.order] == sorted(ranks)


def test_by_default_every_pair_is_asked_for() -> None:
    shown = request(judging("b", "c", "b")).request
    assert list(shown.design.ask(3, [])) == [(0, 1), (0, 2), (1, 2)]


def test_ballot_lists_the_own_proposal_as_held() -> None:
    seat = judging("b", "c", "b")
    seat.judge(Judgment(marks=(LetteredMark(letter="A", endorsement=10),)))
    ballot = opened(seat)
    assert len(ballot.held) == 4
    assert len(ballot.marks) == 1


def test_proposals_that_a_report_names_are_not_put_before_the_model() -> None:
    seat = drafting()
    table = seat.table
    seat.draft("a")
    (mine,) = seat.sent(Kind.COMMIT)
    ghosts = [
        table.scribes[3].proposal(1, Proposal(answer="c", rationale=str(number)))
        for number in range(MAX_REPORT_IDS)
    ]
    named = Report(ids=tuple(sorted(ghost.id for ghost in ghosts)))
    seat.receive(table.sign(3, 1, Stage.SLATE, Kind.REPORT, named))
    assert seat.wanted() == set(named.ids)
    seat.receive(*ghosts)
    commits = [table.commit(1, "b"), table.commit(2, "c"), table.abstain(3)]
    seat.receive(*decide(table, Stage.SLATE, [mine, *commits]), *commits)
    seat.exchange(1, 2)
    assert len(request(seat).request.candidates) == 2
    seat.judge(None, "rate limited")
    assert len(opened(seat).held) == 3


def exit_of_others(seat: Seat) -> int:
    """The position of an exit that this member is not."""
    ways = seat.task.exchange.paths(seat.task.round)
    members = seat.table.committee.members
    return next(members.index(path.exit) for path in ways if path.exit != seat.task.me)


def test_an_exit_puts_one_batch_on_the_table_however_many_it_signs() -> None:
    seat = drafting()
    table = seat.table
    seat.draft("a")
    commits = [table.commit(1, "b"), table.commit(2, "c"), table.abstain(3)]
    seat.receive(*decide(table, Stage.SLATE, [*seat.sent(Kind.COMMIT), *commits]), *commits)
    exit_ = exit_of_others(seat)
    other = next(who for who in (1, 2, 3) if who != exit_ and not _is_exit(seat, who))
    first = table.batch(exit_, table.draft(1), table.draft(2))
    second, third = (table.batch(exit_, table.proposal(1, answer)) for answer in "ac")
    stray = table.batch(other, table.proposal(other, "c"))
    named = Report(ids=tuple(sorted((second.id, third.id))))
    seat.receive(table.sign(1, 1, Stage.FREEZE, Kind.REPORT, named))
    seat.receive(first, second, third, stray)
    assert seat.convicts()
    seat.exchange(1, 2)
    answers = [item.proposal.answer for item in request(seat).request.candidates]
    assert sorted(answers) == ["b", "c"]
    held = seat.task.round.content(Kind.BATCH, Stage.EXCHANGE)
    assert len(held[table.committee.members[exit_]]) == 2


def _is_exit(seat: Seat, who: int) -> bool:
    ways = seat.task.exchange.paths(seat.task.round)
    return seat.table.committee.members[who] in {path.exit for path in ways}


def test_judgment_in_letters_becomes_a_ballot_about_the_same_proposals() -> None:
    seat = judging("b", "c", "b")
    letters = {item.proposal.answer: item.letter for item in request(seat).request.candidates}
    seat.judge(
        Judgment(
            pairs=(
                LetteredPair(
                    first=letters["c"],
                    second=letters["b"],
                    preference=Preference.FIRST,
                    confidence=7_000,
                ),
            )
        )
    )
    ballot = opened(seat)
    (pair,) = ballot.pairs
    tabled = seat.task.round.proposals(seat.task.committee.members)
    found = {item: message.body for item, message in tabled.items()}
    named = [found[ballot.held[at]] for at in (pair.first, pair.second)]
    assert [body.answer for body in named if isinstance(body, Proposal)] == ["c", "b"]


def test_failed_model_seals_an_abstaining_ballot_with_its_reason() -> None:
    seat = judging("b", "c", "b")
    seat.judge(None, "rate limited")
    assert opened(seat).abstain == "rate limited"
    assert len(opened(seat).held) == 4


def test_hanging_model_seals_an_abstaining_ballot_by_the_members_own_deadline() -> None:
    seat = judging("b", "c", "b", policy=Policy(judge_ms=10_000))
    assert seat.timers()[Stage.FREEZE, "abstain", 0] == 8_000
    seat.expire(Stage.FREEZE, "abstain")
    assert opened(seat).abstain == "the model gave no judgment in time"


@pytest.mark.parametrize(
    "judgment",
    [
        Judgment(marks=(LetteredMark(letter="Z", endorsement=0),)),
        Judgment(marks=(LetteredMark(letter="A", endorsement=101),)),
        Judgment(marks=(LetteredMark(letter="A", endorsement=1),) * 2),
        Judgment(
            pairs=(LetteredPair(first="A", second="A", preference=Preference.TIE, confidence=0),)
        ),
        Judgment(prompt="\ud800"),
    ],
    ids=["no such letter", "out of range", "marked twice", "with itself", "unreadable"],
)
def test_malformed_judgment_abstains(judgment: Judgment) -> None:
    seat = judging("b", "c", "b")
    seat.judge(judgment)
    assert opened(seat).abstain.startswith("the judgment is malformed")


def test_judgment_of_another_round_is_not_used() -> None:
    seat = judging("b", "c", "b")
    seat.step(Judged(round=3, judgment=Judgment()))
    assert seat.sent(Kind.SEAL) == []


def test_equal_answers_are_balloted_without_the_model() -> None:
    seat = judging("a", " A ", "a")
    assert seat.asked(Judge) == []
    ballot = opened(seat)
    assert [mark.endorsement for mark in ballot.marks] == [100, 100, 100]


def test_member_without_an_answer_asks_its_model_even_where_the_others_agree() -> None:
    seat = judging("a", "a", "a", own=None)
    assert len(seat.asked(Judge)) == 1


def test_member_with_nothing_to_judge_says_so() -> None:
    seat = drafting()
    seat.draft("a")
    table = seat.table
    commits: list[Message] = [table.abstain(who) for who in (1, 2, 3)]
    mine = seat.sent(Kind.COMMIT)
    seat.receive(*decide(table, Stage.SLATE, [*mine, *commits]), *commits)
    seat.exchange()
    assert opened(seat).abstain == "there is nothing to judge"


def test_proposal_that_is_no_answer_is_held_but_not_judged() -> None:
    seat = judging("nothing like it", "b", "c")
    assert len(request(seat).request.candidates) == 2
    seat.judge(Judgment())
    assert len(opened(seat).held) == 4


# -- open ---------------------------------------------------------------------------------


def revealing(seat: Seat) -> Seat:
    """Let the freeze be decided on everybody's seals."""
    table = seat.table
    mine = [seat.sent(Kind.SEAL)[0]]
    seals = [table.seal(who, Ballot(held=())) for who in (1, 2, 3)]
    seat.receive(*decide(table, Stage.FREEZE, [*mine, *seals]), *seals)
    return seat


def test_nothing_is_opened_before_the_freeze_is_decided() -> None:
    seat = judging("b", "c", "b")
    seat.judge(Judgment())
    assert seat.sent(Kind.OPENING) == []
    revealing(seat)
    assert [message.kind for message in seat.sent(Kind.OPENING)] == [Kind.OPENING]


def test_opening_opens_commit_and_seal_in_one() -> None:
    seat = judging("b", "c", "b")
    seat.judge(Judgment())
    revealing(seat)
    (message,) = seat.sent(Kind.OPENING)
    assert isinstance(message.body, Opening)
    assert message.body.ballot is not None
    assert message.body.alias != b""


def test_member_that_drafted_nothing_opens_its_ballot_alone() -> None:
    seat = judging("b", "c", "b", own=None)
    seat.judge(Judgment())
    revealing(seat)
    (message,) = seat.sent(Kind.OPENING)
    assert isinstance(message.body, Opening)
    assert message.body.ballot is not None
    assert message.body.alias == b""


def test_seal_shows_nothing_of_the_ballot() -> None:
    one, other = judging("b", "c", "b"), judging("b", "c", "b")
    one.judge(Judgment())
    other.judge(Judgment(marks=(LetteredMark(letter="A", endorsement=1),)))
    bodies = [seat.sent(Kind.SEAL)[0].body for seat in (one, other)]
    assert bodies[0] != bodies[1]
    assert all(isinstance(body, Seal) and len(body.hash) == 32 for body in bodies)
