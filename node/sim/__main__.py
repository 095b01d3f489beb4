"""`python -m node.sim --seed N`: play a schedule again and print what happened.

With `--shrink` it prints the fewest faults with which the schedule still fails, and what happens
with those alone; with `--count` it plays many, and says how many a second.
"""

import argparse
import sys

from ..clock import SystemClock
from .replay import agree, play, smallest


def main() -> int:
    """Play one seed with a transcript, or many without."""
    parser = argparse.ArgumentParser(prog="python -m node.sim", description=__doc__)
    parser.add_argument("--seed", type=int, required=True, help="which schedule to play")
    parser.add_argument("--members", type=int, default=4, help="how many members there are")
    parser.add_argument(
        "--agreement", action="store_true", help="play agreement alone, not a whole deliberation"
    )
    parser.add_argument(
        "--shrink", action="store_true", help="find the fewest faults with which it still fails"
    )
    parser.add_argument(
        "--count", type=int, default=1, help="play this many from there, without transcripts"
    )
    chosen = parser.parse_args()

    def write(line: str) -> None:
        sys.stdout.write(f"{line}\n")

    if chosen.shrink:
        lines = smallest(chosen.seed, chosen.members, agreement=chosen.agreement)
        for line in lines or ["nothing fails"]:
            write(line)
        return 1 if lines else 0
    one = agree if chosen.agreement else play
    clock = SystemClock()
    failed, began = 0, clock.monotonic_ns()
    for seed in range(chosen.seed, chosen.seed + chosen.count):
        try:
            found = one(seed, chosen.members, write=write if chosen.count == 1 else None)
        except Exception as error:  # noqa: BLE001
            failed += 1
            write(f"seed {seed}: {type(error).__name__}: {error}")
            for note in getattr(error, "__notes__", ()):
                write(note)
        else:
            if chosen.count == 1:
                write(found.decode() if chosen.agreement else f"verdict {found.hex()}")
    if chosen.count > 1:
        pace = chosen.count * 1e9 / (clock.monotonic_ns() - began)
        write(f"{chosen.count} schedules, {failed} failed; {pace:.0f} a second")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
