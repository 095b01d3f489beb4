"""The unit of systemd is one that systemd takes, and shuts a node in."""

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from node.cli import exits
from node.config import LimitsConfig

DEPLOY = Path(__file__).parents[2] / "deploy"
UNIT = DEPLOY / "quorate@.service"
INSTALLED = "/opt/quorate/bin/quorate"

EXPOSURE = 12
"""Most tenths of exposure, of 100, that `systemd-analyze security` may find: what is left is that
a node is on the network, and may make its threads nicer."""


@pytest.fixture
def analyze() -> str:
    """The command that checks units."""
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("Debian packages are missing: systemd")
    return found


@pytest.mark.system
def test_systemd_takes_the_unit_without_a_warning(analyze: str, tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("quorate")
    text = UNIT.read_text(encoding="utf-8")
    assert text.count(INSTALLED) == 1
    for name, content in {
        "quorate@alice.service": text.replace(INSTALLED, str(command)),
        "misspelt@alice.service": text.replace(INSTALLED, str(command)).replace(
            "ProtectSystem", "ProtectSistem"
        ),
    }.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    taken = run(analyze, "verify", "--man=no", str(tmp_path / "quorate@alice.service"))
    assert (taken.returncode, taken.stdout, taken.stderr) == (0, "", "")
    noticed = run(analyze, "verify", "--man=no", str(tmp_path / "misspelt@alice.service"))
    assert "ProtectSistem" in noticed.stderr


@pytest.mark.system
def test_the_unit_leaves_little_exposed(analyze: str, tmp_path: Path) -> None:
    security = ("security", "--offline=true", "--no-pager")
    kept = run(analyze, *security, f"--threshold={EXPOSURE}", str(UNIT))
    assert kept.returncode == 0, kept.stdout + kept.stderr
    loose = tmp_path / UNIT.name
    lines = UNIT.read_text(encoding="utf-8").splitlines(keepends=True)
    loose.write_text("".join(line for line in lines if not line.startswith("ProtectSystem")))
    found = run(analyze, *security, f"--threshold={EXPOSURE}", str(loose))
    assert found.returncode != 0, found.stdout


def test_it_starts_again_after_a_crash_and_not_after_what_somebody_must_look_at() -> None:
    service = settings()
    assert service["Restart"] == "on-failure"
    kept_down = {int(code) for code in service["RestartPreventExitStatus"].split()}
    assert kept_down == {exits.NEGATIVE, exits.UNUSABLE}


def test_it_is_given_the_time_that_a_node_takes_to_stop() -> None:
    assert int(settings()["TimeoutStopSec"].removesuffix("s")) > 2 * LimitsConfig().stop_s + 1


def settings() -> configparser.SectionProxy:
    """The unit's section [Service]; of a setting that is given twice, the last."""
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNIT, encoding="utf-8")
    return parser["Service"]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)
