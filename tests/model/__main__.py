"""`python -m tests.model`: search the models; `faults` finds each fault; `schedules` writes what
was found as schedules for the Python core; `full` is for the night."""

import json
import sys

from tests.model import round_trails, trails
from tests.model.checker import Found, search
from tests.model.mutants import AGREEMENT, BOUNDED, FAULTS, FULL, HERE, Fault, Search


def told(what: Search, found: Found) -> str:
    """One line of figures."""
    end = "exhaustive" if found.exhaustive else f"{found.errors} errors: {found.violated[:60]}"
    return (
        f"{what.name:42} {found.states:>12,} states {found.megabytes:8,.0f} MB "
        f"{found.seconds:7.1f} s depth {found.depth:4} {end}"
    )


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _hold(searches: tuple[Search, ...]) -> int:
    failed = 0
    for what in searches:
        found = search(what)
        _say(told(what, found))
        failed += not found.exhaustive
    return failed


def _write(fault: Fault, found: Found) -> None:
    what, known = fault.search, {"fault": fault.search.name, "breaks": fault.breaks}
    if what.model == AGREEMENT:
        settings = dict(one.split("=") for one in what.defines if "=" in one)
        bad = int(settings["BAD"])
        head: dict[str, str | int] = {**known, "byzantine_leads": bad}
        steps = trails.schedule(found.trail, bad=bad)
    else:
        head, steps = dict(known), round_trails.schedule(found.trail)
    lines = ",\n    ".join(json.dumps(step) for step in steps)
    fields = "".join(f"  {json.dumps(key)}: {json.dumps(value)},\n" for key, value in head.items())
    text = f'{{\n{fields}  "steps": [\n    {lines}\n  ]\n}}\n'
    (HERE / "schedules" / f"{what.name.lower()}.json").write_text(text)


def _bite(*, write: bool) -> int:
    failed = 0
    for fault in FAULTS:
        found = search(fault.search, shortest=write)
        _say(told(fault.search, found))
        failed += not found.errors
        if write and found.errors:
            _write(fault, found)
    return failed


def main(words: list[str]) -> int:
    """Run what `words` ask for. Returns how many searches did not end as they must."""
    match words:
        case []:
            return _hold(BOUNDED) + _bite(write=False)
        case ["faults"]:
            return _bite(write=False)
        case ["schedules"]:
            return _bite(write=True)
        case ["full"]:
            return _hold((*BOUNDED, *FULL)) + _bite(write=False)
        case _:
            _say(__doc__ or "")
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
