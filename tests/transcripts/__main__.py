"""`python -m tests.transcripts`: write every transcript anew. Read what has changed."""

from pathlib import Path

from .scenes import SCENES, transcript

for scene in SCENES:
    (Path(__file__).parent / f"{scene.__name__}.txt").write_text(transcript(scene))
