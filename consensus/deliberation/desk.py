"""A member's own work in a round: its draft, its ballot, its openings (rules R0 to R8, R11).

Everything the model says passes here on its way to becoming a message, and whatever it fails
to say becomes an abstention with its reason.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..agreement.instance import value_id
from ..bodies import (
    COUNT_CAP,
    MAX_REASON,
    Ballot,
    BodyError,
    Commit,
    Mark,
    Note,
    Opening,
    Pair,
    Proposal,
    Usage,
    Views,
)
from ..envelope import (
    Kind,
    MessageId,
    Stage,
    length_prefixed,
    pack_all,
    split_prefixed,
    tagged_hash,
)
from ..masking import judging_order
from ..ports import Message
from ..tally.answers import normalise
from ..tally.credits import afford
from ..tally.design import Design
from .effects import Draft, Drafted, Judge, Judged
from .eligible import proposal_problem, same_answer
from .notes import choose, heard, remarks, slate_notes
from .opened import Facts
from .record import agreed_record, context, dials_of, entries_of
from .requests import (
    Case,
    DraftRequest,
    JudgeRequest,
    Judgment,
    LetteredProposal,
    Remarks,
)
from .round import RoundState

if TYPE_CHECKING:
    from .task import Task


def task_token(task: MessageId) -> str:
    """What a backend knows a task by: 16 hex digits from which no id follows."""
    return tagged_hash("task-token", task).hex()[:16]


class Desk:
    """The member's own side of a `Task`."""

    def __init__(self, task: "Task") -> None:
        self._task = task
        self._letters: dict[str, MessageId] = {}
        self.spent = Usage()

    # -- draft and commit -------------------------------------------------------------

    def ask_draft(self, deadline_ms: int) -> None:
        """R1: let the model draft, unless this round's commit was made before a restart."""
        task = self._task
        if not task.active:
            return
        kept = task.scribe.kept(task.round.number, Stage.SLATE, Kind.COMMIT)
        if kept is not None:
            task.submit(Stage.SLATE, Kind.COMMIT, kept.message.body)
            return
        task.set_timer(Stage.SLATE, "abstain", deadline_ms)
        earlier = task.rounds[:-1]
        entries = entries_of(earlier, task.spec)
        record = agreed_record(entries, self._own_ids())
        told = self._remarks(earlier)
        request = DraftRequest(
            case=self._case(),
            round=task.round.number,
            record=record,
            dials=dials_of(earlier),
            deadline_ms=deadline_ms,
            task=task_token(task.id),
            context=context(entries, earlier, task.spec, told.bytes),
            own=frozenset(entry.letter for entry in record if entry.own),
            remarks=told,
        )
        task.out.append(Draft(request=request))

    def drafted(self, event: Drafted) -> None:
        """R2: commit to the draft, or abstain with the reason there is none."""
        task = self._task
        if not self._due(event.round, Stage.SLATE, Kind.COMMIT):
            return
        if event.proposal is None:
            self._abstain_draft(event.failure or "the model gave no draft")
            return
        self._spend(event.proposal.usage)
        proposal = _shared(event.proposal, task.policy.share)
        if task.exchange.mixes:  # R3: times and tokens would point at a commit that came then
            proposal = replace(proposal, usage=Usage())
        problem = proposal_problem(task.spec.answer, proposal)
        if problem:
            self._abstain_draft(f"the draft is no answer to this task: {problem}")
            return
        try:
            message = task.scribe.proposal(task.round.number, proposal)
        except BodyError as error:  # larger than any policy allows
            self._abstain_draft(f"the draft is too large: {error}")
            return
        size = len(message.envelope.payload)
        if size > task.policy.proposal_bytes:
            limit = task.policy.proposal_bytes
            self._abstain_draft(f"the draft takes {size} bytes, over the policy's {limit}")
            return
        commit = task.scribe.commit(task.round.number, message, self._views(), self._notes())
        task.submit(Stage.SLATE, Kind.COMMIT, commit, message.envelope.payload)

    def _abstain_draft(self, reason: str) -> None:
        task = self._task
        task.report("model_failed", stage="draft", reason=reason)
        body = Commit(
            commitment=bytes(32),
            abstain=_readable(reason),
            views=self._views(),
            notes=self._notes(),
        )
        task.submit(Stage.SLATE, Kind.COMMIT, body)

    def _views(self) -> Views:
        """R2b: this member's view of the others travels in its commit of round 1."""
        return self._task.views if self._task.round.number == 1 else Views()

    # -- notes ------------------------------------------------------------------------

    def _notes(self) -> tuple[Note, ...]:
        """R1c: what this member holds of people's notes and no slate has brought yet.

        Its own model has not been told them, so that its draft says nothing of what it holds.
        """
        task = self._task
        told = {note.id(task.id) for state in task.rounds[:-1] for note in _slate_notes(state)}
        held = [note for item, note in task.notes.items() if item not in told]
        return choose(held, task.spec.speakers, task.id)

    def _remarks(self, rounds: Sequence[RoundState]) -> Remarks:
        """R1c: what models are told of the notes in these rounds' slates."""
        task = self._task
        notes = [note for state in rounds for note in _slate_notes(state)]
        return remarks(notes, task.spec.speakers, task.id, task.policy.context_tokens)

    def tell_notes(self) -> None:
        """Tell whoever watches what the slate has brought of people's notes."""
        task = self._task
        slates = [_slate_notes(state) for state in task.rounds]
        for item in heard(slates, task.spec.speakers, task.id):
            if item.round == task.round.number:
                note = item.note
                task.report("noted", by=item.by, at_ms=note.at_ms, text=note.text)

    # -- exchange ---------------------------------------------------------------------

    def put_on_table(self, deadline_ms: int) -> None:
        """R3: hand the own proposal to the exchange, once the slate holds its commit (R2a)."""
        task = self._task
        if not task.active:  # A13: an earlier life may have committed
            return
        own = self._own_proposal(task.round) if task.me in self.authors(task.round) else None
        task.exchange.enter(own, deadline_ms)

    # -- judge and seal ---------------------------------------------------------------

    def ask_judgment(self, deadline_ms: int) -> None:
        """R5: let the model judge what others wrote; R11: unless all held answers agree."""
        task, state = self._task, self._task.round
        if not task.active:
            return
        kept = task.scribe.kept(state.number, Stage.FREEZE, Kind.SEAL)
        if kept is not None:
            task.submit(Stage.FREEZE, Kind.SEAL, kept.message.body)
            return
        if Stage.FREEZE in state.values:  # R7: decided, though not all it names is here yet
            return
        own = self._own_proposal(state)
        others = [message for message in self._table(state) if own is None or message.id != own.id]
        if not others:
            self._seal(Ballot(held=self._held(state), abstain="there is nothing to judge"))
            return
        bodies = [_proposal(message) for message in others]
        if own is not None and same_answer(task.spec.answer, [_proposal(own), *bodies]):
            held = self._held(state)
            votes = self._votes({message.id: 100 for message in others})
            marks = tuple(
                Mark(candidate=held.index(id_), endorsement=given) for id_, given in votes.items()
            )
            self._seal(Ballot(held=held, marks=marks))
            return
        found = {message.id: _proposal(message) for message in others}
        order = judging_order(sorted(found), None, task.scribe.shuffle_key(state.number))
        self._letters = dict(order)
        task.set_timer(Stage.FREEZE, "abstain", deadline_ms)
        request = JudgeRequest(
            case=self._case(),
            round=state.number,
            candidates=tuple(
                LetteredProposal(letter=letter, proposal=found[item]) for letter, item in order
            ),
            own=None if own is None else _proposal(own),
            dials=dials_of(task.rounds[:-1]),
            deadline_ms=deadline_ms,
            task=task_token(task.id),
            design=self._design([(item, found[item]) for _, item in order]),
            remarks=self._remarks(task.rounds),
        )
        task.out.append(Judge(request=request))

    def _design(self, candidates: Sequence[tuple[MessageId, Proposal]]) -> Design:
        """R5: which pairs to compare. Equal cases go by a hash of the agreed slate and of this
        member, so that nobody picks them, and the rings of two judges differ."""
        task = self._task
        seed = value_id(task.round.points[Stage.SLATE].value)
        ranks = [tagged_hash("pair-design", seed, task.me, id_) for id_, _ in candidates]
        said = [normalise(task.spec.answer, proposal.answer)[0] for _, proposal in candidates]
        return Design(
            pairs=task.policy.pairs,
            budget=task.policy.pair_budget,
            prior=task.policy.prior,
            order=tuple(sorted(range(len(ranks)), key=ranks.__getitem__)),
            alike=tuple(said.index(answer) for answer in said),
        )

    def judged(self, event: Judged) -> None:
        """R6: seal the ballot, or an abstaining one with the reason."""
        if not self._due(event.round, Stage.FREEZE, Kind.SEAL):
            return
        if event.judgment is None:
            self._abstain_ballot(event.failure or "the model gave no judgment")
            return
        self._spend(event.judgment.usage)
        try:
            ballot = self._ballot(event.judgment)
        except BodyError as error:
            self._abstain_ballot(f"the judgment is malformed: {error}")
            return
        self._seal(ballot)

    def overdue(self, stage: Stage) -> None:
        """R0: the member's own deadline has come, whatever its model is doing."""
        task = self._task
        if stage is Stage.SLATE and self._due(task.round.number, stage, Kind.COMMIT):
            self._abstain_draft("the model gave no draft in time")
        if stage is Stage.FREEZE and self._due(task.round.number, stage, Kind.SEAL):
            self._abstain_ballot("the model gave no judgment in time")

    def _ballot(self, judgment: Judgment) -> Ballot:
        """The judgment with positions for letters. Raises `BodyError`."""
        held = self._held(self._task.round)

        def position(letter: str) -> int:
            if letter not in self._letters:
                raise BodyError(f"there is no candidate {letter[:8]!r}")
            return held.index(self._letters[letter])

        for mark in judgment.marks:
            position(mark.letter)
        votes = self._votes(
            {self._letters[mark.letter]: mark.endorsement for mark in judgment.marks}
        )
        return Ballot(
            held=held,
            pairs=tuple(
                Pair(
                    first=position(pair.first),
                    second=position(pair.second),
                    preference=pair.preference,
                    confidence=pair.confidence,
                )
                for pair in judgment.pairs
            ),
            marks=tuple(
                Mark(
                    candidate=position(mark.letter),
                    endorsement=votes[self._letters[mark.letter]],
                    evidence=mark.evidence,
                    argument=mark.argument,
                    critique=mark.critique,
                )
                for mark in judgment.marks
            ),
            usage=judgment.usage,
            prompt=judgment.prompt,
        )

    def _votes(self, endorsements: dict[MessageId, int]) -> dict[MessageId, int]:
        """What a ballot says of candidates: the endorsements, or the votes they buy (O3a)."""
        task = self._task
        if task.policy.endorsements == "scaled":
            return endorsements
        found = {message.id: _proposal(message) for message in self._table(task.round)}
        spec = task.spec.answer
        answers = {id_: normalise(spec, found[id_].answer)[0] for id_ in endorsements}
        return afford(endorsements, answers, task.policy.credits)

    def _abstain_ballot(self, reason: str) -> None:
        task = self._task
        task.report("model_failed", stage="judge", reason=reason)
        self._seal(Ballot(held=self._held(task.round), abstain=_readable(reason)))

    def _seal(self, ballot: Ballot) -> None:
        task = self._task
        own = self._own_proposal(task.round)
        try:
            body, opening = task.scribe.seal(task.round.number, own, ballot)
        except BodyError as error:  # the ballot is larger than any committee reads
            self._abstain_ballot(f"the ballot is too large: {error}")
            return
        listed = self._tabled(task.round).values()
        held = pack_all(one.envelope for one in listed)
        task.submit(Stage.FREEZE, Kind.SEAL, body, length_prefixed(opening, held))

    # -- open -------------------------------------------------------------------------

    def open(self) -> None:
        """R8: open the commit and the seal, if either counts; R7: once the freeze is agreed."""
        task, state = self._task, self._task.round
        owing = task.me in self.authors(state) | self.voters(state)
        if not task.active or not owing:  # A13: an earlier life may have opened already
            return
        sealed = task.scribe.kept(state.number, Stage.FREEZE, Kind.SEAL)
        if sealed is not None:
            payload, _ = split_prefixed(sealed.secret, 2)
            body = task.reader.decode(Kind.OPENING, payload)
            assert isinstance(body, Opening)
        else:
            body = task.scribe.unsealed(state.number, self._own_proposal(state))
        task.submit(Stage.OUTCOME, Kind.OPENING, body)

    # -- what is where ----------------------------------------------------------------

    def authors(self, state: RoundState) -> frozenset[bytes]:
        """Members whose commit to a proposal is in the slate."""
        return frozenset(
            message.signer
            for message in self._counted(state, Stage.SLATE)
            if isinstance(message.body, Commit) and not message.body.abstain
        )

    def voters(self, state: RoundState) -> frozenset[bytes]:
        """Members whose sealed ballot the freeze counts."""
        return frozenset(message.signer for message in self._counted(state, Stage.FREEZE))

    def facts(self, state: RoundState) -> Facts:
        """What the outcome of a round is a function of."""
        task = self._task
        earlier = [other for other in task.rounds if other.number < state.number]
        return Facts(
            spec=task.spec,
            task=task.id,
            round=state.number,
            slate=state.values[Stage.SLATE],
            slate_value=state.points[Stage.SLATE].value,
            freeze=state.values[Stage.FREEZE],
            previous=earlier[-1].values[Stage.OUTCOME].figures if earlier else None,
            ctx=task.scribe.ctx(state.number, Stage.OUTCOME),
            lookup=state.lookup,
            verify=task.reader.verify,
        )

    def _counted(self, state: RoundState, stage: Stage) -> Iterable[Message]:
        found = [state.lookup(item) for item in state.values[stage].ids]
        return [message for message in found if message is not None]

    def _table(self, state: RoundState) -> list[Message]:
        """Proposals that answer the task; others are held and listed, but not judged."""
        spec = self._task.spec.answer
        return [
            message
            for message in self._tabled(state).values()
            if not proposal_problem(spec, _proposal(message))
        ]

    def _held(self, state: RoundState) -> tuple[MessageId, ...]:
        return tuple(sorted(self._tabled(state)))

    def _tabled(self, state: RoundState) -> dict[MessageId, Message]:
        return state.proposals(self._task.exchange.senders(state))

    def _own_proposal(self, state: RoundState) -> Message | None:
        """The own alias-signed proposal, grown again from what its commit stored."""
        task = self._task
        kept = task.scribe.kept(state.number, Stage.SLATE, Kind.COMMIT)
        if kept is None or not kept.secret:
            return None
        body = task.reader.decode(Kind.PROPOSAL, kept.secret)
        assert isinstance(body, Proposal)
        return task.scribe.proposal(state.number, body)

    def _own_ids(self) -> frozenset[MessageId]:
        own = [self._own_proposal(state) for state in self._task.rounds[:-1]]
        return frozenset(message.id for message in own if message is not None)

    def _due(self, round_: int, stage: Stage, kind: Kind) -> bool:
        """Whether this member still owes its message: same round, stage open, slot empty."""
        task = self._task
        if not task.active or not task.rounds or round_ != task.round.number:
            return False
        return stage not in task.round.values and task.scribe.kept(round_, stage, kind) is None

    def _case(self) -> Case:
        spec = self._task.spec
        return Case(messages=spec.messages, answer=spec.answer, domain=spec.domain)

    def _spend(self, usage: Usage) -> None:
        spent = self.spent
        self.spent = Usage(
            tokens_in=min(COUNT_CAP, spent.tokens_in + usage.tokens_in),
            tokens_out=min(COUNT_CAP, spent.tokens_out + usage.tokens_out),
            micros=min(COUNT_CAP, spent.micros + usage.micros),
            ms=min(COUNT_CAP, spent.ms + usage.ms),
            calls=min(COUNT_CAP, spent.calls + usage.calls),
        )


def _slate_notes(state: RoundState) -> tuple[Note, ...]:
    return slate_notes(state.values[Stage.SLATE].ids, state.lookup)


def _proposal(message: Message) -> Proposal:
    assert isinstance(message.body, Proposal)
    return message.body


def _readable(reason: str) -> str:
    """A reason as a message may carry it, whatever a model's library put into it."""
    return reason.encode("utf-8", "replace").decode("utf-8")[:MAX_REASON]


def _shared(proposal: Proposal, share: str) -> Proposal:
    """R1a: what the policy does not share stays home."""
    if share == "all":
        return proposal
    return Proposal(
        answer=proposal.answer,
        belief=proposal.belief,
        confidence=proposal.confidence,
        unseen=proposal.unseen,
        usage=proposal.usage,
        prompt=proposal.prompt,
    )
