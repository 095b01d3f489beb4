"""The gate: bytes from a peer become a verified message, or a refusal with a name.

Behind it the core may take everything for granted that one message can show by itself: who
signed it, for which instance, that it is well-formed and of a size that its kind may have.
Signatures are checked before payloads are parsed (rule S1), and nothing here raises on what
a peer sent (rule T3).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from consensus.bodies import Batch, Body, BodyError, Bundle, Commit, Packet, Speaker, TaskOpen
from consensus.committee import Committee
from consensus.deliberation.notes import note_problem
from consensus.envelope import CTX_SIZE, STAGE_OF, ZERO, Ctx, Envelope, Kind, Stage, TaskId
from consensus.masking import path_count
from consensus.ports import Message, Reader

from .. import keys
from .bounds import (
    ENVELOPE_OVERHEAD,
    LENGTH_SIZE,
    PAYLOAD_CAP,
    SEAL_SIZE,
    bundle_max,
    inner_size,
    outer_size,
    payload_max,
    rounds_max,
)


class Code(StrEnum):
    """Why an envelope was refused. The names are in logs, metrics and refusals on the wire."""

    OVERSIZE = "oversize"
    MALFORMED = "malformed"
    UNKNOWN_KIND = "unknown_kind"
    WRONG_NETWORK = "wrong_network"
    WRONG_STAGE = "wrong_stage"
    WRONG_ROUND = "wrong_round"
    UNKNOWN_TASK = "unknown_task"
    WRONG_COMMITTEE = "wrong_committee"
    NOT_A_MEMBER = "not_a_member"
    BAD_ALIAS = "bad_alias"
    UNASKED = "unasked"
    BAD_SIGNATURE = "bad_signature"
    BAD_BODY = "bad_body"
    BAD_ENTRY = "bad_entry"
    BAD_NOTE = "bad_note"
    BAD_POLICY = "bad_policy"
    OVER_QUOTA = "over_quota"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A typed refusal; `text` says what was wrong and what would be right."""

    code: Code
    text: str


class _RefusalError(Exception):
    """Carries a refusal out of a step; never leaves this module."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.refusal = Refusal(code=code, text=text)


class Gate:
    """Admits envelopes of one federation.

    `network` is the federation's 32-byte id; `task` gives the committee of a known task, or
    None. `speakers` gives those that a running task names, or None for one that is over, of which
    nothing is done with any message. `refusals` counts what was refused, by code.
    """

    def __init__(
        self,
        *,
        network: bytes,
        task: Callable[[TaskId], Committee | None],
        reader: Reader,
        speakers: Callable[[TaskId], tuple[Speaker, ...] | None] = lambda _: (),
    ) -> None:
        self._network = network
        self._task = task
        self._speakers = speakers
        self._reader = reader
        self.refusals: Counter[Code] = Counter()

    def admit(self, envelope: Envelope, *, asked: bool = False) -> Message | Refusal:
        """The verified message, or why there is none.

        `asked` says that this node asked for the envelope by its id: a PROPOSAL on its own
        is read only then, since unasked proposals travel in a BATCH.
        """
        try:
            return self._admit(envelope, asked)
        except _RefusalError as refused:
            self.refusals[refused.refusal.code] += 1
            return refused.refusal

    def _admit(self, envelope: Envelope, asked: bool) -> Message:
        # 1. Sizes that hold for every kind: nothing large is hashed or looked at further.
        _check_sizes(envelope)
        # 2. The kind is one of version 1.
        kind = _kind(envelope.kind)
        # 3. The ctx names an instance, 4. of this network, 5. where this kind may appear.
        ctx = self._ctx(envelope, kind)
        # 6. The task is known, and the ctx is of its committee. A TaskOpen brings its own.
        committee = None if kind is Kind.TASK_OPEN else self._committee(ctx)
        # 7. The signer may sign this kind.
        if committee is not None:
            _check_signer(envelope.signer, kind, committee, asked)
        # 8. The payload is no larger than the kind allows in this committee.
        _check_payload(envelope.payload, kind, committee)
        # 9. The signature holds, before anything is parsed (rule S1).
        self._verify(envelope)
        # 10. The payload is parsed, once.
        body = self._decode(kind, envelope.payload)
        # 11. What only the body can show: a TaskOpen's committee, a BATCH's entries, the size of
        # what passes the mix, whose the notes in a COMMIT are.
        parts: tuple[Message, ...] = ()
        if isinstance(body, TaskOpen):
            _check_open(envelope, ctx, body)
        elif isinstance(body, Batch):
            assert committee is not None
            parts = tuple(
                self._entry(entry, number, envelope.ctx)
                for number, entry in enumerate(_entries(body, committee))
            )
        elif isinstance(body, Packet | Bundle):
            assert committee is not None
            _check_passing(body, committee)
        elif isinstance(body, Commit) and body.notes:
            self._check_notes(body, TaskId(ctx.task))
        return Message(envelope=envelope, kind=kind, ctx=ctx, body=body, parts=parts)

    def _ctx(self, envelope: Envelope, kind: Kind) -> Ctx:
        try:
            ctx = Ctx.unpack(envelope.ctx)
        except ValueError as error:
            raise _RefusalError(Code.MALFORMED, f"ctx: {error}") from None
        if ctx.network != self._network:
            raise _RefusalError(
                Code.WRONG_NETWORK,
                f"the message is for network {ctx.network.hex()[:16]}, "
                f"this is {self._network.hex()[:16]}",
            )
        if ctx.stage not in STAGE_OF[kind]:
            raise _RefusalError(
                Code.WRONG_STAGE, f"{kind.name} does not belong in stage {ctx.stage.name}"
            )
        if (ctx.stage is Stage.OPEN) != (ctx.round == 0):
            raise _RefusalError(
                Code.WRONG_ROUND, f"stage {ctx.stage.name} does not belong in round {ctx.round}"
            )
        if (kind is Kind.TASK_OPEN) != (ctx.task == ZERO):
            raise _RefusalError(
                Code.MALFORMED, "a TASK_OPEN, and nothing else, has a zero task in its ctx"
            )
        return ctx

    def _committee(self, ctx: Ctx) -> Committee:
        committee = self._task(TaskId(ctx.task))
        if committee is None:
            raise _RefusalError(
                Code.UNKNOWN_TASK, f"no TaskOpen of task {ctx.task.hex()[:16]} is held here"
            )
        if ctx.committee != committee.hash:
            raise _RefusalError(
                Code.WRONG_COMMITTEE,
                f"task {ctx.task.hex()[:16]} has committee {committee.hash.hex()[:16]}, "
                f"not {ctx.committee.hex()[:16]}",
            )
        if ctx.round > committee.policy.rounds:
            raise _RefusalError(
                Code.WRONG_ROUND,
                f"round {ctx.round} is past the {committee.policy.rounds} of the task's policy",
            )
        return committee

    def _verify(self, envelope: Envelope) -> None:
        if not self._reader.verify(envelope.signer, envelope.preimage, envelope.signature):
            raise _RefusalError(
                Code.BAD_SIGNATURE, f"the signature of {envelope.signer.hex()[:16]} does not hold"
            )

    def _check_notes(self, body: Commit, task: TaskId) -> None:
        """R1c: notes are of speakers whom the TaskOpen names, and signed for this task."""
        speakers = self._speakers(task)
        if speakers is None:
            return
        problem = note_problem(body.notes, speakers, task, self._reader.verify)
        if problem:
            raise _RefusalError(Code.BAD_NOTE, problem)

    def _decode(self, kind: Kind, payload: bytes) -> Body:
        try:
            return self._reader.decode(kind, payload)
        except BodyError as error:
            raise _RefusalError(Code.BAD_BODY, f"{kind.name}: {error}") from None

    def _entry(self, entry: Envelope, number: int, packed: bytes) -> Message:
        """One proposal inside a BATCH: the same instance, an alias key's own signature."""
        if entry.kind != Kind.PROPOSAL or entry.ctx != packed:
            raise _RefusalError(
                Code.BAD_ENTRY, f"entry {number} is not a proposal of its batch's instance"
            )
        try:
            return self._admit(entry, True)
        except _RefusalError as refused:
            raise _RefusalError(Code.BAD_ENTRY, f"entry {number}: {refused.refusal.text}") from None


def _check_sizes(envelope: Envelope) -> None:
    if len(envelope.payload) > PAYLOAD_CAP:
        raise _RefusalError(
            Code.OVERSIZE, f"a payload of {len(envelope.payload)} bytes is over {PAYLOAD_CAP}"
        )
    for name, value, size in (
        ("ctx", envelope.ctx, CTX_SIZE),
        ("signer", envelope.signer, keys.PUBLIC_SIZE),
        ("signature", envelope.signature, keys.SIGNATURE_SIZE),
    ):
        if len(value) != size:
            raise _RefusalError(Code.MALFORMED, f"{name} is {len(value)} bytes, not {size}")


def _kind(number: int) -> Kind:
    try:
        return Kind(number)
    except ValueError:
        raise _RefusalError(
            Code.UNKNOWN_KIND,
            f"kind {number} is unknown to version 1, whose last is {max(Kind)}; "
            "a newer sender must speak the version agreed in Hello",
        ) from None


def _check_signer(signer: bytes, kind: Kind, committee: Committee, asked: bool) -> None:
    member = committee.position(signer) is not None
    if kind is not Kind.PROPOSAL:
        if not member:
            raise _RefusalError(
                Code.NOT_A_MEMBER, f"{signer.hex()[:16]} is not a member of the task's committee"
            )
    elif not asked:
        raise _RefusalError(Code.UNASKED, "a proposal on its own, which nobody here asked for")
    elif member or not keys.is_valid_public(signer):
        said = "a member's identity" if member else "not a valid Ed25519 key"
        raise _RefusalError(Code.BAD_ALIAS, f"alias {signer.hex()[:16]} is {said}")


def _check_payload(payload: bytes, kind: Kind, committee: Committee | None) -> None:
    limit = payload_max(kind)
    if committee is not None:
        limit = payload_max(
            kind,
            members=len(committee.members),
            proposal_bytes=committee.policy.proposal_bytes,
        )
    if len(payload) > limit:
        raise _RefusalError(
            Code.OVERSIZE, f"a {kind.name} of {len(payload)} bytes is over {limit} in this task"
        )


def _check_open(envelope: Envelope, ctx: Ctx, body: TaskOpen) -> None:
    committee = body.committee
    if committee.network != ctx.network:
        raise _RefusalError(Code.WRONG_NETWORK, "the descriptor's network is not that of the ctx")
    if committee.hash != ctx.committee:
        raise _RefusalError(
            Code.WRONG_COMMITTEE,
            f"the descriptor hashes to {committee.hash.hex()[:16]}, "
            f"the ctx says {ctx.committee.hex()[:16]}",
        )
    if committee.position(envelope.signer) is None:
        raise _RefusalError(
            Code.NOT_A_MEMBER, f"the opener {envelope.signer.hex()[:16]} is not in its committee"
        )
    members, policy = len(committee.members), committee.policy
    size = policy.proposal_bytes
    if bundle_max(members, size) > PAYLOAD_CAP:  # a bundle is larger than its BATCH
        spare = LENGTH_SIZE + ENVELOPE_OVERHEAD + SEAL_SIZE
        most = (PAYLOAD_CAP - LENGTH_SIZE) // members - spare
        raise _RefusalError(
            Code.BAD_POLICY,
            f"policy.proposal_bytes is {size}; with {members} members it can be at most {most}",
        )
    # What is decided is kept and shown as one file, which has a bound (T3).
    if policy.rounds > (most := rounds_max(committee.quorum, size)):
        raise _RefusalError(
            Code.BAD_POLICY,
            f"policy.rounds is {policy.rounds}; for a committee of {members} with proposals of "
            f"{size} bytes it can be at most {most}, or the verdict could be too large to read",
        )


def _check_passing(body: Packet | Bundle, committee: Committee) -> None:
    """R3: boxes of the one size that the policy names, on a path that there is."""
    count = path_count(committee.quorum)
    if not count:
        raise _RefusalError(
            Code.BAD_BODY, f"a committee of {len(committee.members)} has no mix to pass"
        )
    allowed = committee.policy.proposal_bytes
    size, boxes = inner_size(allowed), body.boxes if isinstance(body, Bundle) else (body.box,)
    if isinstance(body, Packet):
        size = outer_size(allowed)
        if body.path >= count:
            raise _RefusalError(Code.BAD_BODY, f"path {body.path}: there are {count} here")
    if len(boxes) > len(committee.members):
        raise _RefusalError(
            Code.BAD_BODY, f"{len(boxes)} boxes for {len(committee.members)} members"
        )
    if any(len(box) != size for box in boxes):
        raise _RefusalError(
            Code.BAD_BODY, f"a box of {len(boxes[0])} bytes; the task's policy makes them {size}"
        )


def _entries(body: Batch, committee: Committee) -> tuple[Envelope, ...]:
    if len(body.entries) > len(committee.members):
        raise _RefusalError(
            Code.BAD_ENTRY,
            f"a batch of {len(body.entries)} proposals in a committee of {len(committee.members)}",
        )
    return body.entries
