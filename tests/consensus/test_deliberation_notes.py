"""Notes from people: what models are told is the same everywhere, and nobody's to choose (R1c)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.bodies import (
    MAX_NOTES,
    MAX_SPEAKERS,
    NOTES_EACH,
    Commit,
    Note,
    Proposal,
    Speaker,
)
from consensus.deliberation.context import FRAME, TOKEN
from consensus.deliberation.effects import Progress
from consensus.deliberation.notes import SHARE, choose, heard, note_problem, remarks
from consensus.deliberation.requests import DraftRequest, JudgeRequest, Judgment, Remark
from consensus.envelope import Kind
from consensus.ports import Message
from consensus.verdict import Checked, VerdictError
from node.sim.member import Mind, SimNode
from node.sim.minds import opinionated
from node.sim.ring import KeyRing
from tests.harness.swarms import ORDERS, QUICK, Bend, Puppet, SmallSwarm, decided, honestly

RING = KeyRing()
PEOPLE = tuple(
    Speaker(name=f"person-{at}", key=RING.identity(f"person-{at}")) for at in range(MAX_SPEAKERS)
)
ANN, BEN = PEOPLE[:2]
TASK = b"t" * 32
TWO = replace(QUICK, rounds=2, near_consensus=0)
"""Two rounds, for models that disagree."""


def note(by: Speaker, text: str = "So.", *, number: int = 1, at_ms: int = 0) -> Note:
    """A note that is not signed."""
    return Note(author=by.key, number=number, at_ms=at_ms, text=text, signature=bytes(64))


# -- which ones -----------------------------------------------------------------------------


@st.composite
def unions(draw: st.DrawFn) -> list[Note]:
    return [
        note(
            draw(st.sampled_from(PEOPLE)),
            draw(st.sampled_from("abc")),
            number=draw(st.integers(1, NOTES_EACH)),
            at_ms=draw(st.integers(0, 2)),
        )
        for _ in range(draw(st.integers(0, 24)))
    ]


@given(st.lists(unions(), max_size=4))
def test_to_choose_from_all_is_to_choose_from_what_each_would_choose(
    held: list[list[Note]],
) -> None:
    whole = choose([one for part in held for one in part], PEOPLE, TASK)
    parts = [choose(part, PEOPLE, TASK) for part in held]
    assert choose([one for part in parts for one in part], PEOPLE, TASK) == whole
    for one in whole:  # whoever holds it carries it
        assert all(one in chosen for part, chosen in zip(held, parts, strict=True) if one in part)


@given(unions(), st.randoms())
def test_the_order_of_arrival_says_nothing(held: list[Note], random: object) -> None:
    mixed = list(held)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert choose(mixed, PEOPLE, TASK) == choose(held, PEOPLE, TASK)
    assert len(choose(held, PEOPLE, TASK)) <= MAX_NOTES


@given(unions(), st.lists(st.text("xyz", min_size=1), max_size=40))
def test_no_speaker_crowds_another_one_out(held: list[Note], loud: list[str]) -> None:
    """Not by signing two of one number, nor by dates: every speaker's newest note is told."""
    others = [one for one in held if one.author != ANN.key]
    told = choose([*others, *(note(ANN, text, number=NOTES_EACH) for text in loud)], PEOPLE, TASK)
    assert {one.author for one in others} <= {one.author for one in told}


def test_of_a_speakers_notes_the_newest_are_told() -> None:
    many = [note(ANN, f"{number}", number=number) for number in range(1, NOTES_EACH + 1)]
    rest = [note(one, "x") for one in PEOPLE[1:7]]
    told = {one.text for one in choose([*many, *rest], PEOPLE, TASK) if one.author == ANN.key}
    assert told == {"3", "4"}


def test_a_note_with_two_signatures_is_told_once_and_the_same_one_everywhere() -> None:
    one, two = note(ANN), replace(note(ANN), signature=b"s" * 64)
    assert choose([one, two], PEOPLE, TASK) == choose([two, one], PEOPLE, TASK) == (one,)


def test_what_was_heard_names_the_round_since_which_it_was_told_and_says_each_once() -> None:
    first, second = note(ANN, "first", at_ms=9), note(BEN, "second", at_ms=1)
    told = heard([[first], [second, first], []], PEOPLE, TASK)
    assert [(one.round, one.by, one.note.text) for one in told] == [
        (1, "person-0", "first"),
        (2, "person-1", "second"),
    ]


# -- how much of the limit ------------------------------------------------------------------


def test_remarks_stand_by_time_then_id() -> None:
    late, early = note(ANN, "late", at_ms=7), note(BEN, "early", at_ms=3)
    told = remarks([late, early], PEOPLE, TASK, 8_192).told
    assert told == (
        Remark(by="person-1", at_ms=3, text="early"),
        Remark(by="person-0", at_ms=7, text="late"),
    )


@pytest.mark.parametrize("tokens", [512, 1_000, 8_192])
def test_notes_take_no_more_than_their_share_of_the_limit_and_say_what_is_cut(tokens: int) -> None:
    long = "A sentence of a person. " * 80
    told = remarks([note(one, long) for one in PEOPLE], PEOPLE, TASK, tokens)
    assert told.bytes <= (tokens * TOKEN - FRAME) // SHARE
    assert len(told.told) + told.left_out == MAX_SPEAKERS
    assert all(one.cut == (one.text != long) for one in told.told)
    assert tokens < 8_192 or any(not one.cut for one in told.told)
    assert all(one.text.endswith(".") for one in told.told if one.cut)


# -- whose they are -------------------------------------------------------------------------


def signed(by: Speaker, task: bytes, text: str, number: int = 1, at_ms: int = 0) -> Note:
    """A note signed in the simulation."""
    return RING.note(by.key, task, text, number=number, at_ms=at_ms)


def test_a_note_is_of_one_task_by_one_speaker_and_of_its_words_alone() -> None:
    sound, at = signed(ANN, TASK, "So."), (ANN, BEN)
    assert note_problem([sound], at, TASK, RING.verify) == ""
    for said, speakers, task, why in (
        ([sound], (BEN,), TASK, "does not name as a speaker"),
        ([sound], (), TASK, "does not name as a speaker"),
        ([sound], at, b"o" * 32, "does not hold for this task"),
        ([replace(sound, text="No.")], at, TASK, "does not hold for this task"),
        ([replace(sound, number=2)], at, TASK, "does not hold for this task"),
        ([replace(sound, at_ms=1)], at, TASK, "does not hold for this task"),
        ([sound, replace(sound, author=BEN.key)], at, TASK, "does not hold for this task"),
    ):
        assert why in note_problem(said, speakers, task, RING.verify)


# -- in a committee -------------------------------------------------------------------------


class Spoken(SmallSwarm):
    """A swarm in whose task ann and ben may speak; `held` says what each member is handed."""

    def __init__(
        self,
        held: Mapping[int, Sequence[tuple[Speaker, str]]],
        *,
        bend: Bend | None = None,
    ) -> None:
        self.held = held
        self.drafts: list[DraftRequest] = []
        self.judgments: list[JudgeRequest] = []
        minds = [self._listening(opinionated(order)) for order in ORDERS[:4]]
        super().__init__(4, minds=minds, policy=TWO, bend=bend)

    def make_ring(self, policy: object, gated: bool) -> KeyRing:
        return RING

    def speakers(self) -> tuple[Speaker, ...]:
        return (ANN, BEN)

    def boot(self) -> None:
        super().boot()
        for at, notes in self.held.items():
            for by, text in notes:
                self.nodes[at].noted(signed(by, self.opened.id, text))

    def _listening(self, mind: Mind) -> Mind:
        def draft(request: DraftRequest) -> Proposal | None:
            self.drafts.append(request)
            return mind.draft(request)

        def judge(request: JudgeRequest) -> Judgment | None:
            self.judgments.append(request)
            return mind.judge(request)

        return Mind(draft=draft, judge=judge)

    def told(self, round_: int) -> list[tuple[str, ...]]:
        """What each model was told of people when it drafted in a round."""
        found = [one for one in self.drafts if one.round == round_]
        return [tuple(said.text for said in one.remarks.told) for one in found]


HANDED = st.lists(st.tuples(st.sampled_from((ANN, BEN)), st.sampled_from("xyz")), max_size=3)


@settings(max_examples=6)
@given(st.dictionaries(st.integers(0, 3), HANDED))
def test_all_models_are_told_the_same_whatever_each_member_holds(
    held: Mapping[int, Sequence[tuple[Speaker, str]]],
) -> None:
    swarm = Spoken(held)
    checked = decided(swarm)
    union = [signed(by, swarm.opened.id, text) for each in held.values() for by, text in each]
    expected = {(one.author, one.text) for one in choose(union, (ANN, BEN), swarm.opened.id)}
    names = {ANN.name: ANN.key, BEN.name: BEN.key}
    seconds = [one.remarks for one in swarm.drafts if one.round == 2]
    assert len(seconds) == 4
    assert len(set(seconds)) == 1
    assert {(names[one.by], one.text) for one in seconds[0].told} == expected
    assert {one.remarks for one in swarm.judgments} == {seconds[0]}
    assert {(one.note.author, one.note.text) for one in checked.notes} == expected
    assert {one.round for one in checked.notes} <= {1}


def test_no_model_is_told_what_only_its_own_member_holds() -> None:
    """Its draft would else show whose it is: R3."""
    swarm = Spoken({0: [(ANN, "The meter was replaced.")]})
    decided(swarm)
    assert swarm.told(1) == [()] * 4
    assert swarm.told(2) == [("The meter was replaced.",)] * 4


def test_a_note_that_comes_after_a_members_commit_is_told_with_the_next_slate() -> None:
    class Late(Spoken):
        def progressed(self, node: SimNode, effect: Progress) -> None:
            super().progressed(node, effect)
            if (effect.what, effect.round, node.position) == ("judged", 1, 1):
                late = signed(BEN, self.opened.id, "Late.")
                self.clock.after(0, lambda: node.noted(late))

    swarm = Late({})
    checked = decided(swarm)
    assert swarm.told(2) == [()] * 4
    assert [(one.round, one.by) for one in checked.notes] == [(2, "person-1")]
    assert {one.remarks.told[0].text for one in swarm.judgments if one.round == 2} == {"Late."}


def test_a_member_that_dies_between_receipt_and_commit_carries_its_note_all_the_same() -> None:
    class Dying(Spoken):
        def boot(self) -> None:
            super().boot()
            self.nodes[0].crash()
            self.nodes[0].boot()

    swarm = Dying({0: [(ANN, "Kept.")]})
    checked = decided(swarm)
    assert [(one.round, one.note.text) for one in checked.notes] == [(1, "Kept.")]


def test_what_a_slate_has_brought_is_not_carried_again() -> None:
    swarm = Spoken({at: [(ANN, "Once.")] for at in range(4)})
    decided(swarm)
    for node in swarm.nodes:
        carried = [kept.message.body for kept in node.disk.kept.values()]
        notes = {len(body.notes) for body in carried if isinstance(body, Commit)}
        assert notes == {0, 1}


def carrying(*said: Note) -> Bend:
    """A puppet whose commits carry what it is told."""

    def bend(puppet: Puppet, message: Message, goal: SimNode) -> Sequence[Message]:
        if message.kind is not Kind.COMMIT or not isinstance(message.body, Commit):
            return honestly(puppet, message, goal)
        return (puppet.resign(message, replace(message.body, notes=said)),)

    return bend


def test_two_notes_of_one_number_harm_nobody() -> None:
    """Equivocation is its author's own affair: both are told, and others' no less."""
    probe = Spoken({})
    pair = tuple(signed(ANN, probe.opened.id, text) for text in ("Yes.", "No."))
    swarm = Spoken({0: [(BEN, "Mine.")], 1: [(ANN, "Yes.")]}, bend=carrying(*pair))
    checked = decided(swarm)
    assert {one.note.text for one in checked.notes} == {"Yes.", "No.", "Mine."}


@pytest.mark.parametrize("how", ["forged", "of another task", "by a stranger"])
def test_a_verdict_with_a_note_that_is_none_of_its_task_names_the_rule(how: str) -> None:
    probe = Spoken({})
    eve = PEOPLE[5]
    sound = signed(ANN, probe.opened.id, "So.")
    bad = {
        "forged": replace(sound, text="No."),
        "of another task": signed(ANN, TASK, "So."),
        "by a stranger": signed(eve, probe.opened.id, "So."),
    }[how]
    swarm = Spoken({}, bend=carrying(bad))  # no gate stands before this swarm
    with pytest.raises(VerdictError, match="a note by") as caught:
        decided(swarm)
    assert caught.value.rule == "R1c"


def test_a_verdict_tells_its_notes_by_name_round_and_time() -> None:
    swarm = Spoken({2: [(BEN, "Look again.")]})
    checked: Checked = decided(swarm)
    (found,) = checked.notes
    assert (found.by, found.round, found.note.at_ms) == (BEN.name, 1, 0)
    noted = [one for one in swarm.nodes[0].progress if one.what == "noted"]
    assert [one.detail for one in noted] == [{"by": BEN.name, "at_ms": 0, "text": "Look again."}]
