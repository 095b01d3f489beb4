"""People's notes for tasks that run: taken in, kept, handed on to the other members (rule R1c).

A note is durable before anything follows of it: before its task hears of it, which may carry it in
a commit, and before another member does. Who takes one from its author sends it to every other
member of the committee; what came from a member goes no further, but for a link that comes up. So
a note costs one message a member, and a link that was down hides none. Whatever gets lost
here, one member that holds a note and whose commit a slate counts is enough.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from consensus.bodies import NOTES_EACH, BodyError, Note
from consensus.deliberation.effects import Noted
from consensus.deliberation.notes import note_problem
from consensus.envelope import TaskId, length_prefixed, split_prefixed

from . import keys
from .live import Live
from .proofs import FORGED
from .store.records import NoteRow
from .wire import codec
from .wire.admission import Code
from .wire.frames import Frame, TaskNote

if TYPE_CHECKING:
    from .runner import Runner

TWO_FACED: Final = 2
"""Notes kept of one author's number: an author that signs two for it gets both, and no third."""

STRANGER: Final = "not_a_speaker"
"""The code of a note by somebody whom the task does not name."""

_STATEMENT: Final = b"quorate/note"


class NoteRefused(Exception):  # noqa: N818  named for what happened
    """A note is not taken: `code` for programs, the text for people."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def sign(key: keys.SigningKey, task: bytes, *, number: int, at_ms: int, text: str) -> Note:
    """A note by `key`. Raises `BodyError`."""
    blank = Note(author=key.public, number=number, at_ms=at_ms, text=text, signature=bytes(64))
    return replace(blank, signature=key.sign(blank.preimage(task)))


def statement(task: bytes, note: Note) -> bytes:
    """A note and its task, as an author hands them in."""
    return length_prefixed(_STATEMENT, task, codec.encode_note(note))


def read_statement(data: bytes) -> TaskNote | None:
    """The note that an author hands in, unchecked; None for any other statement."""
    try:
        tag, task, note = split_prefixed(data, 3)
    except ValueError:
        return None
    return TaskNote(task=task, note=note) if tag == _STATEMENT and len(task) == 32 else None


class Notes:
    """The notes of one node's tasks."""

    def __init__(self, runner: "Runner") -> None:
        self._runner = runner

    def hand_in(self, said: TaskNote) -> tuple[Note, bool]:
        """Take a note from its author: it, and whether it is new. Raises `NoteRefused`.

        It is stored with the next turn's commit, and only then sent on. A number that another
        note of its author has is refused by the code `number_taken`.
        """
        live, note, new = self._read(said)
        if not new:
            return note, False
        if any(other.number == note.number for other in self._of(live, note.author)):
            raise NoteRefused("number_taken", f"you have a note of number {note.number} already")
        self._keep(live, note, tell=True)
        return note, True

    def received(self, member: bytes, said: TaskNote) -> None:
        """Take a note from another member, or complain of it."""
        live = self._runner.live.get(said.task)
        if live is None or not live.task.active or live.task.over:
            return  # it may be over here, or not open yet: no fault of the sender's
        if live.task.committee.position(member) is None:
            self._runner.complain(member, "not_a_member", "it sends a note of others' task")
            return
        try:
            live, note, new = self._read(said)
            if not new:
                return
            same = [other for other in self._of(live, note.author) if other.number == note.number]
            if len(same) >= TWO_FACED:
                raise NoteRefused("too_many", f"{TWO_FACED} notes of that number are held already")
        except NoteRefused as error:
            code = Code.BAD_NOTE if error.code in (FORGED, STRANGER) else error.code
            self._runner.complain(member, code, f"a note is refused: {error}")
            return
        self._keep(live, note, tell=False)

    def link_up(self, member: bytes) -> None:
        """A member is there (again): it is told what it may have missed."""
        for live in self._runner.live.values():
            if live.notes and live.task.committee.position(member) is not None:
                frame = _frame(live, live.notes.values())  # some this turn's commit alone may store
                self._runner.tick.acts.append(partial(self._send, member, frame))
                self._runner.wake()

    def free(self, task: bytes, author: bytes) -> int:
        """The lowest number that no note of `author` has here, or 0 if all are taken."""
        live = self._runner.live.get(task)
        taken = {note.number for note in self._of(live, author)} if live is not None else set()
        return min(set(range(1, NOTES_EACH + 1)) - taken, default=0)

    def _read(self, said: TaskNote) -> tuple[Live, Note, bool]:
        """A note whose author may speak in a task that this node takes part in, and whether it is
        new: one that is held is not looked at again."""
        live = self._runner.live.get(said.task)
        if live is None or live.task.over:
            name = said.task.hex()[:16]
            if live is not None or self._runner.archive.verdict(said.task):
                raise NoteRefused("too_late", f"the task {name} is over: nobody is told a note now")
            raise NoteRefused("no_task", f"no task {name} is running here")
        if not live.task.active:
            text = "this node takes no part in the task: hand the note to another member"
            raise NoteRefused("not_taking_part", text)
        try:
            note = codec.decode_note(said.note)
        except BodyError as error:
            raise NoteRefused("malformed", str(error)) from None
        task = live.task
        if note.id(task.id) in live.notes:
            return live, note, False
        if problem := note_problem((note,), task.spec.speakers, task.id, keys.verify):
            named = any(note.author == one.key for one in task.spec.speakers)
            raise NoteRefused(FORGED if named else STRANGER, problem)
        return live, note, True

    def _of(self, live: Live, author: bytes) -> list[Note]:
        return [note for note in live.notes.values() if note.author == author]

    def _keep(self, live: Live, note: Note, *, tell: bool) -> None:
        runner, task = self._runner, live.task
        id_ = note.id(task.id)
        live.notes[id_] = note
        row = NoteRow(task=TaskId(task.id), id=id_, body=codec.encode_note(note))
        runner.tick.notes.append(row)
        runner.tick.acts.append(partial(runner.step, task.id, Noted(note=note)))
        if tell:
            runner.tick.acts.append(partial(self._tell, live, note))
        runner.wake()

    def _tell(self, live: Live, note: Note) -> None:
        frame = _frame(live, (note,))
        for member in live.task.committee.members:
            if member in self._runner.up:
                self._send(member, frame)

    def _send(self, member: bytes, frame: Frame) -> None:
        if self._runner.peers is not None:
            self._runner.peers.send(member, frame)


def _frame(live: Live, notes: Iterable[Note]) -> Frame:
    told = (TaskNote(task=live.task.id, note=codec.encode_note(note)) for note in notes)
    return Frame(notes=tuple(told))
