"""`python -m tests.model`: search the models; `faults` finds each fault; `schedules` writes what
was found as schedules for the Python core; `full` is for the night."""

import json
import sys

from tests.model.checker import Found, search
from tests.model.mutants import AGREEMENT, BOUNDED, FAULTS, FULL, HERE, Search
from tests.model.trails import schedule


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


def _write(what: Search, found: Found, *, breaks: str) -> None:
    settings = dict(one.split("=") for one in what.defines if "=" in one)
    bad = int(settings["BAD"])
    lines = ",\n    ".join(json.dumps(step) for step in schedule(found.trail, bad=bad))
    text = (
        f'{{\n  "fault": "{what.name}",\n  "breaks": "{breaks}",\n'
        f'  "byzantine_leads": {bad},\n  "steps": [\n    {lines}\n  ]\n}}\n'
    )
    (HERE / "schedules" / f"{what.name.lower()}.json").write_text(text)


def _bite(*, write: bool) -> int:
    failed = 0
    for fault in FAULTS:
        found = search(fault.search, shortest=write)
        _say(told(fault.search, found))
        failed += not found.errors
        if write and fault.search.model == AGREEMENT and found.errors:
            _write(fault.search, found, breaks=fault.breaks)
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
