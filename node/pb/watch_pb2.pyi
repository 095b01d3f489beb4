from node.pb import quorate_pb2 as _quorate_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WatchRequest(_message.Message):
    __slots__ = ("task", "open")
    TASK_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    task: bytes
    open: _quorate_pb2.Envelope
    def __init__(self, task: _Optional[bytes] = ..., open: _Optional[_Union[_quorate_pb2.Envelope, _Mapping]] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("task", "round", "kind", "detail", "open")
    TASK_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    task: bytes
    round: int
    kind: str
    detail: bytes
    open: _quorate_pb2.Envelope
    def __init__(self, task: _Optional[bytes] = ..., round: _Optional[int] = ..., kind: _Optional[str] = ..., detail: _Optional[bytes] = ..., open: _Optional[_Union[_quorate_pb2.Envelope, _Mapping]] = ...) -> None: ...
