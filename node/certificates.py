"""X.509 around an Ed25519 identity: its CA certificate, and the P-256 leaves it issues (T1).

The CA certificate is a function of the key: subject, serial number, validity and extensions
follow from the public half, and Ed25519 signs the same way every time. So a certificate is
checked by comparing bytes; a stranger's is never parsed.
Names prove nothing here; what counts is whose key signed a leaf (`issued_by`).
"""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from consensus.envelope import tagged_hash

from . import keys
from .keys import SIGNATURE_SIZE

LEAF_MAX: Final = 4096
"""Most bytes of a leaf in PEM; the leaves issued here take under 800."""

LEAVES_KNOWN: Final = 256
"""Leaves whose issuer is remembered: each call over a connection shows the same one again."""

LEAF_BACKDATED: Final = timedelta(hours=24)
"""How long before its making a leaf is valid. A peer whose clock is off by less gets as far as
Hello, which names both readings; one that is off by more meets a bare TLS error."""

LEAF_LIFE: Final = timedelta(days=7)
"""How long after its making a leaf is valid: it lives in memory only and is made anew."""

_CA_FROM = datetime(2020, 1, 1, tzinfo=UTC)
_CA_UNTIL = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)  # RFC 5280, 4.1.2.5: no expiry


class CertificateError(ValueError):
    """A certificate is not what this protocol uses. The text says in what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A P-256 key with the certificate that an identity issued for it, both PEM."""

    key: bytes = field(repr=False)
    certificate: bytes
    not_after: datetime


def server_name(public: bytes) -> str:
    """The DNS name in the leaves of `public`: what a dialler asks TLS to look for."""
    text = public.hex()
    return f"{text[:32]}.{text[32:]}.quorate.internal"  # a label has at most 63 characters


def ca_certificate(seed: bytes) -> bytes:
    """The self-signed CA certificate, DER, of the identity grown from a 32-byte seed."""
    key = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    return _der(_ca_builder(key.public_key()).sign(key, None))


def check_ca(certificate: bytes, public: bytes) -> None:
    """Raise `CertificateError` unless `certificate` is the CA certificate of `public`."""
    form, body = _ca_form(public)
    if certificate[:-SIGNATURE_SIZE] != form:
        raise CertificateError(f"the certificate does not belong to the key {public.hex()}")
    if not keys.verify(public, body, certificate[-SIGNATURE_SIZE:]):
        raise CertificateError("the certificate is not signed by its own key")


def issue_leaf(seed: bytes, now: datetime) -> Leaf:
    """A new P-256 leaf of the identity grown from `seed`, made at `now`.

    grpcio offers no Ed25519 in a handshake (`NO_COMMON_SIGNATURE_ALGORITHMS`), so the identity
    itself cannot serve; it verifies Ed25519 signatures inside a chain.
    """
    identity = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    public = identity.public_key()
    key = ec.generate_private_key(ec.SECP256R1())
    not_after = now + LEAF_LIFE
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name("quorate leaf"))
        .issuer_name(_ca_name(public))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - LEAF_BACKDATED)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            ),
            critical=False,
        )
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(server_name(_raw(public)))]),
            critical=False,
        )
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .sign(identity, None)
    )
    return Leaf(
        key=key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        certificate=certificate.public_bytes(serialization.Encoding.PEM),
        not_after=not_after,
    )


def issued_by(leaf: bytes, candidates: Iterable[bytes], now: datetime) -> bytes | None:
    """The public key among `candidates` that directly issued `leaf` (PEM), or None (T1).

    A leaf outside its validity at `now` has no issuer. Issuer names and key identifiers prove
    nothing: any member could write another's.
    """
    if len(leaf) > LEAF_MAX:
        return None
    key, since, until = _issuer(leaf, tuple(candidates))
    return key if since <= now <= until else None


@lru_cache(maxsize=LEAVES_KNOWN)
def _issuer(leaf: bytes, candidates: tuple[bytes, ...]) -> tuple[bytes | None, datetime, datetime]:
    """Who of the candidates issued a leaf, and from when until when it is valid."""
    try:
        parsed = x509.load_pem_x509_certificate(leaf)
    except (ValueError, x509.InvalidVersion):
        return None, _CA_FROM, _CA_FROM
    body, signature = parsed.tbs_certificate_bytes, parsed.signature
    # The name says whom to try first, and TLS has found the CA by it: one check, not one for each.
    named = parsed.issuer.rfc4514_string()
    likely = sorted(candidates, key=lambda key: f"CN={_ca_common_name(key)}" != named)
    key = next((key for key in likely if keys.verify(key, body, signature)), None)
    return key, parsed.not_valid_before_utc, parsed.not_valid_after_utc


def signed_by(leaf: bytes, candidates: Iterable[bytes]) -> bytes | None:
    """The public key among `candidates` that signed `leaf` (PEM), whatever else is wrong with it.

    It says whose doing a leaf is that `issued_by` refuses, and nothing more. The certificate is not
    parsed: its body is the first thing in it (RFC 5280, 4.1), and the signature its last 64 bytes.
    """
    try:
        whole = base64.b64decode(leaf.partition(b"-----\n")[2].partition(b"-----END")[0])
        start, _ = _content(whole, 0)
        body = whole[start : _content(whole, start)[1]]
    except (ValueError, IndexError):
        return None
    signature = whole[-SIGNATURE_SIZE:]
    return next((key for key in candidates if keys.verify(key, body, signature)), None)


def _content(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of what begins at `at` begins and ends (X.690, 8.1.3)."""
    length, start = der[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length, start = int.from_bytes(der[start : start + size]), start + size
    return start, start + length


def pem(certificate: bytes) -> bytes:
    """DER to PEM."""
    text = base64.b64encode(certificate)
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return b"\n".join((b"-----BEGIN CERTIFICATE-----", *lines, b"-----END CERTIFICATE-----", b""))


def _ca_builder(public: ed25519.Ed25519PublicKey) -> x509.CertificateBuilder:
    serial = int.from_bytes(tagged_hash("certificate serial", _raw(public))[:16], "big") >> 1
    return (
        x509.CertificateBuilder()
        .subject_name(_ca_name(public))
        .issuer_name(_ca_name(public))
        .public_key(public)
        .serial_number(serial)
        .not_valid_before(_CA_FROM)
        .not_valid_after(_CA_UNTIL)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _ca_form(public: bytes) -> tuple[bytes, bytes]:
    """All but the signature of the one certificate that `public` can have; and its body."""
    try:
        key = ed25519.Ed25519PublicKey.from_public_bytes(public)
    except ValueError:
        raise CertificateError(f"not an Ed25519 public key: {public.hex()}") from None
    # The builder hands out a certificate only when signed; by whom, the form does not show.
    anyone = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(keys.SEED_SIZE))
    certificate = _ca_builder(key).sign(anyone, None)
    return _der(certificate)[:-SIGNATURE_SIZE], certificate.tbs_certificate_bytes


def _ca_name(public: ed25519.Ed25519PublicKey) -> x509.Name:
    # Distinct names let a TLS library find the right one of many roots at once.
    return _name(_ca_common_name(_raw(public)))


def _ca_common_name(public: bytes) -> str:
    return f"quorate {hashlib.sha256(public).hexdigest()[:40]}"


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def _raw(public: ed25519.Ed25519PublicKey) -> bytes:
    return public.public_bytes_raw()
