"""What is promised of people's notes (R1c), checked from outside as a deliberation runs.

Every note that counts is one that a named speaker signed; models are told those that decided slates
brought, the same at every honest member and never earlier; and no honest member keeps one back.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from consensus.agreement.effects import Persist
from consensus.bodies import MAX_NOTES, Commit, Note
from consensus.deliberation.notes import Heard
from consensus.deliberation.requests import DraftRequest, JudgeRequest, Remark, Remarks
from consensus.deliberation.round import RoundState
from consensus.envelope import Kind, Stage

from .member import SafetyError, SimNode

if TYPE_CHECKING:
    from .swarm import Swarm


class Hearing:
    """The books of what was said and told in one trial."""

    def __init__(self, swarm: "Swarm") -> None:
        self._swarm = swarm
        self._signed: set[Note] = set()
        self._brought: dict[int, frozenset[Note]] = {}
        self._told: dict[tuple[type, int], Remarks] = {}

    def says(self, note: Note) -> None:
        """A named speaker has signed this for the task."""
        self._signed.add(note)

    def wrote(self, node: SimNode, effect: Persist) -> None:
        """An honest member's commit carries all that it was handed and no slate has brought."""
        body = effect.message.body
        if effect.message.kind is not Kind.COMMIT or not isinstance(body, Commit):
            return
        assert node.task is not None
        earlier = [self._slate(node, state) for state in node.task.rounds[:-1]]
        if not set(node.disk.notes) <= {*body.notes, *(note for of in earlier for note in of)}:
            raise SafetyError(f"{node.name} keeps a note to itself")

    def asked(self, node: SimNode, request: DraftRequest | JudgeRequest) -> None:
        """An honest member's model is asked: is it told what everybody's model is told?"""
        assert node.task is not None
        through = request.round if isinstance(request, JudgeRequest) else request.round - 1
        slates = [self._slate(node, state) for state in node.task.rounds[:through]]
        brought = {note for of in slates for note in of}
        remarks, place = request.remarks, (type(request), request.round)
        if not all(any(self._tells(said, note) for note in brought) for said in remarks.told):
            raise SafetyError(f"{node.name}'s model is told what no slate has brought")
        if len(remarks.told) + remarks.left_out != min(MAX_NOTES, len(brought)):
            raise SafetyError(f"{node.name}'s model is not told of each note that slates brought")
        if self._told.setdefault(place, remarks) != remarks:
            raise SafetyError(f"{node.name}'s model is told other notes than another's")

    def settled(self, node: SimNode) -> None:
        """An honest member has its verdict, and with it every slate's commits."""
        assert node.task is not None
        for state in node.task.rounds:
            self._slate(node, state)

    def end(self, verdict: Iterable[Heard]) -> None:
        """A verdict tells each note that its slates brought, with the round of the first."""
        first: dict[Note, int] = {}
        for round_, notes in sorted(self._brought.items()):
            for note in notes:
                first.setdefault(note, round_)
        if {one.note: one.round for one in verdict} != first:
            raise SafetyError("a verdict tells other notes than its slates brought")

    def _slate(self, node: SimNode, state: RoundState) -> frozenset[Note]:
        """The notes in the commits that a decided slate names, by their envelopes alone."""
        point = state.values.get(Stage.SLATE)
        if point is None:
            raise SafetyError(f"{node.name} goes on from round {state.number} without its slate")
        found = self._brought.get(state.number)
        if found is None:
            commits = [state.lookup(item) for item in point.ids]
            found = frozenset(
                note
                for commit in commits
                if commit is not None and isinstance(commit.body, Commit)
                for note in commit.body.notes
            )
            if not found <= self._signed:
                raise SafetyError(
                    f"the slate of round {state.number} brings a note that no speaker signed"
                )
            if None not in commits:
                self._brought[state.number] = found
        return found

    def _tells(self, said: Remark, note: Note) -> bool:
        whole = said.text == note.text
        named = {speaker.key: speaker.name for speaker in self._swarm.speakers()}
        return (
            named[note.author] == said.by
            and note.at_ms == said.at_ms
            and said.cut is not whole
            and (whole or note.text.startswith(said.text))
        )
