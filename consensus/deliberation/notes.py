"""Notes from people in the record: which of them models are told, and in which words (rule R1c).

A note is one member's to carry and nobody's to hold back. Members put what they hold into their
commits, the slate says whose commits count (R2a), and what models are told is a pure function of
the slates decided so far: the same at every member, whatever each of them held.

**Which ones.** Of each speaker the newest come first (by number, then time, then id), and the
speakers take turns in the order in which the TaskOpen names them, until `MAX_NOTES` are chosen. So
no speaker crowds another one out, not by dating notes back and not by signing two of one number.
To choose from a union is to choose from what each part would choose:
`choose(A | B) == choose(choose(A) | choose(B))`. A member's commit carries what it would choose,
and a note that everybody's notes together would leave in is therefore in every commit of a
member that holds it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ..bodies import MAX_NOTES, Commit, Note, Speaker
from ..envelope import MessageId
from ..ports import Message
from .context import FRAME, TOKEN, charge, cut
from .requests import Remark, Remarks

SHARE: Final = 2
"""One part in so many of the policy's `context_tokens` is the most that notes take: the rest is for
what the committee said."""

Verify = Callable[[bytes, bytes, bytes], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A note that models were told, who by the TaskOpen says it, and since which round's slate."""

    round: int
    by: str
    note: Note


def note_problem(
    notes: Iterable[Note], speakers: Sequence[Speaker], task: bytes, verify: Verify
) -> str:
    """Why these are no notes of `task`, or "" if they are: who may speak, and the signatures.

    All that it needs stands in the TaskOpen and in the notes, so all members and verifiers agree.
    """
    named = {speaker.key for speaker in speakers}
    for note in notes:
        who = note.author.hex()[:16]
        if note.author not in named:
            return f"a note by {who}, whom the task does not name as a speaker"
        if not verify(note.author, note.preimage(task), note.signature):
            return f"the signature of a note by {who} does not hold for this task"
    return ""


def choose(notes: Iterable[Note], speakers: Sequence[Speaker], task: bytes) -> tuple[Note, ...]:
    """At most `MAX_NOTES` of `notes`, each once, the first turn of all speakers first.

    Of one note with two signatures the smaller one is taken, so that the order of arrival says
    nothing.
    """
    known: dict[bytes, Note] = {}
    for note in sorted(notes, key=lambda note: note.signature):
        known.setdefault(note.id(task), note)
    turns: list[tuple[int, int, Note]] = []
    for place, speaker in enumerate(speakers):
        own = [
            (note.number, note.at_ms, item)
            for item, note in known.items()
            if note.author == speaker.key
        ]
        turns += [
            (turn, place, known[item])
            for turn, (_, _, item) in enumerate(sorted(own, reverse=True))
        ]
    turns.sort(key=lambda each: each[:2])
    return tuple(note for _, _, note in turns[:MAX_NOTES])


def slate_notes(
    slate: Iterable[MessageId], lookup: Callable[[MessageId], Message | None]
) -> tuple[Note, ...]:
    """The notes in the commits that a decided slate counts, in no order."""
    messages = (lookup(item) for item in slate)
    return tuple(
        note
        for message in messages
        if message is not None and isinstance(message.body, Commit)
        for note in message.body.notes
    )


def heard(
    slates: Sequence[Iterable[Note]], speakers: Sequence[Speaker], task: bytes
) -> tuple[Heard, ...]:
    """What models were told after any of these rounds' slates, by round, time and id."""
    names = {speaker.key: speaker.name for speaker in speakers}
    told: dict[bytes, Heard] = {}
    union: list[Note] = []
    for round_, notes in enumerate(slates, 1):
        union = list({note.id(task): note for note in (*union, *notes)}.values())
        for note in choose(union, speakers, task):
            item = Heard(round=round_, by=names[note.author], note=note)
            told.setdefault(note.id(task), item)
    return tuple(sorted(told.values(), key=lambda one: (one.round, *_age(one.note, task))))


def remarks(
    notes: Iterable[Note], speakers: Sequence[Speaker], task: bytes, tokens: int
) -> Remarks:
    """What models are told of `notes`, which are all of decided slates.

    They take at most a `SHARE` of `tokens`; a text that does not fit ends with a sentence.
    """
    names = {speaker.key: speaker.name for speaker in speakers}
    room, spent, left_out = (tokens * TOKEN - FRAME) // SHARE, 0, 0
    found: list[tuple[tuple[int, bytes], Remark]] = []
    for note in choose(notes, speakers, task):
        text = cut(note.text, room - spent)
        if not text:
            left_out += 1
            continue
        spent += charge(text)
        remark = Remark(by=names[note.author], at_ms=note.at_ms, text=text, cut=text != note.text)
        found.append((_age(note, task), remark))
    found.sort(key=lambda each: each[0])
    return Remarks(told=tuple(one for _, one in found), bytes=spent, left_out=left_out)


def _age(note: Note, task: bytes) -> tuple[int, bytes]:
    return note.at_ms, note.id(task)
