"""How much of what can be had in any amount is done: a little, what a commit needs, or a night's.

`QUORATE_SCALE` is quick (the default, which `make test` takes), commit (`make adversary`) or night.
"""

import os

SCALES = ("quick", "commit", "night")


def scaled(*, quick: int, commit: int, night: int) -> int:
    """The amount for this run. Raises `ValueError` if `QUORATE_SCALE` is none of the three."""
    name = os.environ.get("QUORATE_SCALE", "quick")
    if name not in SCALES:
        raise ValueError(f"QUORATE_SCALE is {name!r}; it is one of {', '.join(SCALES)}")
    return {"quick": quick, "commit": commit, "night": night}[name]
