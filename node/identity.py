"""A member's identity: one Ed25519 key in a directory of its own (rules S1, T1, A13).

    identity.key    the secret, PEM (PKCS8), readable by its owner alone
    identity.crt    the CA certificate of the public half, PEM; a function of the key
    identity.json   the public half, and which database holds the key's past votes

The last one guards against a key that signs without its memory: a node whose database is not
the one named there signs only for tasks opened after the new database was made (A13).
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from . import certificates, files
from .certificates import Leaf
from .entropy import Entropy
from .keys import SEED_SIZE, SigningKey

KEY_FILE: Final = "identity.key"
CERTIFICATE_FILE: Final = "identity.crt"
RECORD_FILE: Final = "identity.json"

FILE_MAX: Final = 16_384
"""Most bytes of any of the three files; none comes near."""

DATABASE_MAX: Final = 64
"""Most characters of a database's id."""


class IdentityError(Exception):
    """An identity cannot be made or used. The text names the file and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A loaded identity. The secret stays out of `repr`, and no method hands it out.

    `public` is the 32-byte key, `certificate` its CA certificate in DER, `database` the id of
    the database that holds its votes ("" until the first one is made), `directory` its home.
    """

    directory: Path
    public: bytes
    certificate: bytes
    database: str
    signing: SigningKey = field(repr=False, compare=False)
    _seed: bytes = field(repr=False, compare=False)

    def sign(self, preimage: bytes) -> bytes:
        """The 64-byte Ed25519 signature over `preimage`."""
        return self.signing.sign(preimage)

    def leaf(self, now: datetime) -> Leaf:
        """A new P-256 leaf for TLS, made at `now`; it exists in memory only (rule T1)."""
        return certificates.issue_leaf(self._seed, now)


class _Record(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    public: str
    database: str


def create(directory: Path, entropy: Entropy) -> Identity:
    """Make an identity in `directory`, which is made 0700 if it is missing.

    Raises `IdentityError` if one is there already, or if the directory cannot be written.
    """
    seed = entropy.draw(SEED_SIZE)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.create_exclusive(directory / KEY_FILE, _key_pem(seed), 0o600)
    except FileExistsError:
        raise IdentityError(
            f"{directory} already holds an identity ({KEY_FILE}); it is not overwritten. "
            "Choose another directory, or use that identity"
        ) from None
    except OSError as error:
        raise IdentityError(f"cannot write an identity to {directory}: {error.strerror}") from None
    identity = _identity(directory, seed, database="")
    try:
        files.write_atomic(
            directory / CERTIFICATE_FILE, certificates.pem(identity.certificate), 0o644
        )
        _write_record(identity)
    except OSError as error:
        raise IdentityError(f"cannot write an identity to {directory}: {error.strerror}") from None
    return identity


def load(directory: Path) -> Identity:
    """The identity in `directory`.

    Raises `IdentityError` if a file is missing or malformed, if the key is readable by others,
    or if certificate or record belong to another key.
    """
    path = directory / KEY_FILE
    data = _read(path)
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise IdentityError(f"{path} is open to others (mode {mode:04o}); run: chmod 600 '{path}'")
    identity = _identity(directory, _seed(path, data), database="")
    _check_certificate(directory / CERTIFICATE_FILE, identity)
    record = _read_record(directory / RECORD_FILE)
    if record.public != identity.public.hex():
        raise IdentityError(
            f"{directory / RECORD_FILE} names the key {record.public[:80]}, but {KEY_FILE} holds "
            f"{identity.public.hex()}; put back the files that belong together"
        )
    return replace(identity, database=record.database)


def bind_database(identity: Identity, database: str) -> Identity:
    """Name `database` as the one that holds this identity's votes, durably (rule A13).

    Raises `IdentityError` if the record cannot be written; `ValueError` on an id that is
    empty or over 64 characters.
    """
    if not 1 <= len(database) <= DATABASE_MAX:
        raise ValueError(f"a database's id has 1 to {DATABASE_MAX} characters")
    bound = replace(identity, database=database)
    try:
        _write_record(bound)
    except OSError as error:
        path = identity.directory / RECORD_FILE
        raise IdentityError(f"cannot write {path}: {error.strerror}") from None
    return bound


def _identity(directory: Path, seed: bytes, *, database: str) -> Identity:
    signing = SigningKey(seed)
    return Identity(
        directory=directory,
        public=signing.public,
        certificate=certificates.ca_certificate(seed),
        database=database,
        signing=signing,
        _seed=seed,
    )


def _read(path: Path) -> bytes:
    try:
        return files.read_bounded(path, FILE_MAX)
    except FileNotFoundError:
        raise IdentityError(
            f"{path} is missing; `quorate init` makes an identity, or put the file back"
        ) from None
    except OSError as error:
        raise IdentityError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise IdentityError(str(error)) from None


def _key_pem(seed: bytes) -> bytes:
    return ed25519.Ed25519PrivateKey.from_private_bytes(seed).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _seed(path: Path, data: bytes) -> bytes:
    try:
        key = serialization.load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # malformed, encrypted, exotic
        key = None
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise IdentityError(f"{path} does not hold an unencrypted Ed25519 key in PEM") from None
    return key.private_bytes_raw()


def _check_certificate(path: Path, identity: Identity) -> None:
    if _read(path).split() != certificates.pem(identity.certificate).split():
        raise IdentityError(
            f"{path} is not the certificate of the key in {KEY_FILE}; put back the files that "
            "belong together"
        )


def _read_record(path: Path) -> _Record:
    try:
        record = msgspec.json.decode(_read(path), type=_Record)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise IdentityError(f"{path} is malformed: {error}") from None
    if len(record.database) > DATABASE_MAX:
        raise IdentityError(f"{path} is malformed: `database` is over {DATABASE_MAX} characters")
    return record


def _write_record(identity: Identity) -> None:
    record = _Record(public=identity.public.hex(), database=identity.database)
    text = msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"
    files.write_atomic(identity.directory / RECORD_FILE, text, 0o644)
