from node.pb import quorate_pb2 as _quorate_pb2
from node.pb import watch_pb2 as _watch_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Limits(_message.Message):
    __slots__ = ("max_frame", "max_envelope")
    MAX_FRAME_FIELD_NUMBER: _ClassVar[int]
    MAX_ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    max_frame: int
    max_envelope: int
    def __init__(self, max_frame: _Optional[int] = ..., max_envelope: _Optional[int] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("versions", "network", "epoch", "federation", "wall_ms", "limits", "software")
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    FEDERATION_FIELD_NUMBER: _ClassVar[int]
    WALL_MS_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedScalarFieldContainer[int]
    network: bytes
    epoch: int
    federation: bytes
    wall_ms: int
    limits: Limits
    software: str
    def __init__(self, versions: _Optional[_Iterable[int]] = ..., network: _Optional[bytes] = ..., epoch: _Optional[int] = ..., federation: _Optional[bytes] = ..., wall_ms: _Optional[int] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., software: _Optional[str] = ...) -> None: ...

class Digest(_message.Message):
    __slots__ = ("task", "round", "verdict", "held")
    TASK_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    task: bytes
    round: int
    verdict: bytes
    held: bytes
    def __init__(self, task: _Optional[bytes] = ..., round: _Optional[int] = ..., verdict: _Optional[bytes] = ..., held: _Optional[bytes] = ...) -> None: ...

class Want(_message.Message):
    __slots__ = ("task", "ids")
    TASK_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    task: bytes
    ids: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, task: _Optional[bytes] = ..., ids: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Offer(_message.Message):
    __slots__ = ("task", "id", "size")
    TASK_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    task: bytes
    id: bytes
    size: int
    def __init__(self, task: _Optional[bytes] = ..., id: _Optional[bytes] = ..., size: _Optional[int] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("code", "text")
    CODE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    code: str
    text: str
    def __init__(self, code: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class TaskNote(_message.Message):
    __slots__ = ("task", "note")
    TASK_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    task: bytes
    note: bytes
    def __init__(self, task: _Optional[bytes] = ..., note: _Optional[bytes] = ...) -> None: ...

class Frame(_message.Message):
    __slots__ = ("hello", "envelopes", "digests", "wants", "offers", "refusal", "ledger", "ping", "pong", "notes")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    ENVELOPES_FIELD_NUMBER: _ClassVar[int]
    DIGESTS_FIELD_NUMBER: _ClassVar[int]
    WANTS_FIELD_NUMBER: _ClassVar[int]
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    LEDGER_FIELD_NUMBER: _ClassVar[int]
    PING_FIELD_NUMBER: _ClassVar[int]
    PONG_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    envelopes: _containers.RepeatedCompositeFieldContainer[_quorate_pb2.Envelope]
    digests: _containers.RepeatedCompositeFieldContainer[Digest]
    wants: _containers.RepeatedCompositeFieldContainer[Want]
    offers: _containers.RepeatedCompositeFieldContainer[Offer]
    refusal: Refusal
    ledger: bytes
    ping: int
    pong: int
    notes: _containers.RepeatedCompositeFieldContainer[TaskNote]
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., envelopes: _Optional[_Iterable[_Union[_quorate_pb2.Envelope, _Mapping]]] = ..., digests: _Optional[_Iterable[_Union[Digest, _Mapping]]] = ..., wants: _Optional[_Iterable[_Union[Want, _Mapping]]] = ..., offers: _Optional[_Iterable[_Union[Offer, _Mapping]]] = ..., refusal: _Optional[_Union[Refusal, _Mapping]] = ..., ledger: _Optional[bytes] = ..., ping: _Optional[int] = ..., pong: _Optional[int] = ..., notes: _Optional[_Iterable[_Union[TaskNote, _Mapping]]] = ...) -> None: ...

class FetchRequest(_message.Message):
    __slots__ = ("task", "round", "ids")
    TASK_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    task: bytes
    round: int
    ids: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, task: _Optional[bytes] = ..., round: _Optional[int] = ..., ids: _Optional[_Iterable[bytes]] = ...) -> None: ...

class SummaryRequest(_message.Message):
    __slots__ = ("prefix",)
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    prefix: bytes
    def __init__(self, prefix: _Optional[bytes] = ...) -> None: ...

class Summary(_message.Message):
    __slots__ = ("digest", "count", "ids", "parts")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    digest: bytes
    count: int
    ids: bytes
    parts: bytes
    def __init__(self, digest: _Optional[bytes] = ..., count: _Optional[int] = ..., ids: _Optional[bytes] = ..., parts: _Optional[bytes] = ...) -> None: ...

class FactsRequest(_message.Message):
    __slots__ = ("ids",)
    IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, ids: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Fact(_message.Message):
    __slots__ = ("kind", "proof")
    KIND_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    kind: int
    proof: bytes
    def __init__(self, kind: _Optional[int] = ..., proof: _Optional[bytes] = ...) -> None: ...
