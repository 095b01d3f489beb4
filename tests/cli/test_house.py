"""`quorate prune`, `backup`, `restore`: at nodes that run and at nodes that do not."""

import resource
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from node.cli import exits
from tests.cli.conftest import Decided
from tests.harness.command import Command
from tests.harness.real_nodes import QUORATE, ROOT, RealNode, RealSwarm, told
from tests.harness.real_nodes import quorate as in_a_process


@pytest.fixture
def home(decided: Decided, tmp_path: Path) -> Path:
    """A copy of alice's directory, whose node has stopped."""
    shutil.copytree(decided.home, tmp_path / "alice")
    return tmp_path / "alice"


@pytest.mark.parametrize("age", ["30", "d", "-1d", "1.5d", "30 days", "99999999d"])
def test_what_is_no_age_is_said_with_one_that_is(quorate: Command, home: Path, age: str) -> None:
    ran = quorate("prune", home, f"--older-than={age}")
    assert (ran.code, ran.out) == (exits.UNUSABLE, "")
    assert ran.err.startswith(f"quorate: --older-than {age!r} is no age")
    assert ran.err.count("\n") == 1


def test_a_node_that_keeps_for_ever_has_to_be_told_how_old(quorate: Command, home: Path) -> None:
    ran = quorate("prune", home)
    assert ran.code == exits.UNUSABLE
    assert "alice keeps verdicts for ever (keep.days = 0)" in ran.err


def test_where_there_is_no_store_none_is_made(quorate: Command, home: Path) -> None:
    shutil.rmtree(home / "store")
    ran = quorate("prune", home, "--older-than", "1d")
    assert ran.code == exits.UNUSABLE
    assert "there is no store at" in ran.err
    assert not (home / "store").exists()


def test_verdicts_whose_tasks_can_be_played_again_are_held_back(
    quorate: Command, home: Path
) -> None:
    ran = quorate("prune", home, "--older-than", "0s")
    assert ran.code == exits.OK
    assert ran.out.startswith("Pruned 0 verdicts of 0.0 MiB: ")
    assert ran.err.startswith("2 more are old enough, but their tasks' not-after has not passed")
    dry = quorate("prune", home, "--older-than", "0s", "--dry-run", "--json").data
    assert (dry["verdicts"], dry["held_back"], dry["dry_run"]) == (0, 2, True)
    assert quorate("prune", home, "--older-than", "1d", "--json").data["held_back"] == 0
    assert len(quorate("verdict", "list", home, "--json").data) == 2


def test_a_backup_of_a_stopped_node_is_restored_to_the_same_verdicts(
    quorate: Command, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "backups").mkdir()
    made = quorate("backup", home, "--to", tmp_path / "backups", "--with-identity", "--json")
    assert made.code == exits.OK, made.err
    file = Path(made.data["file"])
    assert (file.parent, file.suffix) == (tmp_path / "backups", ".tar")
    back = quorate("restore", file, "--to", tmp_path / "again")
    assert back.code == exits.OK, back.err
    assert "It follows tasks opened before its start without a vote" in back.err
    before, after = (
        quorate("verdict", "list", where, "--json").data for where in (home, tmp_path / "again")
    )
    assert before == after
    found = {item["name"]: item for item in quorate("doctor", tmp_path / "again", "--json").data}
    assert found["memory"]["level"] == "warn"
    assert "rule A13" in found["memory"]["todo"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("backup", "TMP/none", "--to", "TMP/a.tar"), "is missing: name the node's directory"),
        (("backup", "HOME", "--to", "HOME/quorate.toml"), "no backup is overwritten"),
        (("restore", "TMP/none.tar", "--to", "TMP/again"), "there is no backup at"),
        (("restore", "HOME/quorate.toml", "--to", "TMP/again"), "is no backup of `quorate backup`"),
    ],
)
def test_what_cannot_be_backed_up_or_restored_is_one_line(
    quorate: Command, home: Path, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    made = [part.replace("HOME", str(home)).replace("TMP", str(tmp_path)) for part in arguments]
    ran = quorate(*made)
    assert (ran.code, ran.out) == (exits.UNUSABLE, "")
    assert ran.err.count("\n") == 1
    assert said in ran.err


@pytest.fixture
def alice(tmp_path: Path) -> "RealNode":
    """The only member of a federation, and her node runs."""
    swarm = RealSwarm(tmp_path, {"alice": {"line": {"answer": "a"}}})
    swarm["alice"].start()
    swarm["alice"].ready()
    return swarm["alice"]


QUESTION = ("Alone?", "--options", "a,b", "--policy", "rounds=1", "--json")


def test_a_running_node_is_backed_up_pruned_and_ended_by_a_full_disk(
    alice: RealNode, tmp_path: Path
) -> None:
    try:
        first = told(in_a_process("ask", alice.home, *QUESTION))
        swept = told(in_a_process("prune", alice.home, "--older-than", "0s", "--json"))
        assert (swept["verdicts"], swept["held_back"]) == (0, 1)
        made = told(in_a_process("backup", alice.home, "--to", tmp_path / "a.tar", "--json"))
        assert made["size"] > 0
        assert told(in_a_process("status", alice.home, "--json"))["disk"]["limit"] == 0
        again = told(in_a_process("restore", tmp_path / "a.tar", "--to", tmp_path / "b", "--json"))
        assert Path(again["store"]).exists()

        # No file of the node grows any more: what a full disk does to it, without one.
        size = alice.config.store.stat().st_size
        process = alice.serving.process
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, size))
        asked = in_a_process("ask", alice.home, *QUESTION, "--timeout", "20")
        assert asked.code != exits.OK
        ended = alice.serving.end()
        assert ended.code == exits.NEGATIVE, ended.err
        assert "alice stopped: the store" in ended.err
        assert "disk" in ended.err
        assert alice.logged("storage failed; this node signs nothing more")
        alice.start()
        alice.ready()
        assert told(in_a_process("verdict", "show", alice.home, first["task"], "--json"))
        assert told(in_a_process("ask", alice.home, *QUESTION))["answer"] == "a"
        assert told(in_a_process("status", alice.home, "--json"))["database_matches"] is True
    finally:
        if alice.running:
            alice.kill()


def test_a_killed_backup_leaves_node_and_place_whole(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.tar"
    process = subprocess.Popen(
        [*QUORATE, "backup", str(home), "--to", str(target)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and not list(tmp_path.glob(".a.tar.*.partial")):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    whole = target.exists()
    made = in_a_process("backup", home, "--to", target.with_name("b.tar"), "--json")
    assert made.code == exits.OK, made.err
    if not whole:
        assert in_a_process("backup", home, "--to", target).code == exits.OK
    assert told(in_a_process("restore", target, "--to", tmp_path / "again", "--json"))
    assert not list(tmp_path.glob(".*.partial"))
