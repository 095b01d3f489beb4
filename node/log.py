"""Log lines: one event each with its task, round and member, on standard error.

    log = get_logger("runner")
    with context(task=task_id, round=2):
        log.info("decided", point="slate", view=0)

Fields are plain data. Ids of 32 bytes are written as their first 8 hex digits; what is named
like a secret is dropped wherever it is nested, and an object of any other type is written as
its type's name, so that no `repr` of something that holds a secret is ever written.
"""

import logging
import math
import os
import re
import sys
from collections.abc import Iterator, Mapping, MutableMapping, Sequence, Set
from contextlib import contextmanager
from enum import Enum
from pathlib import PurePath
from typing import Any, Final, TextIO, cast

# structlog imports rich if it can, for tracebacks that are not used here: it would cost every
# node 35 ms and 4 MB.
_without_rich = "rich" not in sys.modules
if _without_rich:
    sys.modules["rich"] = cast(Any, None)
try:
    import structlog
finally:
    if _without_rich:
        del sys.modules["rich"]

SHORT: Final = 8
"""Hex digits of an id in a line: enough to follow one, and to look it up by."""

TEXT_MAX: Final = 1_000
"""Most characters of one field: a peer's words may be in it."""

DEPTH_MAX: Final = 4
"""Deepest nesting of a field that is written."""

_SECRETS: Final = ("secret", "key", "nonce", "salt", "seed", "credential")
SECRET_WORDS: Final = frozenset(
    {*_SECRETS, *(f"{word}s" for word in _SECRETS)}
    | {"apikey", "authorization", "cookie", "passphrase", "password", "token"}
)
"""A field with one of these words in its name is never written."""

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_FIRST: Final = ("timestamp", "level", "room", "event", "task", "round", "member")
_OWN: Final = frozenset({"exc_info", "stack_info", "_record", "_from_structlog"})


def get_logger(room: str) -> structlog.typing.FilteringBoundLogger:
    """The logger of a part of the node; it follows `configure` also if it was made earlier."""
    return cast(structlog.typing.FilteringBoundLogger, structlog.get_logger(room=room))


@contextmanager
def context(**fields: object) -> Iterator[None]:
    """Lines written in the block, and in tasks started in it, carry these fields as well."""
    with structlog.contextvars.bound_contextvars(**fields):
        yield


def short(identity: bytes) -> str:
    """The first digits of an id, as lines show it."""
    return identity.hex()[:SHORT]


def configure(*, level: str, format: str = "auto", stream: TextIO | None = None) -> None:  # noqa: A002
    """Write lines of `level` and above to `stream` (standard error) as `format` says.

    `format` is console, json, or auto: console if the stream is a terminal. What libraries
    say through `logging` or `warnings` comes out the same way from warnings upwards, whatever
    the level: at debug some of them would quote what they send.
    """
    last = _own_lines(level=level, style=format, stream=stream)
    handler = _Bridge(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_room, *_SHARED],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    _unbridge(root)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)


def reset() -> None:
    """As importing leaves it: our own warnings and errors alone, libraries as they please."""
    _own_lines(level="warning", style="auto", stream=None)
    _unbridge(logging.getLogger())
    logging.captureWarnings(False)


def _own_lines(
    *, level: str, style: str, stream: TextIO | None
) -> list[structlog.typing.Processor]:
    """Set up our own lines; the processors that write one out."""
    terminal = (stream or sys.stderr).isatty()
    last = _console(terminal) if style == "console" or (style == "auto" and terminal) else _JSON
    structlog.configure(
        processors=[*_SHARED, *last],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        # Standard error as it is when a line is written, not as it was when this was set up.
        logger_factory=lambda *_: structlog.WriteLogger(stream or sys.stderr),
    )
    return last


def silence(name: str) -> None:
    """Let the library logger `name` say nothing at all from now on."""
    logger = logging.getLogger(name)
    logger.setLevel(logging.CRITICAL + 1)
    logger.propagate = False


def _unbridge(root: logging.Logger) -> None:
    for handler in [item for item in root.handlers if isinstance(item, _Bridge)]:
        root.removeHandler(handler)


class _Bridge(logging.Handler):
    """The way of libraries' records into our lines."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__()
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record as one line."""
        try:
            (self._stream or sys.stderr).write(f"{self.format(record)}\n")
        except (OSError, ValueError):  # a closed stream: there is nowhere to say so
            self.handleError(record)


def _console(terminal: bool) -> list[structlog.typing.Processor]:
    colors = terminal and not os.environ.get("NO_COLOR")
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]


def _room(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The library's own logger stands where our lines name a part of the node."""
    event["room"] = event["_record"].name
    event["event"] = str(event["event"]).strip()
    return event


def _ordered(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    first = {name: event[name] for name in _FIRST if name in event}
    return first | {name: value for name, value in event.items() if name not in first}


def _harmless(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {
        name: value if name in _OWN else plain(value)
        for name, value in event.items()
        if name in _OWN or not is_secret(name)
    }


def is_secret(name: str) -> bool:
    """Whether a field of that name may hold a secret: `alias_key`, `apiKey`, `salt`."""
    return any(word.lower() in SECRET_WORDS for word in _WORDS.findall(name))


def plain(value: object, depth: int = DEPTH_MAX) -> Any:
    """`value` as it may be written: plain data without secrets, long or odd text made tame."""
    match value:
        case Enum():
            return plain(value.value if isinstance(value.value, str) else value.name.lower())
        case float() if not math.isfinite(value):
            return str(value)
        case None | bool() | int() | float():
            return value
        case str():
            return _tame(value)
        case bytes() | bytearray() | memoryview():
            return short(bytes(value)) if len(value) == 32 else f"{len(value)} bytes"
        case PurePath() | BaseException():
            return _tame(str(value))
        case Mapping() | Sequence() | Set() if depth == 0:
            return "..."
        case Mapping():
            return {
                _tame(str(name)): plain(item, depth - 1)
                for name, item in value.items()
                if not is_secret(str(name))
            }
        case Sequence() | Set():
            return [plain(item, depth - 1) for item in value]
        case _:
            return f"<{type(value).__name__}>"


def _tame(text: str) -> str:
    if len(text) > TEXT_MAX:
        text = f"{text[:TEXT_MAX]}... ({len(text)} characters)"
    # A peer's line break or escape sequence must not write lines or colours of its own.
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


_SHARED: Final[list[structlog.typing.Processor]] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    _harmless,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
_JSON: Final[list[structlog.typing.Processor]] = [
    structlog.processors.format_exc_info,
    _ordered,
    structlog.processors.JSONRenderer(),
]

reset()
