"""Mutual TLS on loopback: who gets in, who does not, and what both are told (rule T1)."""

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from grpc_health.v1 import health_pb2, health_pb2_grpc

from node import certificates
from node.certificates import LEAF_LIFE, Leaf
from node.clock import SystemClock
from node.federation import FederationMember
from node.identity import Identity
from node.wire import tls
from node.wire.client import PeerClient, PeerError, connect
from node.wire.frames import FetchRequest, LinkCode, LinkRefusal
from node.wire.limits import Limits
from tests.harness.federations import entry, free_address, person
from tests.harness.meshes import Orchard, ShiftedClock

ASK = FetchRequest(task=bytes(32), round=1)
DAY_MS = 86_400_000


def now() -> datetime:
    return datetime.now(UTC)


async def asked(client: PeerClient) -> LinkRefusal | None:
    """What a fetch comes to: None if the caller was let in, or why not."""
    async with client:
        try:
            async for _ in client.fetch(ASK):
                pass
        except PeerError as error:
            return error.reason
    return None


def key_pem(key: Any) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def leaf_of(
    issuer: Any,
    issuer_name: x509.Name,
    *,
    key: Any = None,
    names: str = "",
    authority: bool = False,
    padding: int = 0,
) -> Leaf:
    """A certificate that any tool could make with an issuer's key; `padding` bytes longer."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hand-made")]))
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - timedelta(hours=1))
        .not_valid_after(now() + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(names)]), critical=False
        )
    if padding:
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.1"), bytes(padding))
        builder = builder.add_extension(unknown, critical=False)
    hashed = None if isinstance(issuer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return Leaf(
        key=key_pem(key),
        certificate=builder.sign(issuer, hashed).public_bytes(serialization.Encoding.PEM),
        not_after=now(),
    )


def secret_of(one: Identity) -> ed25519.Ed25519PrivateKey:
    """The identity's key, read from its file as its owner could."""
    key = serialization.load_pem_private_key((one.directory / "identity.key").read_bytes(), None)
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    return key


def subject(member: FederationMember) -> x509.Name:
    return x509.load_der_x509_certificate(member.certificate).subject


async def test_a_member_is_let_in_and_known_by_its_key(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        await orchard.start("alice")
        leaf = orchard.people["bob"].leaf(now())
        assert await asked(connect(leaf, orchard.federation.find("alice"), Limits())) is None
        ((caller, _),) = orchard.heard["alice"].fetches
        assert caller == orchard.key("bob")


async def test_a_stranger_is_not_let_in_and_told_where_to_look(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        await orchard.start("alice")
        leaf = person(tmp_path, "mallory").leaf(now())
        refusal = await asked(connect(leaf, orchard.federation.find("alice"), Limits()))
        assert refusal is not None
        assert refusal.code == "certificate"
        assert "its federation file may lack this node's key" in refusal.text
        assert orchard.heard["alice"].fetches == []


@pytest.mark.parametrize("days", [-30, 30], ids=["expired", "not yet valid"])
async def test_a_leaf_out_of_its_time_is_not_let_in(tmp_path: Path, days: int) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        await orchard.start("alice")
        leaf = orchard.people["bob"].leaf(now() + timedelta(days=days))
        refusal = await asked(connect(leaf, orchard.federation.find("alice"), Limits()))
        assert refusal is not None
        assert refusal.code == "certificate"


@pytest.mark.parametrize(
    ("days", "problem"),
    [(-30, "has expired; check the wall clocks"), (30, "is not yet valid; check the wall clocks")],
)
async def test_a_server_whose_clock_is_days_off_is_refused_by_name(
    tmp_path: Path, days: int, problem: str
) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        await orchard.start("alice", clock=ShiftedClock(days * DAY_MS))
        leaf = orchard.people["bob"].leaf(now())
        refusal = await asked(connect(leaf, orchard.federation.find("alice"), Limits()))
        assert refusal is not None
        assert refusal.code == "certificate"
        assert "the certificate of alice at 127." in refusal.text
        assert problem in refusal.text


async def test_another_member_at_the_address_is_refused_by_name(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob", "carol") as orchard:
        await orchard.start("alice")
        moved = replace(orchard.federation.find("carol"), address=orchard.address("alice"))
        refusal = await asked(connect(orchard.people["bob"].leaf(now()), moved, Limits()))
        assert refusal == LinkRefusal(
            code=LinkCode.CERTIFICATE,
            text=f"the node at {moved.address} is not carol: its certificate comes from "
            "another identity",
        )


async def test_a_leaf_that_names_another_member_is_still_its_issuers(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob", "mallory") as orchard:
        await orchard.start("alice")
        mallory = orchard.people["mallory"]
        forged = leaf_of(
            secret_of(mallory),
            subject(orchard.federation.find("mallory")),
            names=certificates.server_name(orchard.key("bob")),
        )
        assert await asked(connect(forged, orchard.federation.find("alice"), Limits())) is None
        ((caller, _),) = orchard.heard["alice"].fetches
        assert caller == mallory.public


async def test_a_leaf_signed_by_one_member_in_the_name_of_another_is_not_let_in(
    tmp_path: Path,
) -> None:
    async with Orchard(tmp_path, "alice", "bob", "mallory") as orchard:
        await orchard.start("alice")
        forged = leaf_of(
            secret_of(orchard.people["mallory"]), subject(orchard.federation.find("bob"))
        )
        refusal = await asked(connect(forged, orchard.federation.find("alice"), Limits()))
        assert refusal is not None
        assert refusal.code == "certificate"


async def test_a_leaf_issued_through_an_intermediate_is_not_let_in(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "mallory") as orchard:
        await orchard.start("alice")
        mallory = orchard.people["mallory"]
        between_key = ec.generate_private_key(ec.SECP256R1())
        between = leaf_of(
            secret_of(mallory),
            subject(orchard.federation.find("mallory")),
            key=between_key,
            authority=True,
        )
        name = x509.load_pem_x509_certificate(between.certificate).subject
        last = leaf_of(between_key, name)
        chain = replace(last, certificate=last.certificate + between.certificate)
        refusal = await asked(connect(chain, orchard.federation.find("alice"), Limits()))
        assert refusal is not None
        assert refusal.code == "certificate"
        # Were TLS to let the chain pass, its leaf would still be nobody's.
        auth = {"x509_pem_cert": [last.certificate], "ssl_tls_version": [tls.TLS_VERSION]}
        who = tls.identify(auth, [mallory.public], now())
        assert who == LinkRefusal(
            code=LinkCode.NOT_A_MEMBER,
            text="no member of this node's federation file issued the certificate itself",
        )


async def test_an_ed25519_leaf_cannot_shake_hands(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        await orchard.start("alice")
        leaf = leaf_of(
            secret_of(orchard.people["bob"]),
            subject(orchard.federation.find("bob")),
            key=ed25519.Ed25519PrivateKey.generate(),
        )
        refusal = await asked(connect(leaf, orchard.federation.find("alice"), Limits()))
        assert refusal is not None
        assert refusal.code == "certificate"


async def test_tls_1_3_is_spoken_and_1_2_is_not_on_either_side(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.harness.old_tls", str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    lines = [line for line in output.decode().splitlines() if line.startswith("a ")]
    assert "closed the connection before a word was said" in lines[0]
    assert lines[1:] == [
        "a server of TLSv1_3: ['TLSv1.3']",
        "a client of TLSv1_2: refused",
        "a client of TLSv1_3: served",
        "a guest of TLSv1_2: refused",
        "a guest of TLSv1_3: served",
    ]


async def test_a_client_without_a_certificate_gets_nothing(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        await orchard.start("alice")
        alice = orchard.federation.find("alice")
        root = certificates.pem(alice.certificate)
        async with grpc.aio.secure_channel(
            alice.address,
            grpc.ssl_channel_credentials(root),
            options=tls.channel_options(alice, Limits(), receive=1_000),
        ) as channel:
            refusal = await asked(PeerClient(channel, alice, Limits()))
        assert refusal is not None
        assert refusal.code == "certificate"


def test_an_older_tls_is_refused_whatever_let_it_in(tmp_path: Path) -> None:
    alice = person(tmp_path, "alice")
    auth = {"x509_pem_cert": [alice.leaf(now()).certificate], "ssl_tls_version": [b"TLSv1.2"]}
    who = tls.identify(auth, [alice.public], now())
    assert who == LinkRefusal(code=LinkCode.OLD_TLS, text="TLSv1.2 is spoken; TLS 1.3 is needed")
    auth["ssl_tls_version"] = [b"TLSv1.3"]
    assert tls.identify(auth, [alice.public], now()) == alice.public


def test_a_connection_without_a_certificate_is_nobody(tmp_path: Path) -> None:
    alice = person(tmp_path, "alice")
    who = tls.identify({"ssl_tls_version": [b"TLSv1.3"]}, [alice.public], now())
    assert isinstance(who, LinkRefusal)
    assert who.code == "not_a_member"


def test_a_leaf_is_kept_for_half_its_life_and_then_made_anew(tmp_path: Path) -> None:
    half_ms = LEAF_LIFE // timedelta(milliseconds=1) // 2
    clock = ShiftedClock(0)
    leaves = tls.Leaves(person(tmp_path, "alice"), clock)
    first = leaves.current()
    clock.shift_ms = half_ms - 60_000
    assert leaves.current() is first
    clock.shift_ms = half_ms + 60_000
    second = leaves.current()
    assert second is not first
    clock.shift_ms = -60_000  # set back: a leaf from the future is of no use to anyone
    assert leaves.current() is not second


async def test_a_node_that_runs_for_weeks_shows_leaves_that_are_valid(tmp_path: Path) -> None:
    clock = ShiftedClock(-30 * DAY_MS)
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        await orchard.start("alice", clock=clock)
        clock.shift_ms = 0
        leaf = orchard.people["bob"].leaf(now())
        assert await asked(connect(leaf, orchard.federation.find("alice"), Limits())) is None


async def test_health_is_served_to_members_on_the_same_port(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        await orchard.start("alice")
        leaf = orchard.people["bob"].leaf(now())
        async with connect(leaf, orchard.federation.find("alice"), Limits()) as client:
            stub = health_pb2_grpc.HealthStub(client.channel)
            for service in ("", "quorate.v1.Peer"):
                answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
                assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_reflection_lists_the_services_on_the_same_port(tmp_path: Path) -> None:
    from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

    async with Orchard(tmp_path, "alice", "bob") as orchard:
        await orchard.start("alice")
        leaf = orchard.people["bob"].leaf(now())
        async with connect(leaf, orchard.federation.find("alice"), Limits()) as client:
            stub = reflection_pb2_grpc.ServerReflectionStub(client.channel)

            def questions() -> Iterator[Any]:
                yield reflection_pb2.ServerReflectionRequest(list_services="")
                yield reflection_pb2.ServerReflectionRequest(
                    file_containing_symbol="quorate.v1.Peer"
                )

            listed, described = [one async for one in stub.ServerReflectionInfo(questions())]
            assert [one.name for one in listed.list_services_response.service] == [
                "grpc.health.v1.Health",
                "grpc.reflection.v1alpha.ServerReflection",
                "quorate.v1.Peer",
            ]
            assert described.file_descriptor_response.file_descriptor_proto


async def test_nobody_listening_and_no_such_host_are_told_apart(tmp_path: Path) -> None:
    alice = person(tmp_path, "alice")
    leaf = person(tmp_path, "bob").leaf(now())
    silent = entry(alice, address=free_address())
    refusal = await asked(connect(leaf, silent, Limits()))
    assert refusal == LinkRefusal(
        code=LinkCode.UNREACHABLE, text=f"nothing listens at {silent.address} (alice)"
    )


@pytest.mark.parametrize(
    ("details", "code", "text"),
    [
        (
            "errors resolving a.invalid:1: [field:hostname lookup error: Domain name not found]",
            LinkCode.UNREACHABLE,
            "the address 127.0.0.1:1 of alice cannot be resolved",
        ),
        (
            "DNS resolution failed for a.invalid:1: C-ares status is not ARES_SUCCESS",
            LinkCode.UNREACHABLE,
            "the address 127.0.0.1:1 of alice cannot be resolved",
        ),
        (
            "failed to connect to all addresses; last error: UNKNOWN: no route to host",
            LinkCode.UNREACHABLE,
            "alice cannot be reached at 127.0.0.1:1",
        ),
        (
            "CLIENT: Received message larger than max (9 vs. 8)",
            LinkCode.FRAME_TOO_LARGE,
            "a message between us and alice was over the transport's bound",
        ),
        ("busy: wait", LinkCode.BUSY, "wait"),
        ("Socket closed", LinkCode.LOST, "alice at 127.0.0.1:1: Socket closed"),
    ],
)
def test_what_grpc_says_is_put_in_words_for_people(
    tmp_path: Path, details: str, code: LinkCode, text: str
) -> None:
    alice = entry(person(tmp_path, "alice"), address="127.0.0.1:1")
    error = grpc.aio.AioRpcError(
        grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), details=details
    )
    assert tls.explain(error, alice) == LinkRefusal(code=code, text=text)


def test_the_wall_clock_is_read_in_utc() -> None:
    shown = tls.wall(SystemClock())
    assert shown.tzinfo is UTC
