"""Where the demonstration sets itself up, and where it does not."""

import json
import socket
import stat
from pathlib import Path
from random import Random

import pytest

from node import config_text, files
from node.config import CONFIG_FILE
from node.demo.stage import MARKER, PORTS, StageError, free_ports, fresh


def begin(folder: Path) -> None:
    fresh(folder, task="digits", seed=20, cases=8)


def test_a_new_directory_is_made_for_its_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "out"
    begin(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert json.loads((folder / MARKER).read_text())["cases"] == 8


def test_an_empty_directory_is_taken(tmp_path: Path) -> None:
    begin(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [MARKER]


def test_an_earlier_demonstration_is_replaced(tmp_path: Path) -> None:
    begin(tmp_path)
    (tmp_path / "aldebaran").mkdir()
    (tmp_path / "aldebaran" / "shard.npz").write_bytes(b"x")
    begin(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [MARKER]


def test_anything_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(StageError, match="no demonstration made"):
        begin(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("notes")
    with pytest.raises(StageError, match="is no directory"):
        begin(path)
    assert path.read_text() == "notes"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    begin(tmp_path / "elsewhere")
    (tmp_path / "out").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StageError, match="is no directory"):
        begin(tmp_path / "out")


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StageError, match="name another directory with --keep"):
        begin(tmp_path / "file" / "out")


def test_nodes_that_still_run_keep_their_directory(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    begin(folder)
    home = folder / "bellatrix"
    home.mkdir()
    text = config_text.render(config_text.EXAMPLE).encode()
    files.create_exclusive(home / CONFIG_FILE, text, 0o600)
    with socket.socket(socket.AF_UNIX) as node:
        node.bind(str(home / "control.sock"))
        node.listen()
        with pytest.raises(StageError, match=r"still run in .* \(bellatrix\)"):
            begin(folder)
    begin(folder)


def test_ports_are_distinct_free_and_below_those_for_outgoing_connections() -> None:
    found = free_ports(5, Random(1))
    assert len(set(found)) == 5
    assert set(found) <= set(PORTS)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", found[0]))
        taken.listen()
        assert found[0] not in free_ports(5, Random(1))
