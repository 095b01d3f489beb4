from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AnswerKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ANSWER_KIND_UNSPECIFIED: _ClassVar[AnswerKind]
    ANSWER_KIND_CHOICE: _ClassVar[AnswerKind]
    ANSWER_KIND_LABEL: _ClassVar[AnswerKind]
    ANSWER_KIND_NUMBER: _ClassVar[AnswerKind]
    ANSWER_KIND_TEXT: _ClassVar[AnswerKind]
    ANSWER_KIND_JSON: _ClassVar[AnswerKind]

class Preference(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PREFERENCE_UNSPECIFIED: _ClassVar[Preference]
    PREFERENCE_FIRST: _ClassVar[Preference]
    PREFERENCE_SECOND: _ClassVar[Preference]
    PREFERENCE_TIE: _ClassVar[Preference]
    PREFERENCE_SAME: _ClassVar[Preference]
ANSWER_KIND_UNSPECIFIED: AnswerKind
ANSWER_KIND_CHOICE: AnswerKind
ANSWER_KIND_LABEL: AnswerKind
ANSWER_KIND_NUMBER: AnswerKind
ANSWER_KIND_TEXT: AnswerKind
ANSWER_KIND_JSON: AnswerKind
PREFERENCE_UNSPECIFIED: Preference
PREFERENCE_FIRST: Preference
PREFERENCE_SECOND: Preference
PREFERENCE_TIE: Preference
PREFERENCE_SAME: Preference

class Envelope(_message.Message):
    __slots__ = ("kind", "ctx", "payload", "signer", "signature")
    KIND_FIELD_NUMBER: _ClassVar[int]
    CTX_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    SIGNER_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    kind: int
    ctx: bytes
    payload: bytes
    signer: bytes
    signature: bytes
    def __init__(self, kind: _Optional[int] = ..., ctx: _Optional[bytes] = ..., payload: _Optional[bytes] = ..., signer: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class AnswerSpec(_message.Message):
    __slots__ = ("kind", "options", "unit")
    KIND_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    kind: AnswerKind
    options: _containers.RepeatedScalarFieldContainer[str]
    unit: str
    def __init__(self, kind: _Optional[_Union[AnswerKind, str]] = ..., options: _Optional[_Iterable[str]] = ..., unit: _Optional[str] = ...) -> None: ...

class Content(_message.Message):
    __slots__ = ("role", "text", "vector")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    role: str
    text: str
    vector: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, role: _Optional[str] = ..., text: _Optional[str] = ..., vector: _Optional[_Iterable[float]] = ...) -> None: ...

class Budget(_message.Message):
    __slots__ = ("tokens", "micros")
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    MICROS_FIELD_NUMBER: _ClassVar[int]
    tokens: int
    micros: int
    def __init__(self, tokens: _Optional[int] = ..., micros: _Optional[int] = ...) -> None: ...

class Speaker(_message.Message):
    __slots__ = ("name", "key")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    name: str
    key: bytes
    def __init__(self, name: _Optional[str] = ..., key: _Optional[bytes] = ...) -> None: ...

class Note(_message.Message):
    __slots__ = ("author", "number", "at_ms", "text", "signature")
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    author: bytes
    number: int
    at_ms: int
    text: str
    signature: bytes
    def __init__(self, author: _Optional[bytes] = ..., number: _Optional[int] = ..., at_ms: _Optional[int] = ..., text: _Optional[str] = ..., signature: _Optional[bytes] = ...) -> None: ...

class TaskOpen(_message.Message):
    __slots__ = ("descriptor", "messages", "answer", "domain", "opened_at_ms", "not_after_ms", "budget", "nonce", "speakers")
    DESCRIPTOR_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    OPENED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    NOT_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    descriptor: bytes
    messages: _containers.RepeatedCompositeFieldContainer[Content]
    answer: AnswerSpec
    domain: str
    opened_at_ms: int
    not_after_ms: int
    budget: Budget
    nonce: bytes
    speakers: _containers.RepeatedCompositeFieldContainer[Speaker]
    def __init__(self, descriptor: _Optional[bytes] = ..., messages: _Optional[_Iterable[_Union[Content, _Mapping]]] = ..., answer: _Optional[_Union[AnswerSpec, _Mapping]] = ..., domain: _Optional[str] = ..., opened_at_ms: _Optional[int] = ..., not_after_ms: _Optional[int] = ..., budget: _Optional[_Union[Budget, _Mapping]] = ..., nonce: _Optional[bytes] = ..., speakers: _Optional[_Iterable[_Union[Speaker, _Mapping]]] = ...) -> None: ...

class Acceptance(_message.Message):
    __slots__ = ("refusal",)
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    refusal: str
    def __init__(self, refusal: _Optional[str] = ...) -> None: ...

class Commit(_message.Message):
    __slots__ = ("commitment", "abstain", "author_views", "judge_views", "rule_views", "arm_views", "notes")
    COMMITMENT_FIELD_NUMBER: _ClassVar[int]
    ABSTAIN_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_VIEWS_FIELD_NUMBER: _ClassVar[int]
    JUDGE_VIEWS_FIELD_NUMBER: _ClassVar[int]
    RULE_VIEWS_FIELD_NUMBER: _ClassVar[int]
    ARM_VIEWS_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    commitment: bytes
    abstain: str
    author_views: _containers.RepeatedScalarFieldContainer[int]
    judge_views: _containers.RepeatedScalarFieldContainer[int]
    rule_views: _containers.RepeatedScalarFieldContainer[int]
    arm_views: _containers.RepeatedScalarFieldContainer[int]
    notes: _containers.RepeatedCompositeFieldContainer[Note]
    def __init__(self, commitment: _Optional[bytes] = ..., abstain: _Optional[str] = ..., author_views: _Optional[_Iterable[int]] = ..., judge_views: _Optional[_Iterable[int]] = ..., rule_views: _Optional[_Iterable[int]] = ..., arm_views: _Optional[_Iterable[int]] = ..., notes: _Optional[_Iterable[_Union[Note, _Mapping]]] = ...) -> None: ...

class Usage(_message.Message):
    __slots__ = ("tokens_in", "tokens_out", "micros", "ms", "calls")
    TOKENS_IN_FIELD_NUMBER: _ClassVar[int]
    TOKENS_OUT_FIELD_NUMBER: _ClassVar[int]
    MICROS_FIELD_NUMBER: _ClassVar[int]
    MS_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    tokens_in: int
    tokens_out: int
    micros: int
    ms: int
    calls: int
    def __init__(self, tokens_in: _Optional[int] = ..., tokens_out: _Optional[int] = ..., micros: _Optional[int] = ..., ms: _Optional[int] = ..., calls: _Optional[int] = ...) -> None: ...

class Proposal(_message.Message):
    __slots__ = ("answer", "belief", "confidence", "rationale", "evidence", "unseen", "usage", "prompt")
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    BELIEF_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    RATIONALE_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    UNSEEN_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    answer: str
    belief: _containers.RepeatedScalarFieldContainer[int]
    confidence: int
    rationale: str
    evidence: _containers.RepeatedScalarFieldContainer[str]
    unseen: _containers.RepeatedScalarFieldContainer[int]
    usage: Usage
    prompt: str
    def __init__(self, answer: _Optional[str] = ..., belief: _Optional[_Iterable[int]] = ..., confidence: _Optional[int] = ..., rationale: _Optional[str] = ..., evidence: _Optional[_Iterable[str]] = ..., unseen: _Optional[_Iterable[int]] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., prompt: _Optional[str] = ...) -> None: ...

class Batch(_message.Message):
    __slots__ = ("entries",)
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[Envelope]
    def __init__(self, entries: _Optional[_Iterable[_Union[Envelope, _Mapping]]] = ...) -> None: ...

class Seal(_message.Message):
    __slots__ = ("hash",)
    HASH_FIELD_NUMBER: _ClassVar[int]
    hash: bytes
    def __init__(self, hash: _Optional[bytes] = ...) -> None: ...

class Pair(_message.Message):
    __slots__ = ("first", "second", "preference", "confidence")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    SECOND_FIELD_NUMBER: _ClassVar[int]
    PREFERENCE_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    first: int
    second: int
    preference: Preference
    confidence: int
    def __init__(self, first: _Optional[int] = ..., second: _Optional[int] = ..., preference: _Optional[_Union[Preference, str]] = ..., confidence: _Optional[int] = ...) -> None: ...

class Mark(_message.Message):
    __slots__ = ("candidate", "endorsement", "evidence", "argument", "critique")
    CANDIDATE_FIELD_NUMBER: _ClassVar[int]
    ENDORSEMENT_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    ARGUMENT_FIELD_NUMBER: _ClassVar[int]
    CRITIQUE_FIELD_NUMBER: _ClassVar[int]
    candidate: int
    endorsement: int
    evidence: int
    argument: int
    critique: str
    def __init__(self, candidate: _Optional[int] = ..., endorsement: _Optional[int] = ..., evidence: _Optional[int] = ..., argument: _Optional[int] = ..., critique: _Optional[str] = ...) -> None: ...

class Ballot(_message.Message):
    __slots__ = ("held", "pairs", "marks", "abstain", "usage", "prompt")
    HELD_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    MARKS_FIELD_NUMBER: _ClassVar[int]
    ABSTAIN_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    held: _containers.RepeatedScalarFieldContainer[bytes]
    pairs: _containers.RepeatedCompositeFieldContainer[Pair]
    marks: _containers.RepeatedCompositeFieldContainer[Mark]
    abstain: str
    usage: Usage
    prompt: str
    def __init__(self, held: _Optional[_Iterable[bytes]] = ..., pairs: _Optional[_Iterable[_Union[Pair, _Mapping]]] = ..., marks: _Optional[_Iterable[_Union[Mark, _Mapping]]] = ..., abstain: _Optional[str] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., prompt: _Optional[str] = ...) -> None: ...

class Opening(_message.Message):
    __slots__ = ("alias", "alias_signature", "proposal", "nonce", "ballot", "salt")
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    ALIAS_SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    PROPOSAL_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    SALT_FIELD_NUMBER: _ClassVar[int]
    alias: bytes
    alias_signature: bytes
    proposal: bytes
    nonce: bytes
    ballot: bytes
    salt: bytes
    def __init__(self, alias: _Optional[bytes] = ..., alias_signature: _Optional[bytes] = ..., proposal: _Optional[bytes] = ..., nonce: _Optional[bytes] = ..., ballot: _Optional[bytes] = ..., salt: _Optional[bytes] = ...) -> None: ...

class Report(_message.Message):
    __slots__ = ("ids", "deadline", "tokens", "micros", "ms")
    IDS_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    MICROS_FIELD_NUMBER: _ClassVar[int]
    MS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[bytes]
    deadline: bool
    tokens: int
    micros: int
    ms: int
    def __init__(self, ids: _Optional[_Iterable[bytes]] = ..., deadline: bool = ..., tokens: _Optional[int] = ..., micros: _Optional[int] = ..., ms: _Optional[int] = ...) -> None: ...
