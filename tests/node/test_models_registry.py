"""Backends by entry point: ours, a third party's, and none that nobody asked for."""

import subprocess
import sys
from pathlib import Path

import pytest

from node.models import registry
from node.models.base import ModelSetupError

THIRD_PARTY = """
from consensus.bodies import Proposal
from consensus.deliberation.requests import Judgment
from node.models.base import Description


class Oracle:
    @classmethod
    async def open(cls, options, base):
        return cls()

    async def draft(self, request):
        return Proposal(answer=request.case.answer.options[-1])

    async def judge(self, request):
        return Judgment()

    def describe(self):
        return Description(family="oracle", name="oracle")

    async def close(self):
        pass


class Half:
    @classmethod
    async def open(cls, options, base):
        return cls()

    async def draft(self, request):
        raise AssertionError


class Closed:
    pass
"""


@pytest.fixture
def carols_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed distribution, as pip lays it out, that offers backends."""
    (tmp_path / "carols_oracle.py").write_text(THIRD_PARTY)
    info = tmp_path / "carols_oracle-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: carols-oracle\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[quorate.models]\n"
        "oracle = carols_oracle:Oracle\n"
        "half = carols_oracle:Half\n"
        "closed = carols_oracle:Closed\n"
        "gone = carols_lost_module:Model\n"
    )
    monkeypatch.syspath_prepend(tmp_path)


def test_both_own_backends_are_known() -> None:
    assert {"classifier", "scripted"} <= set(registry.known())


async def test_an_unknown_backend_is_refused_with_the_names_there_are(tmp_path: Path) -> None:
    with pytest.raises(
        ModelSetupError, match=r"'oracel'; installed are: classifier, litellm, recorded, scripted"
    ):
        await registry.load("oracel", {}, tmp_path)


async def test_a_third_partys_model_is_found_by_its_entry_point(
    carols_package: None, tmp_path: Path
) -> None:
    model = await registry.load("oracle", {}, tmp_path)
    assert model.describe().family == "oracle"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("gone", "cannot be imported: No module named 'carols_lost_module'"),
        ("closed", "it has no `open`"),
        ("half", "opened a Half, which lacks one of draft, judge, describe, close"),
    ],
)
async def test_a_broken_third_party_is_named(
    carols_package: None, tmp_path: Path, name: str, why: str
) -> None:
    with pytest.raises(ModelSetupError) as caught:
        await registry.load(name, {}, tmp_path)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"famly": "x"}, "unknown field `famly`"),
        ({"delay_ms": -1}, r">= 0 - at `\$.delay_ms`"),
        ({"line": {"confidence": 10_001}}, r"at `\$.line.confidence`"),
        ({"faults": [{"how": "sulks"}]}, r"'sulks' - at `\$.faults\[0\].how`"),
    ],
)
async def test_a_wrong_option_is_named_with_the_options_there_are(
    tmp_path: Path, options: dict[str, object], why: str
) -> None:
    with pytest.raises(ModelSetupError, match=why) as caught:
        await registry.load("scripted", options, tmp_path)
    assert "options of the scripted model: " in str(caught.value)
    assert "Its options are: family, line, cases, same, delay_ms, faults" in str(caught.value)


def test_a_scripted_model_imports_no_numerical_library() -> None:
    program = (
        "import asyncio, sys, pathlib\n"
        "from node.models import registry\n"
        "model = asyncio.run(registry.load('scripted', {}, pathlib.Path()))\n"
        "heavy = {'numpy', 'scipy', 'sklearn', 'joblib', 'threadpoolctl', 'litellm'}\n"
        "print(model.describe().name, sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "scripted []\n"
