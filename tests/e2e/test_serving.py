"""A node as a process: ready, private, stopped in order, ended by a disk that fails."""

import os
import resource
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.cli import exits
from node.config import control_socket
from node.wire.priority import NICE
from tests.harness.real_nodes import RealNode, RealSwarm, quorate, told

ASK = ("Alone?", "--options", "a,b", "--json")


@pytest.fixture
def alice(tmp_path: Path) -> Iterator[RealNode]:
    """A federation of one, not started yet."""
    with RealSwarm(tmp_path, {"alice": {"line": {"answer": "a"}}}) as swarm:
        yield swarm["alice"]


def test_a_ready_node_says_so_in_one_line_and_keeps_everything_private(alice: RealNode) -> None:
    alice.start()
    alice.ready()
    assert alice.serving.out == [f"alice is ready at {alice.config.listen}"]
    made = [alice.config.store, control_socket(alice.config), *alice.config.store.parent.iterdir()]
    for path in made:
        assert path.stat().st_mode & 0o077 == 0, path
    stopped = alice.stop()
    assert stopped.code == exits.OK, stopped.err
    assert not control_socket(alice.config).exists()


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priorities of their own")
def test_what_reads_the_network_yields_to_what_works(alice: RealNode) -> None:
    """grpc's threads meet every flood first, before anything of ours can count it (T3)."""
    alice.start()
    alice.ready()
    process = alice.serving.process.pid
    nice: dict[str, set[int]] = {}
    for thread in Path(f"/proc/{process}/task").iterdir():
        name = (thread / "comm").read_text().strip()
        at = os.getpriority(os.PRIO_PROCESS, int(thread.name))
        nice.setdefault("main" if int(thread.name) == process else name, set()).add(at)
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    assert nice["main"] == {usual}
    assert nice["event_engine"] == {min(19, usual + NICE)} == nice["lifeguard"]


def test_a_second_daemon_on_one_store_is_refused_and_the_first_goes_on(alice: RealNode) -> None:
    alice.start()
    alice.ready()
    second = quorate("serve", alice.home)
    assert (second.code, second.out) == (exits.UNUSABLE, "")
    assert second.err.startswith("quorate: ")
    assert f"is in use by process {alice.serving.process.pid}" in second.err
    assert told(quorate("ask", alice.home, *ASK))["answer"] == "a"


def test_a_killed_node_starts_again_where_its_socket_was_left_behind(alice: RealNode) -> None:
    alice.start()
    alice.ready()
    first = told(quorate("ask", alice.home, *ASK))["verdict"]
    alice.kill()
    assert control_socket(alice.config).exists()
    alice.start()
    alice.ready()
    second = told(quorate("ask", alice.home, *ASK))["verdict"]
    listed = told(quorate("verdict", "list", alice.home, "--json"))
    assert [entry["verdict"] for entry in listed] == [second, first]


def test_a_disk_that_fails_ends_the_node_before_it_signs_anything(alice: RealNode) -> None:
    alice.start()
    alice.ready()
    # Nothing may grow any more: the next commit's write fails.
    resource.prlimit(alice.serving.process.pid, resource.RLIMIT_FSIZE, (1, 1))
    asked = quorate("ask", alice.home, *ASK)
    assert asked.code != exits.OK
    ended = alice.serving.end()
    assert ended.code == exits.NEGATIVE
    assert "storage failed; this node signs nothing more" in ended.err
    line = ended.err.splitlines()[-1]
    assert line.startswith("quorate: alice stopped: the store ")
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_what_is_under_way_may_finish_when_a_node_is_stopped(
    orchard: RealSwarm, number: signal.Signals
) -> None:
    dave = orchard["dave"]
    opened = await orchard["bob"].ask("who stops?", orchard.nodes.values(), rounds=1)
    async for event in dave.events(opened):
        if event.kind == "accepted" and event.detail["member"] == dave.me.public.hex():
            break
    dave.serving.process.send_signal(number)
    decided = await orchard["bob"].decided(opened)
    ended = dave.serving.end()
    assert ended.code == exits.OK, ended.err
    listed = told(quorate("verdict", "list", dave.home, "--json"))
    assert listed[0]["verdict"] == decided.detail["verdict"]


async def test_a_second_signal_ends_a_node_that_waits_for_a_task(orchard: RealSwarm) -> None:
    alice, late = orchard["alice"], (orchard["carol"], orchard["dave"])
    for node in late:  # two of four decide nothing: alice would wait
        node.freeze()
    opened = await alice.ask("who waits?", orchard.nodes.values(), rounds=1)
    alice.serving.process.send_signal(signal.SIGINT)
    alice.serving.until(lambda: bool(alice.logged("stopping")))
    alice.serving.process.send_signal(signal.SIGINT)
    ended = alice.serving.end()
    assert ended.code == exits.OK, ended.err
    for node in late:
        node.thaw()
    await orchard["bob"].decided(opened)
