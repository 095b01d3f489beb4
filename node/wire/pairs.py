"""Bodies to protobuf messages and back: the pairs `x_to_proto` / `x_from_proto`.

Reading is strict, for two members must never read one payload differently: a field that
version 1 does not name, an unknown enum number, text that is not UTF-8, a figure out of its
range all raise `BodyError`, which says what was wrong. `codec` bounds sizes before it parses.
"""

from functools import lru_cache
from typing import Final, TypeVar

from google.protobuf.message import DecodeError, Message

from consensus.bodies import (
    MAX_CITATIONS,
    MAX_MESSAGES,
    MAX_NOTES,
    MAX_OPTIONS,
    MAX_REPORT_IDS,
    MAX_SPEAKERS,
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
    Report,
    Seal,
    Speaker,
    TaskOpen,
    Usage,
    Views,
)
from consensus.committee import MAX_MEMBERS, Committee
from consensus.envelope import Envelope, Kind, MessageId

from ..pb import quorate_pb2 as pb
from .protowire import fields_over

_M = TypeVar("_M", bound=Message)

_ANSWER_KINDS = {
    AnswerKind.CHOICE: pb.ANSWER_KIND_CHOICE,
    AnswerKind.LABEL: pb.ANSWER_KIND_LABEL,
    AnswerKind.NUMBER: pb.ANSWER_KIND_NUMBER,
    AnswerKind.TEXT: pb.ANSWER_KIND_TEXT,
    AnswerKind.JSON: pb.ANSWER_KIND_JSON,
}
_ANSWER_KINDS_BACK = {number: kind for kind, number in _ANSWER_KINDS.items()}

_PREFERENCES = {
    Preference.FIRST: pb.PREFERENCE_FIRST,
    Preference.SECOND: pb.PREFERENCE_SECOND,
    Preference.TIE: pb.PREFERENCE_TIE,
    Preference.SAME: pb.PREFERENCE_SAME,
}
_PREFERENCES_BACK = {number: preference for preference, number in _PREFERENCES.items()}


FIELDS: Final[dict[type[Message], int]] = {
    pb.TaskOpen: MAX_MESSAGES + MAX_SPEAKERS,
    pb.Commit: 2 * MAX_MEMBERS + MAX_NOTES,
    pb.Proposal: 2 * MAX_OPTIONS + MAX_CITATIONS,
    pb.Batch: MAX_MEMBERS,
    pb.Report: MAX_REPORT_IDS,
    pb.Ballot: 2 * MAX_MEMBERS + MAX_MEMBERS * (MAX_MEMBERS - 1),
}
"""Most entries of a message's lists, together: what its body's own bounds add up to."""

SINGLES: Final = 16
"""Most fields of a message beside its lists: none has more than nine."""


def parse(of: type[_M], payload: bytes) -> _M:
    """The message behind `payload`, every field of it known. Raises `BodyError`.

    Fields are counted before the library sees them: an entry of two bytes takes forty times that
    once it is parsed, and hundreds as an object of ours.
    """
    most = FIELDS.get(of, 0) + SINGLES
    if fields_over(payload, most):
        raise BodyError(f"{of.__name__} holds more than {most} fields")
    message = of()
    try:
        message.ParseFromString(payload)
    except (DecodeError, UnicodeDecodeError) as error:
        raise BodyError(f"not readable as {of.__name__}: {error}") from None
    size = message.ByteSize()
    message.DiscardUnknownFields()
    if message.ByteSize() != size:
        raise BodyError(f"{of.__name__} holds fields that version 1 does not name")
    return message


def envelope_to_proto(envelope: Envelope) -> pb.Envelope:
    """The envelope as it travels."""
    return pb.Envelope(
        kind=envelope.kind,
        ctx=envelope.ctx,
        payload=envelope.payload,
        signer=envelope.signer,
        signature=envelope.signature,
    )


def envelope_from_proto(message: pb.Envelope) -> Envelope:
    """The envelope as it came, nothing checked: the gate does that."""
    return Envelope(
        kind=message.kind,
        ctx=message.ctx,
        payload=message.payload,
        signer=message.signer,
        signature=message.signature,
    )


def answer_spec_to_proto(spec: AnswerSpec) -> pb.AnswerSpec:
    """The wire form of an answer's type."""
    return pb.AnswerSpec(kind=_ANSWER_KINDS[spec.kind], options=spec.options, unit=spec.unit)


def answer_spec_from_proto(message: pb.AnswerSpec) -> AnswerSpec:
    """The inverse of `answer_spec_to_proto`. Raises `BodyError`, for an unknown kind too."""
    kind = _ANSWER_KINDS_BACK.get(message.kind)
    if kind is None:
        known = ", ".join(AnswerKind)
        raise BodyError(f"answer kind {message.kind} is unknown to version 1; known: {known}")
    return AnswerSpec(kind=kind, options=tuple(message.options), unit=message.unit)


def content_to_proto(content: Content) -> pb.Content:
    """The wire form of one part of a case."""
    return pb.Content(role=content.role, text=content.text, vector=content.vector)


def content_from_proto(message: pb.Content) -> Content:
    """The inverse of `content_to_proto`. Raises `BodyError`."""
    return Content(role=message.role, text=message.text, vector=tuple(message.vector))


def budget_to_proto(budget: Budget) -> pb.Budget:
    """The wire form of a budget."""
    return pb.Budget(tokens=budget.tokens, micros=budget.micros)


def budget_from_proto(message: pb.Budget) -> Budget:
    """The inverse of `budget_to_proto`. Raises `BodyError`."""
    return Budget(tokens=message.tokens, micros=message.micros)


_committee: Final = lru_cache(maxsize=64)(Committee.parse)
"""The committees of late: an opener's many tasks have few, and to read one is most of what it
takes to read a TaskOpen."""


def task_open_to_proto(body: TaskOpen) -> pb.TaskOpen:
    """The wire form of a TaskOpen; the committee travels as its descriptor (rule S3)."""
    return pb.TaskOpen(
        descriptor=body.committee.descriptor,
        messages=[content_to_proto(part) for part in body.messages],
        answer=answer_spec_to_proto(body.answer),
        domain=body.domain,
        opened_at_ms=body.opened_at_ms,
        not_after_ms=body.not_after_ms,
        budget=budget_to_proto(body.budget),
        nonce=body.nonce,
        speakers=[pb.Speaker(name=one.name, key=one.key) for one in body.speakers],
    )


def task_open_from_proto(message: pb.TaskOpen) -> TaskOpen:
    """The inverse of `task_open_to_proto`. Raises `BodyError`."""
    try:
        committee = _committee(message.descriptor)
    except ValueError as error:
        raise BodyError(f"committee: {error}") from None
    return TaskOpen(
        committee=committee,
        messages=tuple(content_from_proto(part) for part in message.messages),
        answer=answer_spec_from_proto(message.answer),
        domain=message.domain,
        opened_at_ms=message.opened_at_ms,
        not_after_ms=message.not_after_ms,
        budget=budget_from_proto(message.budget),
        nonce=message.nonce,
        speakers=tuple(Speaker(name=one.name, key=one.key) for one in message.speakers),
    )


def acceptance_to_proto(body: Acceptance) -> pb.Acceptance:
    """The wire form of an ACCEPT or a refusal."""
    return pb.Acceptance(refusal=body.refusal)


def acceptance_from_proto(message: pb.Acceptance) -> Acceptance:
    """The inverse of `acceptance_to_proto`. Raises `BodyError`."""
    return Acceptance(refusal=message.refusal)


def note_to_proto(note: Note) -> pb.Note:
    """The wire form of a person's note."""
    return pb.Note(
        author=note.author,
        number=note.number,
        at_ms=note.at_ms,
        text=note.text,
        signature=note.signature,
    )


def note_from_proto(message: pb.Note) -> Note:
    """The inverse of `note_to_proto`. Raises `BodyError`; whose it is stays open."""
    return Note(
        author=message.author,
        number=message.number,
        at_ms=message.at_ms,
        text=message.text,
        signature=message.signature,
    )


def commit_to_proto(body: Commit) -> pb.Commit:
    """The wire form of a commit."""
    return pb.Commit(
        commitment=body.commitment,
        abstain=body.abstain,
        author_views=body.views.authors,
        judge_views=body.views.judges,
        rule_views=body.views.rules,
        arm_views=body.views.arms,
        notes=[note_to_proto(note) for note in body.notes],
    )


def commit_from_proto(message: pb.Commit) -> Commit:
    """The inverse of `commit_to_proto`. Raises `BodyError`."""
    return Commit(
        commitment=message.commitment,
        abstain=message.abstain,
        views=Views(
            authors=tuple(message.author_views),
            judges=tuple(message.judge_views),
            rules=tuple(message.rule_views),
            arms=tuple(message.arm_views),
        ),
        notes=tuple(note_from_proto(note) for note in message.notes),
    )


def usage_to_proto(usage: Usage) -> pb.Usage:
    """The wire form of a model call's cost."""
    return pb.Usage(
        tokens_in=usage.tokens_in,
        tokens_out=usage.tokens_out,
        micros=usage.micros,
        ms=usage.ms,
        calls=usage.calls,
    )


def usage_from_proto(message: pb.Usage) -> Usage:
    """The inverse of `usage_to_proto`. Raises `BodyError`."""
    return Usage(
        tokens_in=message.tokens_in,
        tokens_out=message.tokens_out,
        micros=message.micros,
        ms=message.ms,
        calls=message.calls,
    )


def proposal_to_proto(body: Proposal) -> pb.Proposal:
    """The wire form of a proposal."""
    return pb.Proposal(
        answer=body.answer,
        belief=body.belief,
        confidence=body.confidence,
        rationale=body.rationale,
        evidence=body.evidence,
        unseen=body.unseen,
        usage=usage_to_proto(body.usage),
        prompt=body.prompt,
    )


def proposal_from_proto(message: pb.Proposal) -> Proposal:
    """The inverse of `proposal_to_proto`. Raises `BodyError`."""
    return Proposal(
        answer=message.answer,
        belief=tuple(message.belief),
        confidence=message.confidence,
        rationale=message.rationale,
        evidence=tuple(message.evidence),
        unseen=tuple(message.unseen),
        usage=usage_from_proto(message.usage),
        prompt=message.prompt,
    )


def batch_to_proto(body: Batch) -> pb.Batch:
    """The wire form of a batch."""
    return pb.Batch(entries=[envelope_to_proto(entry) for entry in body.entries])


def batch_from_proto(message: pb.Batch) -> Batch:
    """The inverse of `batch_to_proto`. Raises `BodyError`; the entries' signatures are open."""
    for entry in message.entries:
        # Kinds are checked before `Batch` sorts by id: only a byte has a preimage.
        if entry.kind != Kind.PROPOSAL:
            raise BodyError(f"a batch holds an envelope of kind {entry.kind}, not a PROPOSAL")
    return Batch(entries=tuple(envelope_from_proto(entry) for entry in message.entries))


def seal_to_proto(body: Seal) -> pb.Seal:
    """The wire form of a hidden ballot's hash."""
    return pb.Seal(hash=body.hash)


def seal_from_proto(message: pb.Seal) -> Seal:
    """The inverse of `seal_to_proto`. Raises `BodyError`."""
    return Seal(hash=message.hash)


def pair_to_proto(pair: Pair) -> pb.Pair:
    """The wire form of one comparison."""
    return pb.Pair(
        first=pair.first,
        second=pair.second,
        preference=_PREFERENCES[pair.preference],
        confidence=pair.confidence,
    )


def pair_from_proto(message: pb.Pair) -> Pair:
    """The inverse of `pair_to_proto`. Raises `BodyError`."""
    preference = _PREFERENCES_BACK.get(message.preference)
    if preference is None:
        raise BodyError(f"preference {message.preference} is unknown to version 1")
    return Pair(
        first=message.first,
        second=message.second,
        preference=preference,
        confidence=message.confidence,
    )


def mark_to_proto(mark: Mark) -> pb.Mark:
    """The wire form of one mark."""
    return pb.Mark(
        candidate=mark.candidate,
        endorsement=mark.endorsement,
        evidence=mark.evidence,
        argument=mark.argument,
        critique=mark.critique,
    )


def mark_from_proto(message: pb.Mark) -> Mark:
    """The inverse of `mark_to_proto`. Raises `BodyError`."""
    return Mark(
        candidate=message.candidate,
        endorsement=message.endorsement,
        evidence=message.evidence,
        argument=message.argument,
        critique=message.critique,
    )


def ballot_to_proto(body: Ballot) -> pb.Ballot:
    """The wire form of a ballot. Never empty: an Opening tells "no ballot" by empty bytes."""
    return pb.Ballot(
        held=body.held,
        pairs=[pair_to_proto(pair) for pair in body.pairs],
        marks=[mark_to_proto(mark) for mark in body.marks],
        abstain=body.abstain,
        usage=usage_to_proto(body.usage),
        prompt=body.prompt,
    )


def ballot_from_proto(message: pb.Ballot) -> Ballot:
    """The inverse of `ballot_to_proto`. Raises `BodyError`."""
    return Ballot(
        held=tuple(MessageId(held) for held in message.held),
        pairs=tuple(pair_from_proto(pair) for pair in message.pairs),
        marks=tuple(mark_from_proto(mark) for mark in message.marks),
        abstain=message.abstain,
        usage=usage_from_proto(message.usage),
        prompt=message.prompt,
    )


def opening_to_proto(body: Opening) -> pb.Opening:
    """The wire form of an opening; its ballot travels as the bytes that were sealed."""
    return pb.Opening(
        alias=body.alias,
        alias_signature=body.alias_signature,
        proposal=body.proposal,
        nonce=body.nonce,
        ballot=body.ballot_bytes,
        salt=body.salt,
    )


def opening_from_proto(message: pb.Opening) -> Opening:
    """The inverse of `opening_to_proto`. Raises `BodyError`, for its ballot too."""
    return Opening(
        alias=message.alias,
        alias_signature=message.alias_signature,
        proposal=message.proposal,
        nonce=message.nonce,
        ballot_bytes=message.ballot,
        ballot=ballot_from_proto(parse(pb.Ballot, message.ballot)) if message.ballot else None,
        salt=message.salt,
    )


def report_to_proto(body: Report) -> pb.Report:
    """The wire form of a REPORT."""
    return pb.Report(
        ids=body.ids,
        deadline=body.deadline,
        tokens=body.tokens,
        micros=body.micros,
        ms=body.ms,
    )


def report_from_proto(message: pb.Report) -> Report:
    """The inverse of `report_to_proto`. Raises `BodyError`."""
    return Report(
        ids=tuple(MessageId(held) for held in message.ids),
        deadline=message.deadline,
        tokens=message.tokens,
        micros=message.micros,
        ms=message.ms,
    )
