"""Evidence on disk: a pair a file, bounded in all and for each member (rules A15, T3)."""

from pathlib import Path

import pytest

from consensus.bodies import Vote
from consensus.envelope import Envelope, Kind, Stage
from consensus.verdict import decode_evidence, evidence_problem
from node import evidence
from node.evidence import OF_ONE, EvidenceShelf
from node.keys import SigningKey
from node.wire import codec
from tests.harness.cast import BOB, CAROL, MALLORY, committee, ctx, signed

AT = ctx(committee(), task=b"t" * 32, round=1, stage=Stage.SLATE)


def pair(who: SigningKey, view: int) -> tuple[Envelope, Envelope]:
    """Two votes for one slot."""
    red, blue = (
        signed(who, Kind.PREVOTE, AT, Vote(view=view, value=bytes([value]) * 32))
        for value in (1, 2)
    )
    return red, blue


def test_a_kept_pair_convicts_by_itself(tmp_path: Path) -> None:
    shelf = EvidenceShelf(tmp_path / "evidence")
    red, blue = pair(MALLORY, 0)
    name = shelf.keep(red, blue)
    assert shelf.keep(blue, red) == name
    (path,) = (tmp_path / "evidence").iterdir()
    assert path.name == name
    assert evidence_problem(*decode_evidence(path.read_bytes()), codec.reader()) is None


def test_one_equivocator_fills_its_own_places_and_nobody_elses(tmp_path: Path) -> None:
    shelf = EvidenceShelf(tmp_path)
    names = [shelf.keep(*pair(MALLORY, view)) for view in range(OF_ONE + 2)]
    assert all(names[:OF_ONE])
    assert names[OF_ONE:] == ["", ""]
    assert shelf.keep(*pair(BOB, 0))


def test_all_files_together_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "FILES", 2)
    shelf = EvidenceShelf(tmp_path)
    assert shelf.keep(*pair(MALLORY, 0))
    assert shelf.keep(*pair(BOB, 0))
    assert shelf.keep(*pair(CAROL, 0)) == ""
    assert len(list(tmp_path.iterdir())) == 2


def test_a_directory_that_cannot_be_written_is_a_warning_and_no_crash(tmp_path: Path) -> None:
    taken = tmp_path / "evidence"
    taken.write_text("a file, not a directory")
    assert EvidenceShelf(taken).keep(*pair(MALLORY, 0)) == ""
