"""The image is built and its containers run: by podman as the compose file says, and by buildah."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.harness import containers
from tests.harness.containers import Engine

pytestmark = pytest.mark.system

NODES = tuple(f"node{number}" for number in range(1, 6))
USER = "10001"
COMPOSE = ("podman-compose", "-f", "deploy/compose.yaml")
QUESTION = ("What is the capital of Portugal?", "--options", "Lisbon,Porto")

PATIENCE_S = 120.0
"""Seconds for nodes to find each other: far more than they take."""

INSIDE = """
import os, pathlib
status = dict(
    line.split(":", 1) for line in pathlib.Path("/proc/1/status").read_text().splitlines()
)
for name in ("Uid", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp"):
    print(name, *status[name].split())
for place in ("/", "/etc", "/opt/quorate", "/etc/quorate", "/tmp", "/node"):
    try:
        pathlib.Path(place, "probe").write_text("x")
    except OSError as error:
        print(place, os.strerror(error.errno))
    else:
        print(place, "written")
"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine that has the image."""
    if lacking := containers.missing():
        pytest.skip(lacking)
    with Engine(tmp_path_factory.mktemp("engine")) as made:
        made.build()
        yield made


def compose(engine: Engine, *words: str) -> str:
    return engine.run(*COMPOSE, *words)


def inspected(engine: Engine, node: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = json.loads(engine.run("podman", "inspect", f"quorate_{node}_1"))
    return found[0]


def wait_for_links(engine: Engine, *status: str, peers: int) -> None:
    """Ask a node for its status until it has links with all others."""
    until = monotonic() + PATIENCE_S
    while True:
        said = engine.run(*status, code=None)
        if said and sum(peer["up"] for peer in json.loads(said)["peers"]) == peers:
            return
        assert monotonic() < until, said


def verified_here(verdict: Path, federation: Path) -> str:
    """What this machine's own command says of a verdict; it must hold."""
    ran = subprocess.run(
        [sys.executable, "-m", "node.cli.main", "verify", verdict, "--federation", federation],
        cwd=containers.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_five_nodes_of_the_compose_file_decide_and_stop_and_come_back(
    engine: Engine, tmp_path: Path
) -> None:
    engine.run("deploy/five-nodes.sh", "podman-compose")
    public = engine.context / "deploy/five"
    assert {path.name for path in public.iterdir()} == {
        "federation.toml",
        *(f"{node}.card" for node in NODES),
    }
    compose(engine, "up", "-d")
    status = (*COMPOSE, "exec", "-T", "node1", "quorate", "status", "/node", "--json")
    wait_for_links(engine, *status, peers=4)

    ask = ("exec", "-T", "node1", "quorate", "ask", "/node", *QUESTION, "--json")
    decided = json.loads(compose(engine, *ask))["verdict"]
    verdict = tmp_path / "verdict.json"
    script = "quorate verdict export /node --to /tmp/verdict.json >&2; cat /tmp/verdict.json"
    verdict.write_text(compose(engine, "exec", "-T", "node2", "sh", "-ec", script))
    assert "Lisbon" in verified_here(verdict, public / "federation.toml")

    for node in NODES:
        shell = ("podman", "exec", f"quorate_{node}_1", "/opt/quorate/bin/python")
        inside = engine.run(*shell, "-c", INSIDE)
        assert inside.splitlines() == [
            f"Uid {USER} {USER} {USER} {USER}",
            "CapEff 0000000000000000",
            "CapBnd 0000000000000000",
            "NoNewPrivs 1",
            "Seccomp 2",
            "/ Read-only file system",
            "/etc Read-only file system",
            "/opt/quorate Read-only file system",
            "/etc/quorate Read-only file system",
            "/tmp written",
            "/node written",
        ]
        engine.run("podman", "healthcheck", "run", f"quorate_{node}_1")
        assert not any(inspected(engine, node)["HostConfig"]["PortBindings"].values())

    compose(engine, "stop")
    for node in NODES:
        state = inspected(engine, node)["State"]
        assert (state["Status"], state["ExitCode"]) == ("exited", 0), node
        log = engine.run("podman", "logs", f"quorate_{node}_1")
        assert "Traceback" not in log

    compose(engine, "start")
    wait_for_links(engine, *status, peers=4)
    said = compose(engine, "exec", "-T", "node5", "quorate", "verdict", "list", "/node", "--json")
    (kept,) = json.loads(said)
    assert kept["verdict"] == decided
    compose(engine, "down", "-v")


def test_the_health_check_notices_that_no_node_serves(engine: Engine) -> None:
    config = json.loads(engine.run("buildah", "inspect", "--type", "image", "localhost/quorate"))
    check = config["Docker"]["config"]["Healthcheck"]["Test"]
    assert check[0] == "CMD"
    engine.run("podman", "run", "--rm", "--entrypoint", check[1], "quorate", *check[2:], code=2)


def test_the_image_holds_no_way_to_install_and_nothing_of_its_making(engine: Engine) -> None:
    script = """
import importlib.util, pathlib, sys
assert importlib.util.find_spec("pip") is None
assert not pathlib.Path("/src").exists() and not pathlib.Path("/tools").exists()
found = [path for path in pathlib.Path("/opt/quorate").rglob("*") if path.suffix == ".py"]
bare = [p for p in found if not pathlib.Path(importlib.util.cache_from_source(p)).exists()]
print(len(found) > 1_000, bare)
"""
    python = "/opt/quorate/bin/python"
    said = engine.run("podman", "run", "--rm", "--entrypoint", python, "quorate", "-c", script)
    assert said == "True []\n"


def test_two_nodes_in_buildahs_chroots_decide(engine: Engine, tmp_path: Path) -> None:
    ports = {"alice": 7401, "bob": 7402}  # the loopback is the engine's own
    roots = {}
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o777)
    shared.chmod(0o777)

    def command(name: str, *words: str) -> tuple[str, ...]:
        run = ("buildah", "run", "--isolation", "chroot", "--volume", f"{shared}:/shared")
        return (*run, roots[name], "quorate", *words)

    for name, port in ports.items():
        roots[name] = engine.run("buildah", "from", "--name", name, "localhost/quorate").strip()
        option = ("--option", "family=oak", "--option", "line.answer=Lisbon")
        where = ("--name", name, "--listen", f"127.0.0.1:{port}")
        model = ("--family", "oak", "--model", "scripted", *option)
        file = ("--federation", "/shared/federation.toml")
        engine.run(*command(name, "init", "/shared/" + name, *where, *model, *file))
    keep = ("federation", "create", "/shared/federation.toml", "--name", "two")
    engine.run(*command("alice", *keep))
    cards = [f"/shared/{name}/{name}.card" for name in ports]
    engine.run(*command("bob", "federation", "add", "/shared/federation.toml", *cards))

    running = {}
    for name in ports:
        running[name] = engine.start(*command(name, "serve", f"/shared/{name}"))
        assert re.fullmatch(f"{name} is ready at .*\n", running[name].stdout.readline())
    status = command("alice", "status", "/shared/alice", "--json")
    wait_for_links(engine, *status, peers=1)
    engine.run(*command("bob", "ask", "/shared/bob", *QUESTION))
    export = ("verdict", "export", "/shared/alice", "--to", "/shared/verdict.json")
    engine.run(*command("alice", *export))
    verified_here(shared / "verdict.json", shared / "federation.toml")
    assert {path.stat().st_uid for path in shared.iterdir()} == {int(USER)}
    for name, process in running.items():
        # buildah hands no signal on, so it goes to the node itself.
        node = engine.run("pgrep", "-f", f"quorate serve /shared/{name}$").split()[-1]
        engine.run("kill", f"-{signal.SIGTERM.value}", node)
        out, err = process.communicate(timeout=containers.RUN_S)
        assert process.returncode == 0, out + err
        assert "Traceback" not in err
