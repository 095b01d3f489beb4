"""API keys: made once and shown once, kept as hashes in one file of the node.

A key is `qk-ID-SECRET` with 256 random bits of secret. It is stored as an HMAC-SHA256 under a salt
of its own. A slow hash such as scrypt is for what people make up and others can guess; nobody
guesses 256 bits, and a slow hash would let any stranger make the node work by sending keys.

What a key may do is stored beside its hash. Whose a task is, is stored nowhere: it is the node that
opens it. As on the port for gRPC's clients, whoever knows the whole id of a task or verdict, which
nobody guesses, asked it or was told it by who did. So `ask` is enough to follow one's own.
"""

import base64
import fcntl
import hashlib
import hmac
import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import msgspec

from .. import files
from ..entropy import Entropy

FILE_MAX: Final = 4_194_304
"""Most bytes of the file: some ten thousand keys."""

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_KEY: Final = re.compile(r"qk-([0-9a-f]{8})-([A-Za-z0-9_-]{43})")


class Scope(StrEnum):
    """What a key may do."""

    ASK = "ask"
    """Put questions, and follow and read what it knows the whole id of; hand in signed words."""
    READ = "read"
    """Read what anybody asked: lists, verdicts by a few digits; members, and how the node is."""
    METRICS = "metrics"
    """Read `/metrics`: tokens and times of models, which may help to tell who wrote what (R3)."""


EVERYTHING: Final = tuple(Scope)
"""What keys may do that were made before keys had scopes: as ever since they were made."""

APPLICATION: Final = (Scope.ASK,)
"""What a new key may do unless it is told more: what an application needs that asks."""


class KeyFileError(ValueError):
    """The file of keys, or what is asked of it, is not usable. The text says what to do."""


class ApiKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One client's key, as stored: salt and hash in hex, times in wall-clock milliseconds.

    `requests_per_minute` and `tasks_per_day` are the client's own quotas, None for the node's.
    `may` is what it may do. A revoked key stays in the file: a node whose last key was revoked is
    not open to all.
    """

    id: str
    name: str
    salt: str
    hash: str
    made_ms: int
    revoked_ms: int = 0
    requests_per_minute: int | None = None
    tasks_per_day: int | None = None
    may: Annotated[tuple[Scope, ...], msgspec.Meta(min_length=1)] = EVERYTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who asks: the name of its key, its quotas (0 is none), and what it may do."""

    name: str
    requests_per_minute: int
    tasks_per_day: int
    may: tuple[Scope, ...]


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    keys: list[ApiKey] = []


def read(path: Path) -> tuple[ApiKey, ...]:
    """The keys in a file, none if there is no file. Raises `KeyFileError`."""
    try:
        return tuple(msgspec.json.decode(files.read_bounded(path, FILE_MAX), type=_File).keys)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise KeyFileError(f"cannot read the API keys in {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise KeyFileError(f"{path} holds no API keys: {error}; restore or remove it") from None


def add(
    path: Path,
    name: str,
    *,
    now_ms: int,
    entropy: Entropy,
    requests_per_minute: int | None = None,
    tasks_per_day: int | None = None,
    may: Collection[Scope] = APPLICATION,
) -> str:
    """Make a key for the client `name`; the key, which is nowhere else. Raises `KeyFileError`."""
    if not NAME.fullmatch(name):
        raise KeyFileError(
            f"{name!r} is no name of a client: 1 to 64 letters, digits, dots, dashes, underscores"
        )
    with _alone(path):
        return _add(path, name, now_ms, entropy, requests_per_minute, tasks_per_day, may)


def _add(
    path: Path,
    name: str,
    now_ms: int,
    entropy: Entropy,
    requests_per_minute: int | None,
    tasks_per_day: int | None,
    may: Collection[Scope],
) -> str:
    known = read(path)
    if any(key.name == name and not key.revoked_ms for key in known):
        raise KeyFileError(f"{name} has a key already: revoke it first, or choose another name")
    taken = {key.id for key in known}
    while (id_ := entropy.draw(4).hex()) in taken:
        pass
    secret = base64.urlsafe_b64encode(entropy.draw(32)).decode("ascii").rstrip("=")
    salt = entropy.draw(16)
    made = ApiKey(
        id=id_,
        name=name,
        salt=salt.hex(),
        hash=_hash(salt, secret).hex(),
        made_ms=now_ms,
        requests_per_minute=requests_per_minute,
        tasks_per_day=tasks_per_day,
        may=tuple(scope for scope in Scope if scope in may),
    )
    _write(path, (*known, made))
    return f"qk-{id_}-{secret}"


def revoke(path: Path, which: str, *, now_ms: int) -> ApiKey:
    """Revoke the key of that name or id. Raises `KeyFileError`."""
    with _alone(path):
        known = read(path)
        found = [key for key in known if which in (key.name, key.id) and not key.revoked_ms]
        if len(found) != 1:
            raise KeyFileError(f"{which!r} is the name or id of no key that counts")
        gone = msgspec.structs.replace(found[0], revoked_ms=now_ms)
        _write(path, tuple(gone if key is found[0] else key for key in known))
        return gone


class Keyring:
    """The keys of a running node: read again whenever the file has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, ...] | None = None
        self._keys: dict[str, ApiKey] = {}

    def refresh(self) -> None:
        """Take up what changed. Raises `KeyFileError`; the keys of before then still count."""
        try:
            found = os.stat(self._path)  # noqa: PTH116  one call, and no exception chain to read
            stamp: tuple[int, ...] = (found.st_mtime_ns, found.st_size, found.st_ino)
        except FileNotFoundError:
            stamp = ()
        except OSError as error:
            raise KeyFileError(
                f"cannot read the API keys in {self._path}: {error.strerror}"
            ) from None
        if stamp != self._stamp:
            self._keys = {key.id: key for key in read(self._path)}
            self._stamp = stamp

    @property
    def any(self) -> bool:
        """Whether a key was ever made here: from then on every client needs one."""
        return bool(self._keys)

    @property
    def counting(self) -> bool:
        """Whether there is a key that is not revoked."""
        return any(not key.revoked_ms for key in self._keys.values())

    def find(self, text: str) -> ApiKey | None:
        """The key that `text` is, unless it is revoked."""
        match = _KEY.fullmatch(text)
        key = self._keys.get(match[1]) if match else None
        if match is None or key is None or key.revoked_ms:
            return None
        given = _hash(bytes.fromhex(key.salt), match[2])
        return key if hmac.compare_digest(given, bytes.fromhex(key.hash)) else None


def _hash(salt: bytes, secret: str) -> bytes:
    return hmac.digest(salt, b"quorate-api-key\0" + secret.encode("ascii"), hashlib.sha256)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the file's lock from reading it to writing it: of two changes at a time the later would
    undo the earlier, and a revoked key count again. Raises `KeyFileError`."""
    try:
        handle = os.open(
            path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
    except OSError as error:
        raise KeyFileError(f"cannot write the API keys to {path}: {error.strerror}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)  # which gives the lock back; the file stays, as `store.lock` says why


def _write(path: Path, keys: tuple[ApiKey, ...]) -> None:
    data = msgspec.json.format(msgspec.json.encode(_File(keys=list(keys))), indent=2)
    try:
        files.write_atomic(path, data + b"\n", 0o600)
    except OSError as error:
        raise KeyFileError(f"cannot write the API keys to {path}: {error.strerror}") from None
