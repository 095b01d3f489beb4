"""What clients sign and hand in: words on a verdict (L1) or on its release (E4), and notes (R1c).

The bytes come whole from whoever has the client's key: no door of a node ever sees one. So it is
the same which door they come by, the local socket, the port for clients or HTTP.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from reputation import ApprovalFact, FactKind, FeedbackFact

from . import proofs
from .damage import Damaged
from .ledger import Refused
from .notes import NoteRefused, read_statement
from .proofs import BadProof
from .wire import codec
from .wire.control import ControlError
from .wire.frames import TaskNote

if TYPE_CHECKING:
    from .runner import Runner


class StatementRefused(ControlError):  # noqa: N818  named for what happened
    """A statement is not taken: `code` for programs, the text for people."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Statements:
    """The statements that are handed in at one node."""

    def __init__(self, runner: "Runner", network: bytes) -> None:
        self._runner = runner
        self._network = network

    async def take(self, statement: bytes, task: bytes = b"") -> dict[str, Any]:
        """Take a client's signed statement, of `task` if one is given; what became of it.

        It is on the disk then. Raises `StatementRefused`.
        """
        if (note := read_statement(statement)) is not None:
            return await self._note(note, task)
        kind = FactKind.APPROVAL if proofs.is_approval(statement) else FactKind.FEEDBACK
        try:
            fact = proofs.prove(kind, statement, self._network)
            assert isinstance(fact, FeedbackFact | ApprovalFact)
            _of(fact.task, task)
            rows = await self._runner.sharing.enter(fact, statement)
        except (BadProof, Refused) as error:
            raise StatementRefused(error.code, f"the statement is not taken: {error}") from None
        except Damaged as error:
            raise StatementRefused("damaged", str(error)) from None
        if rows:
            self._runner.sharing.append(rows)
        await self._stored()  # also where another door took the same a moment ago
        told = {
            "kind": kind.name.lower(),
            "task": fact.task.hex(),
            "fact": fact.id.hex(),
            "new": bool(rows),
        }
        if not isinstance(fact, ApprovalFact):
            return told
        past = await self._runner.archive.load(fact.task)
        if past is not None:
            stands = self._runner.releases.stands(fact.task, past.spec)
            told |= {"state": str(stands.state), "reason": self._runner.releases.reason(stands)}
        return told

    async def _note(self, said: TaskNote, task: bytes) -> dict[str, Any]:
        """Take a person's note. Where its author has another one of its number, `free` is a number
        that is left (0: none), and it is not taken."""
        _of(said.task, task)
        told = {"kind": "note", "task": said.task.hex(), "note": "", "new": False}
        try:
            note, new = self._runner.notes.hand_in(said)
        except NoteRefused as error:
            if error.code != "number_taken":
                raise StatementRefused(error.code, f"the note is not taken: {error}") from None
            author = codec.decode_note(said.note).author
            return {**told, "free": self._runner.notes.free(said.task, author)}
        await self._stored()
        return {**told, "note": note.id(said.task).hex(), "new": new, "number": note.number}

    async def _stored(self) -> None:
        """Wait until what the next turn stores is on the disk."""
        stored = asyncio.Event()
        self._runner.tick.acts.append(stored.set)
        self._runner.wake()
        await stored.wait()


def _of(said: bytes, task: bytes) -> None:
    """Raises `StatementRefused` for a statement on another task than `task`."""
    if task and said != task:
        raise StatementRefused("other_task", f"the statement is on task {said.hex()[:16]}")
