"""What makes a body well-formed: each bound at its limit and one past it (rule T3)."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.bodies import (
    COUNT_CAP,
    MAX_ANSWER,
    MAX_CITATIONS,
    MAX_CRITIQUE,
    MAX_EXPERTS,
    MAX_LABEL,
    MAX_MESSAGES,
    MAX_NOTE,
    MAX_NOTE_BYTES,
    MAX_NOTES,
    MAX_OPTIONS,
    MAX_REASON,
    MAX_REPORT_IDS,
    MAX_SPEAKER,
    MAX_SPEAKERS,
    MAX_TEXT,
    MAX_VALUE,
    MAX_VECTOR,
    NOTES_EACH,
    VIEW_CAP,
    Acceptance,
    AnswerKind,
    AnswerSpec,
    Ballot,
    Batch,
    BodyError,
    Budget,
    Commit,
    Content,
    Mark,
    Note,
    Opening,
    Pair,
    Preference,
    Proposal,
    Propose,
    Report,
    Seal,
    Speaker,
    TaskOpen,
    Usage,
    Views,
    Vote,
)
from consensus.committee import MAX_MEMBERS
from consensus.envelope import Envelope, Kind, MessageId
from tests.harness.tables import Table

OPEN = Table().opened.body
assert isinstance(OPEN, TaskOpen)
TASK = OPEN
IDS = tuple(MessageId(at.to_bytes(32, "big")) for at in range(1, MAX_REPORT_IDS + 2))
PAIR = Pair(first=0, second=1, preference=Preference.FIRST)
MARK = Mark(candidate=0, endorsement=0)
CLAIM = {
    "alias": b"1" * 32,
    "alias_signature": b"1" * 64,
    "proposal": b"1" * 32,
    "nonce": b"1" * 32,
}
BALLOT = Ballot(held=())
NOTE = Note(author=bytes(32), number=1, at_ms=0, text="So.", signature=bytes(64))


def entries(count: int) -> tuple[Envelope, ...]:
    made = [
        Envelope(
            kind=Kind.PROPOSAL,
            ctx=b"",
            payload=at.to_bytes(2, "big"),
            signer=bytes(32),
            signature=b"",
        )
        for at in range(count)
    ]
    return tuple(sorted(made, key=lambda one: one.id))


def speakers(count: int) -> tuple[Speaker, ...]:
    return tuple(Speaker(name=f"p-{at}", key=bytes([at]) * 32) for at in range(count))


def options(count: int) -> tuple[str, ...]:
    return tuple(f"option {at}" for at in range(count))


Case = tuple[str, Callable[[], Any], Callable[[], Any], str]

CASES: list[Case] = [
    (
        "fewest options",
        lambda: AnswerSpec(kind=AnswerKind.CHOICE, options=options(2)),
        lambda: AnswerSpec(kind=AnswerKind.CHOICE, options=options(1)),
        "options: 2 to 256",
    ),
    (
        "most options",
        lambda: AnswerSpec(kind=AnswerKind.LABEL, options=options(MAX_OPTIONS)),
        lambda: AnswerSpec(kind=AnswerKind.LABEL, options=options(MAX_OPTIONS + 1)),
        "options: 2 to 256",
    ),
    (
        "length of an option",
        lambda: AnswerSpec(kind=AnswerKind.CHOICE, options=("x" * MAX_LABEL, "y")),
        lambda: AnswerSpec(kind=AnswerKind.CHOICE, options=("x" * (MAX_LABEL + 1), "y")),
        "option is 257 characters, over 256",
    ),
    (
        "distinct options",
        lambda: AnswerSpec(kind=AnswerKind.CHOICE, options=("a", "A")),
        lambda: AnswerSpec(kind=AnswerKind.CHOICE, options=("a", "a")),
        "options must be distinct",
    ),
    (
        "options without space around",
        lambda: AnswerSpec(kind=AnswerKind.CHOICE, options=("a b", "c")),
        lambda: AnswerSpec(kind=AnswerKind.CHOICE, options=("a b ", "c")),
        "empty or padded",
    ),
    (
        "options that say something",
        lambda: AnswerSpec(kind=AnswerKind.CHOICE, options=(".", "c")),
        lambda: AnswerSpec(kind=AnswerKind.CHOICE, options=("", "c")),
        "empty or padded",
    ),
    (
        "no options for a number",
        lambda: AnswerSpec(kind=AnswerKind.NUMBER),
        lambda: AnswerSpec(kind=AnswerKind.NUMBER, options=options(2)),
        "a number answer takes no options",
    ),
    (
        "length of a text",
        lambda: Content(text="x" * MAX_TEXT),
        lambda: Content(text="x" * (MAX_TEXT + 1)),
        "text is 262145 characters",
    ),
    (
        "a prompt that says something",
        lambda: Content(vector=(0.0,)),
        lambda: Content(text=" \n\t"),
        "the prompt is empty",
    ),
    (
        "length of a vector",
        lambda: Content(vector=(1.0,) * MAX_VECTOR),
        lambda: Content(vector=(1.0,) * (MAX_VECTOR + 1)),
        "vector: at most 65536",
    ),
    (
        "finite numbers",
        lambda: Content(vector=(1.7976931348623157e308,)),
        lambda: Content(vector=(float("inf"),)),
        "NaN or infinity",
    ),
    (
        "numbers that are some",
        lambda: Content(vector=(-0.0,)),
        lambda: Content(vector=(float("nan"),)),
        "NaN or infinity",
    ),
    (
        "text that can be written",
        lambda: Content(text="\ud7ff\ue000"),
        lambda: Content(text="a\ud800"),
        "text holds a lone surrogate",
    ),
    (
        "parts of a case",
        lambda: replace(TASK, messages=(Content(text="x"),) * MAX_MESSAGES),
        lambda: replace(TASK, messages=(Content(text="x"),) * (MAX_MESSAGES + 1)),
        "messages: 1 to 64",
    ),
    (
        "a case at all",
        lambda: replace(TASK, messages=(Content(text="x"),)),
        lambda: replace(TASK, messages=()),
        "messages: 1 to 64",
    ),
    (
        "a task that ends after it is opened",
        lambda: replace(TASK, opened_at_ms=5, not_after_ms=6),
        lambda: replace(TASK, opened_at_ms=5, not_after_ms=5),
        "not_after_ms is 5",
    ),
    (
        "length of a nonce",
        lambda: replace(TASK, nonce=bytes(16)),
        lambda: replace(TASK, nonce=bytes(15)),
        "nonce is 15 bytes, not 16",
    ),
    (
        "speakers of a task",
        lambda: replace(TASK, speakers=speakers(MAX_SPEAKERS)),
        lambda: replace(TASK, speakers=speakers(MAX_SPEAKERS + 1)),
        "speakers: at most 8",
    ),
    (
        "speakers with keys of their own",
        lambda: replace(TASK, speakers=speakers(2)),
        lambda: replace(TASK, speakers=(speakers(1)[0], replace(speakers(1)[0], name="b"))),
        "two speakers have one key",
    ),
    (
        "speakers with names of their own",
        lambda: replace(TASK, speakers=speakers(2)),
        lambda: replace(TASK, speakers=(speakers(1)[0], replace(speakers(2)[1], name="p-0"))),
        "two speakers have one name",
    ),
    (
        "a speaker's name that is one word",
        lambda: Speaker(name="ann.b_c-1", key=bytes(32)),
        lambda: Speaker(name="ann (the judge)", key=bytes(32)),
        "speaker.name must be letters",
    ),
    (
        "length of a speaker's name",
        lambda: Speaker(name="a" * MAX_SPEAKER, key=bytes(32)),
        lambda: Speaker(name="a" * (MAX_SPEAKER + 1), key=bytes(32)),
        "speaker.name is 65 characters",
    ),
    (
        "length of a speaker's key",
        lambda: Speaker(name="a", key=bytes(32)),
        lambda: Speaker(name="a", key=bytes(31)),
        "speaker.key is 31 bytes",
    ),
    (
        "length of a note",
        lambda: replace(NOTE, text="x" * MAX_NOTE),
        lambda: replace(NOTE, text="x" * (MAX_NOTE + 1)),
        "note.text is 2001 characters",
    ),
    (
        "bytes of a note",
        lambda: replace(NOTE, text="\u624b" * (MAX_NOTE_BYTES // 3)),
        lambda: replace(NOTE, text="\u624b" * (MAX_NOTE_BYTES // 3) + "x"),
        "note.text is 3001 bytes, over 3000",
    ),
    (
        "a note that says something",
        lambda: replace(NOTE, text="."),
        lambda: replace(NOTE, text=" \n"),
        "a note is empty",
    ),
    (
        "a note that can be written",
        lambda: replace(NOTE, text="\ud7ff"),
        lambda: replace(NOTE, text="\ud800"),
        "note.text holds a lone surrogate",
    ),
    (
        "a note's first number",
        lambda: replace(NOTE, number=1),
        lambda: replace(NOTE, number=0),
        "note.number is 0",
    ),
    (
        "a note's last number",
        lambda: replace(NOTE, number=NOTES_EACH),
        lambda: replace(NOTE, number=NOTES_EACH + 1),
        "note.number is 5",
    ),
    (
        "a note's time",
        lambda: replace(NOTE, at_ms=COUNT_CAP),
        lambda: replace(NOTE, at_ms=COUNT_CAP + 1),
        "note.at_ms",
    ),
    (
        "length of a note's signature",
        lambda: replace(NOTE, signature=bytes(64)),
        lambda: replace(NOTE, signature=bytes(63)),
        "note.signature is 63 bytes",
    ),
    (
        "notes of a commit",
        lambda: Commit(commitment=b"c" * 32, notes=(NOTE,) * MAX_NOTES),
        lambda: Commit(commitment=b"c" * 32, notes=(NOTE,) * (MAX_NOTES + 1)),
        "notes: at most 8 in a commit",
    ),
    (
        "a budget",
        lambda: Budget(tokens=COUNT_CAP),
        lambda: Budget(tokens=COUNT_CAP + 1),
        "budget.tokens",
    ),
    ("no debts", lambda: Budget(micros=0), lambda: Budget(micros=-1), "budget.micros"),
    (
        "length of a refusal",
        lambda: Acceptance(refusal="x" * MAX_REASON),
        lambda: Acceptance(refusal="x" * (MAX_REASON + 1)),
        "refusal is 401",
    ),
    ("usage", lambda: Usage(ms=COUNT_CAP), lambda: Usage(ms=COUNT_CAP + 1), "usage.ms"),
    (
        "length of a commitment",
        lambda: Commit(commitment=b"1" * 32),
        lambda: Commit(commitment=b"1" * 33),
        "commitment is 33 bytes",
    ),
    (
        "a commit or an abstention",
        lambda: Commit(commitment=bytes(32), abstain="tired"),
        lambda: Commit(commitment=bytes(32)),
        "commit xor abstain",
    ),
    (
        "not both of them",
        lambda: Commit(commitment=b"1" * 32),
        lambda: Commit(commitment=b"1" * 32, abstain="tired"),
        "commit xor abstain",
    ),
    (
        "views of a committee",
        lambda: Views(authors=(10_000,) * MAX_MEMBERS, judges=(0,) * MAX_MEMBERS),
        lambda: Views(judges=(0,) * (MAX_MEMBERS + 1)),
        "views.judges: more than",
    ),
    (
        "views of rules",
        lambda: Views(rules=(10_000,) * MAX_EXPERTS),
        lambda: Views(rules=(0,) * (MAX_EXPERTS + 1)),
        "views.rules: more than there can be rules",
    ),
    (
        "a view",
        lambda: Views(authors=(0, 10_000)),
        lambda: Views(authors=(10_001,)),
        "views.authors is 10001",
    ),
    (
        "length of an answer",
        lambda: Proposal(answer="x" * MAX_ANSWER),
        lambda: Proposal(answer="x" * (MAX_ANSWER + 1)),
        "answer is 4001",
    ),
    (
        "an answer that says something",
        lambda: Proposal(answer=" a "),
        lambda: Proposal(answer="  "),
        "answer is empty",
    ),
    (
        "entries of a belief",
        lambda: Proposal(answer="a", belief=(10_000, *(0,) * (MAX_OPTIONS - 1))),
        lambda: Proposal(answer="a", belief=(10_000, *(0,) * MAX_OPTIONS)),
        "belief: more entries",
    ),
    (
        "a belief that sums to one",
        lambda: Proposal(answer="a", belief=(9_999, 1)),
        lambda: Proposal(answer="a", belief=(9_999, 2)),
        "does not sum to 10000",
    ),
    (
        "shares of a belief",
        lambda: Proposal(answer="a", belief=(10_000, 0)),
        lambda: Proposal(answer="a", belief=(10_001, -1)),
        "belief is 10001",
    ),
    (
        "confidence",
        lambda: Proposal(answer="a", confidence=0),
        lambda: Proposal(answer="a", confidence=-1),
        "confidence is -1",
    ),
    (
        "citations",
        lambda: Proposal(answer="a", evidence=("x",) * MAX_CITATIONS),
        lambda: Proposal(answer="a", evidence=("x",) * (MAX_CITATIONS + 1)),
        "evidence: at most 256",
    ),
    (
        "unseen options",
        lambda: Proposal(answer="a", unseen=(0, MAX_OPTIONS - 1)),
        lambda: Proposal(answer="a", unseen=(0, MAX_OPTIONS)),
        "unseen is 256",
    ),
    (
        "unseen in order",
        lambda: Proposal(answer="a", unseen=(1, 2)),
        lambda: Proposal(answer="a", unseen=(2, 1)),
        "unseen is not ascending",
    ),
    (
        "entries of a batch",
        lambda: Batch(entries=entries(MAX_MEMBERS)),
        lambda: Batch(entries=entries(MAX_MEMBERS + 1)),
        "batch: more entries",
    ),
    (
        "order of a batch",
        lambda: Batch(entries=entries(2)),
        lambda: Batch(entries=entries(2)[::-1]),
        "not ascending by id",
    ),
    (
        "a batch without doubles",
        lambda: Batch(entries=entries(1)),
        lambda: Batch(entries=entries(1) * 2),
        "not ascending by id",
    ),
    ("a seal", lambda: Seal(hash=b"1" * 32), lambda: Seal(hash=b""), "seal is 0 bytes"),
    (
        "a pair of two",
        lambda: replace(PAIR, second=MAX_MEMBERS - 1),
        lambda: replace(PAIR, second=MAX_MEMBERS),
        "pair.second is 64",
    ),
    (
        "a pair of different ones",
        lambda: replace(PAIR, first=2),
        lambda: replace(PAIR, first=1),
        "with itself",
    ),
    (
        "confidence in a pair",
        lambda: replace(PAIR, confidence=10_000),
        lambda: replace(PAIR, confidence=10_001),
        "pair.confidence",
    ),
    (
        "an endorsement",
        lambda: replace(MARK, endorsement=-100),
        lambda: replace(MARK, endorsement=-101),
        "mark.endorsement is -101",
    ),
    (
        "points for evidence",
        lambda: replace(MARK, evidence=100),
        lambda: replace(MARK, evidence=101),
        "mark.evidence is 101",
    ),
    (
        "points for argument",
        lambda: replace(MARK, argument=0),
        lambda: replace(MARK, argument=-1),
        "mark.argument is -1",
    ),
    (
        "a critique",
        lambda: replace(MARK, critique="x" * MAX_CRITIQUE),
        lambda: replace(MARK, critique="x" * (MAX_CRITIQUE + 1)),
        "mark.critique is 2001",
    ),
    (
        "what a ballot lists",
        lambda: Ballot(held=IDS[:MAX_MEMBERS]),
        lambda: Ballot(held=IDS[: MAX_MEMBERS + 1]),
        "ballot: more candidates",
    ),
    (
        "ids in a ballot",
        lambda: Ballot(held=IDS[:2]),
        lambda: Ballot(held=(MessageId(b"short"),)),
        "held id is 5 bytes",
    ),
    (
        "order in a ballot",
        lambda: Ballot(held=IDS[:2]),
        lambda: Ballot(held=IDS[:2][::-1]),
        "held ids are not ascending",
    ),
    (
        "pairs of what is listed",
        lambda: Ballot(held=IDS[:2], pairs=(PAIR,)),
        lambda: Ballot(held=IDS[:1], pairs=(PAIR,)),
        "a pair names no candidate",
    ),
    (
        "each order of a pair once",
        lambda: Ballot(held=IDS[:2], pairs=(PAIR, replace(PAIR, first=1, second=0))),
        lambda: Ballot(held=IDS[:2], pairs=(PAIR, replace(PAIR, preference=Preference.TIE))),
        "judged twice in one order",
    ),
    (
        "marks of what is listed",
        lambda: Ballot(held=IDS[:1], marks=(MARK,)),
        lambda: Ballot(held=(), marks=(MARK,)),
        "a mark names no candidate",
    ),
    (
        "one mark a candidate",
        lambda: Ballot(held=IDS[:2], marks=(MARK, replace(MARK, candidate=1))),
        lambda: Ballot(held=IDS[:2], marks=(MARK, MARK)),
        "marked twice",
    ),
    (
        "an abstention without entries",
        lambda: Ballot(held=IDS[:1], abstain="tired"),
        lambda: Ballot(held=IDS[:1], abstain="tired", marks=(MARK,)),
        "an abstaining ballot has entries",
    ),
    (
        "a claim that is whole",
        lambda: Opening(**CLAIM),  # type: ignore[arg-type]
        lambda: Opening(**{**CLAIM, "nonce": b""}),  # type: ignore[arg-type]
        "nonce is 0 bytes",
    ),
    (
        "a ballot with its salt",
        lambda: Opening(ballot=BALLOT, ballot_bytes=b"x", salt=b"1" * 32),
        lambda: Opening(ballot=BALLOT, ballot_bytes=b"x"),
        "a ballot comes with its salt",
    ),
    (
        "a ballot with its bytes",
        lambda: Opening(),
        lambda: Opening(ballot=BALLOT, salt=b"1" * 32),
        "a ballot comes with its bytes",
    ),
    (
        "length of a salt",
        lambda: Opening(ballot=BALLOT, ballot_bytes=b"x", salt=b"1" * 32),
        lambda: Opening(ballot=BALLOT, ballot_bytes=b"x", salt=b"1" * 31),
        "salt is 31 bytes",
    ),
    (
        "ids of a REPORT",
        lambda: Report(ids=IDS[:MAX_REPORT_IDS]),
        lambda: Report(ids=IDS[: MAX_REPORT_IDS + 1]),
        "report: at most 128 ids",
    ),
    (
        "order of a REPORT",
        lambda: Report(ids=IDS[:2]),
        lambda: Report(ids=(IDS[0], IDS[0])),
        "reported ids are not ascending",
    ),
    (
        "claims of a REPORT",
        lambda: Report(ids=(), ms=COUNT_CAP),
        lambda: Report(ids=(), ms=COUNT_CAP + 1),
        "report.ms",
    ),
    (
        "a view of a vote",
        lambda: Vote(view=VIEW_CAP, value=bytes(32)),
        lambda: Vote(view=VIEW_CAP + 1, value=bytes(32)),
        "vote.view",
    ),
    (
        "a vote's value",
        lambda: Vote(view=0, value=bytes(32)),
        lambda: Vote(view=0, value=bytes(31)),
        "vote.value is 31 bytes",
    ),
    (
        "a valid view before the view",
        lambda: Propose(view=3, valid_view=2, value=b"x"),
        lambda: Propose(view=3, valid_view=3, value=b"x"),
        "propose.valid_view is 3",
    ),
    (
        "no valid view",
        lambda: Propose(view=0, valid_view=-1, value=b"x"),
        lambda: Propose(view=0, valid_view=-2, value=b"x"),
        "propose.valid_view is -2",
    ),
    (
        "a value's size",
        lambda: Propose(view=0, valid_view=-1, value=bytes(MAX_VALUE)),
        lambda: Propose(view=0, valid_view=-1, value=bytes(MAX_VALUE + 1)),
        "value: 1 to 1048576 bytes",
    ),
    (
        "a value at all",
        lambda: Propose(view=0, valid_view=-1, value=b"x"),
        lambda: Propose(view=0, valid_view=-1, value=b""),
        "value: 1 to 1048576 bytes",
    ),
]


@pytest.mark.parametrize(
    ("within", "past", "text"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_body_is_well_formed_at_the_bound_and_not_one_past_it(
    within: Callable[[], Any], past: Callable[[], Any], text: str
) -> None:
    within()
    with pytest.raises(BodyError) as caught:
        past()
    assert text in str(caught.value)


@given(st.integers(0, VIEW_CAP), st.binary(min_size=32, max_size=32))
def test_vote_is_36_bytes_and_read_back(view: int, value: bytes) -> None:
    vote = Vote(view=view, value=value)
    assert len(vote.pack()) == 36
    assert Vote.unpack(vote.pack()) == vote


@given(st.integers(0, VIEW_CAP), st.data())
def test_propose_is_read_back(view: int, data: st.DataObject) -> None:
    body = Propose(
        view=view,
        valid_view=data.draw(st.integers(-1, view - 1)),
        value=data.draw(st.binary(min_size=1, max_size=50)),
    )
    assert Propose.unpack(body.pack()) == body


@given(st.binary(max_size=60))
def test_any_bytes_are_a_vote_or_refused_by_name(data: bytes) -> None:
    for kind in (Vote, Propose):
        with contextlib.suppress(BodyError):
            assert kind.unpack(data).pack() == data
