"""`python -m node.sim --seed N`: play a schedule again and print what happened."""

import argparse
import sys

from .member import SafetyError
from .schedule import LivenessError, play


def main() -> int:
    """Play one seed with a transcript, or many without."""
    parser = argparse.ArgumentParser(prog="python -m node.sim", description=__doc__)
    parser.add_argument("--seed", type=int, required=True, help="which schedule to play")
    parser.add_argument(
        "--count", type=int, default=1, help="play this many from there, without transcripts"
    )
    chosen = parser.parse_args()

    def write(line: str) -> None:
        sys.stdout.write(f"{line}\n")

    failed = 0
    for seed in range(chosen.seed, chosen.seed + chosen.count):
        try:
            verdict = play(seed, write=write if chosen.count == 1 else None)
        except (SafetyError, LivenessError) as error:
            failed += 1
            write(f"seed {seed}: {type(error).__name__}: {error}")
        else:
            if chosen.count == 1:
                write(f"verdict {verdict.hex()}")
    if chosen.count > 1:
        write(f"{chosen.count} schedules, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
