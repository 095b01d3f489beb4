"""Backups of a node: one file, whole or absent, that names and hashes all it holds.

A backup is a plain tar. Its first member is `manifest-DIGEST.json`, DIGEST being the SHA-256
of the manifest's own bytes; the files that the manifest lists follow in its order. The database
in it is a copy under a fresh id, so whatever identity it is started with, A13 holds for it.
"""

import hashlib
import io
import os
import re
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import msgspec

from . import config as node_config
from . import config_text, files, identity
from .clock import Clock
from .config import CONFIG_FILE, Config
from .entropy import Entropy
from .identity import CERTIFICATE_FILE, KEY_FILE, RECORD_FILE
from .program import program_version
from .store import schema
from .store.snapshot import snapshot

FORMAT: Final = 1
MANIFEST_MAX: Final = 1_048_576
"""Most bytes of a manifest: it lists a thousand evidence files at most, and some more."""
CHUNK: Final = 1_048_576

DATABASE: Final = "quorate.db"
FEDERATION: Final = "federation.toml"
_IDENTITY = tuple(f"identity/{name}" for name in (KEY_FILE, CERTIFICATE_FILE, RECORD_FILE))
_NAME = re.compile(r"evidence/[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_PUBLIC = {FEDERATION, *_IDENTITY[1:]}
"""What others may read once it is restored; all else is 0600."""


class BackupError(Exception):
    """A backup cannot be made or used. The text names the file, what is wrong, what to do."""


class Item(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """One file of a backup: its path in it, its size in bytes, its SHA-256 in hex."""

    name: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What a backup says of itself. `schema` is the store's version, `public` the member's key."""

    format: int
    program: str
    name: str
    public: str
    schema: int
    database: str
    taken_at_ms: int
    files: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A backup that was written."""

    path: Path
    size: int
    manifest: Manifest


def make(config: Config, to: Path, *, with_identity: bool, clock: Clock, entropy: Entropy) -> Made:
    """Back the node of `config` up into the new file `to`, running or not.

    With `with_identity` the backup also holds the secret key, the federation file and the
    configuration: all that makes the node. Raises `BackupError`, `StoreError`, `IdentityError`.
    """
    me = identity.load(config.identity)
    to = to.absolute()
    if to.exists():
        raise BackupError(f"{to} exists already, and no backup is overwritten: choose another --to")
    try:
        with _partial(to) as place:
            fresh = entropy.draw(16)
            taken_at_ms = clock.wall_ms()
            found = snapshot(config.store, place / DATABASE, fresh_id=fresh)
            sources = {DATABASE: place / DATABASE, **_evidence(config)}
            if with_identity:
                _copy_config(config, place / CONFIG_FILE)
                sources[CONFIG_FILE] = place / CONFIG_FILE
                sources[FEDERATION] = config.federation
                sources |= {name: config.identity / Path(name).name for name in _IDENTITY}
            manifest = Manifest(
                format=FORMAT,
                program=program_version(),
                name=config.name,
                public=me.public.hex(),
                schema=found,
                database=fresh.hex(),
                taken_at_ms=taken_at_ms,
                files=tuple(_item(name, path) for name, path in sources.items()),
            )
            whole = place / "whole.tar"
            _write(whole, manifest, sources)
            size = whole.stat().st_size
            # A link, not a rename: it fails if somebody else made that file meanwhile.
            os.link(whole, to)
            files.sync_directory(to.parent)
    except FileExistsError:
        raise BackupError(f"{to} exists already, and no backup is overwritten") from None
    except OSError as error:
        where = error.filename or to
        raise BackupError(f"cannot back up to {to}: {where}: {error.strerror}") from None
    return Made(path=to, size=size, manifest=manifest)


def restore(source: Path, to: Path) -> tuple[Manifest, Path]:
    """Put the backup `source` into the directory `to`; its manifest, and where its database is.

    A new directory becomes a node's; one that is a node's already, and has lost its store, gets
    the store alone. Nothing is overwritten, and every hash is checked before anything is put
    in place. Raises `BackupError`, `ConfigError`, `IdentityError`.
    """
    to = to.absolute()
    exists = to.exists()
    config = node_config.load(to) if (to / CONFIG_FILE).exists() else None
    if exists and config is None and (not to.is_dir() or any(to.iterdir())):
        raise BackupError(
            f"{to} is neither a new directory nor a node's: nothing is overwritten, choose another"
        )
    database = config.store if config is not None else to / "store" / DATABASE
    shelf = database.parent / "evidence"
    for name in (database.name, f"{database.name}-wal"):  # a log would be read into the copy
        path = database.with_name(name)
        if path.exists() and (path == database or path.stat().st_size):
            raise BackupError(f"{path} exists already: move it away first, if it is to be replaced")
    try:
        with _opened(source) as archive, _partial(to) as place:
            manifest = _unpack(archive, source, place)
            if config is None:
                tree = place / "tree"
                (tree / "store").mkdir(mode=0o700, parents=True)
                tree.chmod(0o700)
                for item in manifest.files:
                    inside = "store" if item.name == DATABASE or _NAME.fullmatch(item.name) else ""
                    _move(place / "files" / item.name, tree / inside / item.name)
                tree.rename(to)
                files.sync_directory(to.parent)
            else:
                key = identity.load(config.identity).public.hex()
                if key != manifest.public:
                    raise BackupError(
                        f"{source} is of {manifest.name}, key {manifest.public[:16]}; the identity "
                        f"in {config.identity} is {key[:16]}: these do not belong together"
                    )
                for item in manifest.files:
                    if _NAME.fullmatch(item.name) and not (database.parent / item.name).exists():
                        _move(place / "files" / item.name, shelf / Path(item.name).name)
                # The database last: what was cut short before it can simply be done again.
                _move(place / "files" / DATABASE, database)
    except OSError as error:
        where = error.filename or to
        raise BackupError(f"cannot restore to {to}: {where}: {error.strerror}") from None
    return manifest, database


def _move(origin: Path, to: Path) -> None:
    to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if origin.stat().st_dev == to.parent.stat().st_dev:
        os.link(origin, to)
    else:  # a store on a disk of its own
        draft = to.with_name(f".{to.name}.{os.getpid()}.new")
        try:
            shutil.copy2(origin, draft)
            with draft.open("rb+") as copied:
                os.fsync(copied.fileno())
            os.link(draft, to)
        finally:
            draft.unlink(missing_ok=True)
    files.sync_directory(to.parent)


# -- what a backup holds ------------------------------------------------------------------


def _evidence(config: Config) -> dict[str, Path]:
    shelf = config.store.parent / "evidence"
    found = sorted(shelf.iterdir()) if shelf.is_dir() else []
    named = ((f"evidence/{path.name}", path) for path in found)
    return {name: path for name, path in named if _NAME.fullmatch(name) and path.is_file()}


def _copy_config(config: Config, to: Path) -> None:
    """The configuration, with its paths as they will be in a directory that is restored."""
    moved = msgspec.structs.replace(
        config,
        federation=config.directory / FEDERATION,
        identity=config.directory / "identity",
        store=config.directory / "store" / DATABASE,
    )
    files.create_exclusive(to, config_text.render(moved).encode(), 0o600)


def _item(name: str, path: Path) -> Item:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as source:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return Item(name=name, size=size, sha256=digest.hexdigest())


def _write(to: Path, manifest: Manifest, sources: dict[str, Path]) -> None:
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    first = f"manifest-{hashlib.sha256(text).hexdigest()}.json"
    with (
        os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target,
        tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        archive.addfile(_header(first, len(text), manifest), io.BytesIO(text))
        for item in manifest.files:
            with sources[item.name].open("rb") as source:
                archive.addfile(_header(item.name, item.size, manifest), source)
        archive.close()
        target.flush()
        os.fsync(target.fileno())


def _header(name: str, size: int, manifest: Manifest) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.size, header.mode, header.mtime = size, 0o600, manifest.taken_at_ms // 1_000
    return header


# -- what is read back --------------------------------------------------------------------


@contextmanager
def _opened(source: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(source, mode="r:") as archive:
            yield archive
    except FileNotFoundError as error:
        if error.filename == str(source):
            raise BackupError(f"there is no backup at {source}") from None
        raise
    except tarfile.ReadError as error:
        raise BackupError(
            f"{source} is no backup of `quorate backup`, or it is cut short: {error}"
        ) from None


def _unpack(archive: tarfile.TarFile, source: Path, place: Path) -> Manifest:
    """The files of a backup into `place/files`, each checked against the manifest."""
    manifest = _manifest(archive, source)
    for item in manifest.files:
        header = archive.next()
        if header is None:
            raise BackupError(f"{source} is cut short: {item.name} is missing")
        if header.name != item.name or not header.isreg() or header.size != item.size:
            raise BackupError(
                f"{source} is not whole: where {item.name} has to be ({item.size} bytes) there is "
                f"{header.name[:200]!r} ({header.size} bytes)"
            )
        inside = archive.extractfile(header)
        assert inside is not None
        target = place / "files" / item.name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = 0o644 if item.name in _PUBLIC else 0o600
        if _copy(inside, target, mode) != (item.size, item.sha256):
            raise BackupError(
                f"{source} is damaged: {item.name} is not what was backed up; use another backup"
            )
    return manifest


def _manifest(archive: tarfile.TarFile, source: Path) -> Manifest:
    header = archive.next()
    named = re.fullmatch(r"manifest-([0-9a-f]{64})\.json", header.name) if header else None
    inside = archive.extractfile(header) if header and named and header.isreg() else None
    if header is None or named is None or inside is None or header.size > MANIFEST_MAX:
        raise BackupError(f"{source} is no backup of `quorate backup`: it has no manifest")
    text = inside.read(MANIFEST_MAX)
    if hashlib.sha256(text).hexdigest() != named[1]:
        raise BackupError(f"{source} is damaged: its manifest is not what was written")
    try:
        if (form := msgspec.json.decode(text, type=dict[str, object]).get("format")) != FORMAT:
            raise BackupError(
                f"{source} has format {form}, and this program reads format {FORMAT}: restore it "
                "with the program that made it"
            )
        manifest = msgspec.json.decode(text, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BackupError(f"{source} has a malformed manifest: {error}") from None
    names = [item.name for item in manifest.files]
    known = {DATABASE, CONFIG_FILE, *_PUBLIC, *_IDENTITY}
    strange = [name for name in names if name not in known and not _NAME.fullmatch(name)]
    if strange or names[:1] != [DATABASE] or len(set(names)) < len(names):
        raise BackupError(f"{source} lists files that no backup holds: {', '.join(strange[:3])}")
    if manifest.schema > schema.known():
        raise BackupError(
            f"{source} holds a store of version {manifest.schema}, and this program knows versions "
            f"up to {schema.known()}: restore it with the newer program that made it"
        )
    return manifest


def _copy(source: IO[bytes], to: Path, mode: int) -> tuple[int, str]:
    """Write a new file durably; how many bytes it got, and their SHA-256."""
    digest, size = hashlib.sha256(), 0
    with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as target:
        os.fchmod(target.fileno(), mode)
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            target.write(chunk)
            size += len(chunk)
        target.flush()
        os.fsync(target.fileno())
    return size, digest.hexdigest()


@contextmanager
def _partial(to: Path) -> Iterator[Path]:
    """A private directory beside `to` for what is not whole yet; gone when the block ends.

    What processes that were killed left behind there goes too.
    """
    for left in to.parent.glob(f".{to.name}.*.partial"):
        process = left.name.split(".")[-2]
        if process.isdecimal() and not Path(f"/proc/{process}").exists():
            shutil.rmtree(left, ignore_errors=True)
    place = to.parent / f".{to.name}.{os.getpid()}.partial"
    place.mkdir(mode=0o700, parents=True)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
