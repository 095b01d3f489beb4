"""`quorate doctor --ask`: each provider asked once, and what fails is named."""

import asyncio
import datetime
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from node import config_text
from node.cli import exits
from node.config import CONFIG_FILE, ModelConfig
from node.models.llm import trial
from tests.harness.command import Command
from tests.harness.federations import free_address
from tests.harness.llm_server import LlmServer
from tests.harness.real_nodes import RealNode, RealSwarm

NOWHERE = "no-such-host.invalid"


@pytest.fixture(scope="module")
def server() -> Iterator[LlmServer]:
    with LlmServer() as running:
        yield running


@pytest.fixture
def alice(tmp_path: Path) -> RealNode:
    """The only member of a federation; she has not been started."""
    return RealSwarm(tmp_path, {"alice": {}})["alice"]


def served(alice: RealNode, *deployments: dict[str, Any], **more: Any) -> RealNode:
    """Alice with a language model that is served there."""
    options = {"family": "alice's", "deployments": list(deployments), **more}
    model = ModelConfig(backend="litellm", options=options)
    changed = msgspec.structs.replace(alice.config, model=model)
    (alice.home / CONFIG_FILE).write_text(config_text.render(changed))
    return alice


def asked(quorate: Command, alice: RealNode) -> tuple[int, list[dict[str, str]]]:
    """Exit code, and what is said of providers."""
    ran = quorate("doctor", alice.home, "--ask", "--json")
    return ran.code, [check for check in ran.data if check["name"] == "provider"]


def test_providers_are_asked_by_those_who_say_so_alone(
    quorate: Command, alice: RealNode, server: LlmServer
) -> None:
    served(alice, server.deployment("openai"), server.deployment("ollama", who="bob"))
    before = len(server.requests)
    assert quorate("doctor", alice.home).code == exits.OK
    assert len(server.requests) == before
    code, checks = asked(quorate, alice)
    assert (code, [check["level"] for check in checks]) == (exits.OK, ["ok", "ok"])
    assert len(server.requests) == before + 2  # each once, none on another's behalf
    assert "openai toy-1 answers in " in checks[0]["text"]
    assert " tokens, 0.000" in checks[0]["text"]
    assert not (alice.home / "spending.json").exists()


HOW = {
    "locked": "authentication failed",
    "missing": "no such model",
    "limited": "rate limited",
    "badjson": "no JSON",
    "mumble": "form not kept",
    "broken": "server error",
    "closed": "unreachable",
    "truncated": "reply truncated",
}


@pytest.mark.parametrize("shape", ["openai", "vllm", "ollama"])
def test_what_a_provider_does_amiss_is_named_and_the_next_is_asked_all_the_same(
    quorate: Command, alice: RealNode, server: LlmServer, shape: str
) -> None:
    served(alice, *(server.deployment(shape, how) for how in HOW), server.deployment(shape))
    code, checks = asked(quorate, alice)
    assert code == exits.NEGATIVE
    *failed, well = checks
    said = [check["text"].split(": ")[1] for check in failed]
    assert said == list(HOW.values())
    assert [check["level"] for check in failed] == ["fail"] * len(HOW)
    assert all(check["todo"] for check in failed)
    assert well["level"] == "ok"


@contextmanager
def untrusted(home: Path) -> Iterator[str]:
    """A TLS server on loopback whose certificate nobody has signed; its address."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    day = datetime.timedelta(days=1)
    begin = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, begin + 9_999 * day)
    certificate = made.sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    path = home / "server.pem"
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    up, port = threading.Event(), 0

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def serve() -> None:
        nonlocal port, loop, stop
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        loop.set_exception_handler(lambda *_: None)  # clients that break off
        async with await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=context) as listening:
            port = listening.sockets[0].getsockname()[1]
            up.set()
            await stop.wait()

    loop: asyncio.AbstractEventLoop
    stop: asyncio.Event
    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert up.wait(30)
    yield f"https://127.0.0.1:{port}/v1"
    loop.call_soon_threadsafe(stop.set)
    thread.join(30)


@pytest.mark.parametrize("shape", ["openai", "vllm", "ollama"])
def test_whether_names_ports_or_tls_keep_a_provider_away_is_told_apart(
    quorate: Command,
    alice: RealNode,
    server: LlmServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shape: str,
) -> None:
    plain = socket.getaddrinfo

    def resolve(host: Any, *rest: Any, **more: Any) -> Any:
        if host in (NOWHERE, NOWHERE.encode()):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return plain(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with untrusted(tmp_path) as tls:
        bases = [f"http://{NOWHERE}/v1", f"http://{free_address()}/v1", tls]
        served(alice, *({**server.deployment(shape), "api_base": base} for base in bases))
        code, checks = asked(quorate, alice)
    assert code == exits.NEGATIVE
    assert [check["text"].split(": ")[1] for check in checks] == [
        *("name not found", "connection refused", "no TLS")
    ]


# litellm makes some coroutines before it awaits them, and one that is cancelled in between says
# so when it is collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_a_provider_that_never_answers_is_given_up(
    quorate: Command, alice: RealNode, server: LlmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "TRY_S", 0.5)
    served(alice, server.deployment("openai", "slow"))
    code, (check,) = asked(quorate, alice)
    assert code == exits.NEGATIVE
    assert ": the model gave no answer in time: " in check["text"]


def test_a_model_without_a_provider_is_its_own_check(quorate: Command, alice: RealNode) -> None:
    code, (check,) = asked(quorate, alice)
    assert (code, check["level"]) == (exits.OK, "ok")
    assert check["text"] == "scripted has none: it is part of the node"
