"""Identities on disk (rules S1, T1, A13)."""

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from node import certificates, identity, keys
from node.entropy import SystemEntropy
from node.identity import CERTIFICATE_FILE, KEY_FILE, RECORD_FILE, IdentityError
from tests.harness.cast import ALICE, BOB
from tests.harness.federations import Named, person

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_loaded_identity_is_the_one_that_was_created(tmp_path: Path) -> None:
    made = identity.create(tmp_path / "alice", SystemEntropy())
    assert identity.load(tmp_path / "alice") == made


def test_what_an_identity_signs_verifies_under_its_public_key(tmp_path: Path) -> None:
    alice = person(tmp_path, "alice")
    assert alice.public == ALICE.public
    assert keys.verify(alice.public, b"words", alice.sign(b"words"))


def test_the_key_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        alice = person(tmp_path, "alice")
    finally:
        os.umask(before)
    assert stat.S_IMODE((alice.directory / KEY_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(alice.directory.stat().st_mode) == 0o700


def test_an_existing_identity_is_not_overwritten(tmp_path: Path) -> None:
    alice = person(tmp_path, "alice")
    with pytest.raises(IdentityError, match="already holds an identity"):
        identity.create(alice.directory, Named("mallory"))
    assert identity.load(alice.directory).public == alice.public


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o610, 0o666])
def test_a_key_open_to_others_is_refused_with_the_command_to_run(tmp_path: Path, mode: int) -> None:
    path = person(tmp_path, "alice").directory / KEY_FILE
    path.chmod(mode)
    with pytest.raises(IdentityError, match=f"mode {mode:04o}.*run: chmod 600 '{path}'"):
        identity.load(path.parent)


@pytest.mark.parametrize("name", [KEY_FILE, CERTIFICATE_FILE, RECORD_FILE])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    alice = person(tmp_path, "alice")
    (alice.directory / name).unlink()
    with pytest.raises(IdentityError, match=f"{name} is missing"):
        identity.load(alice.directory)


@pytest.mark.parametrize("name", [CERTIFICATE_FILE, RECORD_FILE])
def test_files_of_another_identity_are_refused(tmp_path: Path, name: str) -> None:
    alice, bob = person(tmp_path, "alice"), person(tmp_path, "bob")
    (alice.directory / name).write_bytes((bob.directory / name).read_bytes())
    with pytest.raises(IdentityError, match="belong together"):
        identity.load(alice.directory)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a key",
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        ),
    ],
    ids=["empty", "text", "p256", "encrypted"],
)
def test_a_key_file_without_a_plain_ed25519_key_is_refused(tmp_path: Path, data: bytes) -> None:
    alice = person(tmp_path, "alice")
    (alice.directory / KEY_FILE).write_bytes(data)
    with pytest.raises(IdentityError, match="does not hold an unencrypted Ed25519 key"):
        identity.load(alice.directory)


def test_a_key_file_may_be_as_large_as_its_bound_and_no_larger(tmp_path: Path) -> None:
    path = person(tmp_path, "alice").directory / KEY_FILE
    data = path.read_bytes()
    path.write_bytes(data + b"\n" * (identity.FILE_MAX - len(data)))
    assert identity.load(path.parent).public == ALICE.public
    path.write_bytes(data + b"\n" * (identity.FILE_MAX + 1 - len(data)))
    with pytest.raises(IdentityError, match="over 16384 bytes"):
        identity.load(path.parent)


@pytest.mark.parametrize("text", ["{", "[]", '{"public":"aa","database":"","more":1}', "{}"])
def test_a_malformed_record_is_refused_by_name(tmp_path: Path, text: str) -> None:
    alice = person(tmp_path, "alice")
    (alice.directory / RECORD_FILE).write_text(text)
    with pytest.raises(IdentityError, match=f"{RECORD_FILE} is malformed"):
        identity.load(alice.directory)


def test_an_unwritable_place_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(IdentityError, match=r"cannot write an identity to .*Not a directory"):
        identity.create(tmp_path / "file" / "alice", Named("alice"))


def test_the_database_is_remembered(tmp_path: Path) -> None:
    alice = person(tmp_path, "alice")
    assert alice.database == ""
    bound = identity.bind_database(alice, "d" * identity.DATABASE_MAX)
    assert identity.load(alice.directory) == bound
    with pytest.raises(ValueError, match="1 to 64 characters"):
        identity.bind_database(alice, "d" * (identity.DATABASE_MAX + 1))


def test_the_secret_is_in_no_repr(tmp_path: Path) -> None:
    alice = person(tmp_path, "alice")
    seed = Named("alice").draw(32)
    leaf = alice.leaf(NOW)
    shown = repr(alice) + str(alice) + repr(alice.signing) + repr(leaf)
    assert seed.hex() not in shown
    assert repr(seed) not in shown
    assert "PRIVATE" not in shown


def test_the_certificate_is_a_function_of_the_key() -> None:
    seed = Named("alice").draw(32)
    assert certificates.ca_certificate(seed) == certificates.ca_certificate(seed)
    certificates.check_ca(certificates.ca_certificate(seed), ALICE.public)


def test_a_certificate_of_another_key_is_refused() -> None:
    with pytest.raises(certificates.CertificateError, match="does not belong to the key"):
        certificates.check_ca(certificates.ca_certificate(Named("bob").draw(32)), ALICE.public)


def test_no_byte_of_a_certificate_can_be_changed() -> None:
    good = certificates.ca_certificate(Named("alice").draw(32))
    for at in range(len(good)):
        bad = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
        with pytest.raises(certificates.CertificateError):
            certificates.check_ca(bad, ALICE.public)
    with pytest.raises(certificates.CertificateError):
        certificates.check_ca(good + b"\0", ALICE.public)


def test_a_certificate_that_any_tool_could_have_made_for_the_key_is_refused() -> None:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(Named("alice").draw(32))
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "alice")])
    other = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, None)
    )
    with pytest.raises(certificates.CertificateError, match="does not belong to the key"):
        certificates.check_ca(other.public_bytes(serialization.Encoding.DER), ALICE.public)


def test_a_leaf_is_issued_by_the_identity_that_made_it(tmp_path: Path) -> None:
    leaf = person(tmp_path, "alice").leaf(NOW)
    issuer = certificates.issued_by(leaf.certificate, [BOB.public, ALICE.public], NOW)
    assert issuer == ALICE.public
    assert certificates.issued_by(leaf.certificate, [BOB.public], NOW) is None


def test_a_leaf_holds_from_a_day_before_to_a_week_after_its_making(tmp_path: Path) -> None:
    leaf = person(tmp_path, "alice").leaf(NOW)
    first, last = NOW - certificates.LEAF_BACKDATED, NOW + certificates.LEAF_LIFE
    second = timedelta(seconds=1)
    for moment, issuer in [
        (first - second, None),
        (first, ALICE.public),
        (last, ALICE.public),
        (last + second, None),
    ]:
        assert certificates.issued_by(leaf.certificate, [ALICE.public], moment) == issuer


def test_a_leaf_over_the_bound_has_no_issuer(tmp_path: Path) -> None:
    leaf = person(tmp_path, "alice").leaf(NOW).certificate
    full = leaf + b"\n" * (certificates.LEAF_MAX - len(leaf))
    assert certificates.issued_by(full, [ALICE.public], NOW) == ALICE.public
    assert certificates.issued_by(full + b"\n", [ALICE.public], NOW) is None
    assert certificates.issued_by(b"junk", [ALICE.public], NOW) is None


def test_two_starts_have_two_leaves(tmp_path: Path) -> None:
    alice = person(tmp_path, "alice")
    assert alice.leaf(NOW).key != alice.leaf(NOW).key
