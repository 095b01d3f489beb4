"""How much of what scales: `make test` asks for quick, `make check` for commit, `make night`."""

import os

SCALE = os.environ.get("QUORATE_SCALE", "quick")


def scaled(*, quick: int, commit: int, night: int) -> int:
    """The amount for the scale that the environment names in `QUORATE_SCALE`."""
    return {"quick": quick, "commit": commit, "night": night}[SCALE]
