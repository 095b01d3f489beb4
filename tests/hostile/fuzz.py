"""Coverage-guided fuzzing of every reader, for as long as one likes.

    pip install atheris
    python -m tests.hostile.fuzz READER [-max_total_time=600] [libFuzzer's options]

atheris is no dependency of ours: it has wheels for few Pythons. What it finds becomes a sample or
a change in `tests/harness/mangling.py`, so that every commit tries it.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

with atheris.instrument_imports(include=["consensus", "node", "reputation"]):
    from .readers import READERS, samples


def main() -> None:
    """Fuzz the reader that the first argument names; list them without one."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in READERS:
        sys.exit("\n".join(READERS))
    with TemporaryDirectory() as place:
        home = Path(place)
        corpus = home / "corpus"
        corpus.mkdir()
        for number, data in enumerate(samples(name, home)):
            (corpus / str(number)).write_bytes(data)
        reader = READERS[name]

        def once(data: bytes) -> None:
            try:
                reader.read(data, home)
            except reader.refusals:
                return

        atheris.Setup([sys.argv[0], *sys.argv[2:], str(corpus)], once)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
