"""Whole transcripts: what every member does in a scene, read by people before it is committed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from .scenes import SCENES, Cast, transcript

HERE = Path(__file__).parent


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_scene_goes_as_its_transcript_tells(scene: Callable[[], Cast]) -> None:
    written = (HERE / f"{scene.__name__}.txt").read_text()
    assert transcript(scene).splitlines() == written.splitlines(), "run make transcripts, and read"


def test_every_transcript_is_of_a_scene() -> None:
    assert {path.stem for path in HERE.glob("*.txt")} == {scene.__name__ for scene in SCENES}
