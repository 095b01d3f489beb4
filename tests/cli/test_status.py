"""`quorate status`: a running node in words; what runs is seen in `tests/e2e`."""

from pathlib import Path
from typing import Any

import pytest

from node import config_text
from node.cli import exits, status
from node.config import CONFIG_FILE
from tests.cli.conftest import Decided
from tests.harness.command import Command


def peer(name: str, **changes: Any) -> dict[str, Any]:
    """How a link stands, as a node tells it."""
    told = {"up": True, "rtt_ms": 2, "federation_differs": False, "last_end": None}
    told |= {"second_calls": 0, "shut_out": 0}
    return {"name": name, "address": f"{name}.example:7400", **told, **changes}


FOUND = {
    "name": "alice",
    "key": "a" * 64,
    "federation": {"name": "orchard", "epoch": 3, "members": 4},
    "model": {"name": "scripted", "family": "oak"},
    "port": 7400,
    "uptime_ms": 3_725_000,
    "database_matches": False,
    "signed_by_another": 4,
    "disk": {"used": 3 * 2**20, "limit": 2 * 2**20},
    "decided": 7,
    "undecided": [{"task": "b" * 64, "phase": "judge", "round": 2, "ms": 61_000}],
    "refused_messages": {"unasked": 3, "malformed": 1},
    "peers": [
        peer("bob"),
        peer("carol", up=False, last_end="unreachable: nothing listens there"),
        peer("dave", federation_differs=True),
        peer("erin", second_calls=3),
        peer("frank", shut_out=2),
    ],
}


def test_where_no_node_runs_it_is_said_how_to_start_one(quorate: Command, decided: Decided) -> None:
    ran = quorate("status", decided.home)
    assert (ran.code, ran.out) == (exits.UNUSABLE, "")
    assert ran.err.endswith(f"start it with `quorate serve {decided.home}`\n")
    assert ran.err.count("\n") == 1


def test_a_socket_that_nobody_serves_is_as_good_as_none(quorate: Command, decided: Decided) -> None:
    left = decided.home / "control.sock"
    left.touch()
    try:
        ran = quorate("status", decided.home)
    finally:
        left.unlink()
    assert ran.code == exits.UNUSABLE
    assert f"no node answers at {left}" in ran.err


def test_links_tasks_and_refusals_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    status.show(FOUND)
    out, err = capsys.readouterr()
    assert err == ""
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "alice, up for 1 h 2 min, on port 7400"
    assert "federation orchard, epoch 3, 4 members" in lines
    assert "tasks 7 decided since, 1 under way" in lines
    assert "disk 3.0 MiB of 2.0 MiB used: new tasks are refused" in lines
    assert "refused 1 malformed, 3 unasked" in lines
    assert any("followed, not signed" in line for line in lines)
    assert f"{'b' * 16} judge 2 1 min 1 s" in lines
    assert "bob bob.example:7400 up, 2 ms" in lines
    assert "carol carol.example:7400 down: unreachable: nothing listens there" in lines
    assert "twin another process signs with this key: 4 messages seen" in lines
    erin = "erin erin.example:7400 up, 2 ms; a second process calls with its key (3 times)"
    assert erin in lines
    frank = (
        "frank frank.example:7400 up, 2 ms; shut out for a minute, as it called in vain (2 times)"
    )
    assert frank in lines
    assert "dave dave.example:7400 up, 2 ms; its federation file differs from ours" in lines


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (50, "0.1 s"),
        (59_900, "59.9 s"),
        (60_000, "1 min 0 s"),
        (3_600_000, "1 h 0 min"),
        (2 * 86_400_000 + 3_600_000, "2 days 1 h"),
    ],
)
def test_a_duration_has_two_units_at_most(ms: int, said: str) -> None:
    assert status.duration(ms) == said


@pytest.mark.parametrize(
    ("missing", "code", "said"),
    [
        ([], exits.OK, "ready\n"),
        ([{"what": "links", "text": "1 of 4"}], exits.NEGATIVE, "links: 1 of 4\n"),
    ],
)
def test_whether_a_node_is_ready_is_an_exit_code(
    quorate: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    missing: list[dict[str, str]],
    code: int,
    said: str,
) -> None:
    async def told(_: Any) -> dict[str, Any]:
        return {**FOUND, "missing": missing}

    monkeypatch.setattr(status, "_status", told)
    (tmp_path / CONFIG_FILE).write_text(config_text.render(config_text.EXAMPLE))
    ran = quorate("status", tmp_path, "--ready")
    assert (ran.code, ran.out) == (code, said)
    ran = quorate("status", tmp_path, "--ready", "--json")
    assert (ran.code, ran.data) == (code, {"ready": not missing, "missing": missing})
