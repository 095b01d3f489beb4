"""Playing schedules by their seeds, again where one failed, and with the fewest faults."""

from collections.abc import Callable

from .agreements import Arena
from .choices import fewest
from .schedule import Schedule
from .trial import Trial

Write = Callable[[str], None]
Run = Callable[[frozenset[str] | None, Write | None], list[str]]
"""Plays one schedule with some faults or all; gives those that happened. Raises if it fails."""

MOST_RUNS = 300
"""Runs that shrinking a failing schedule may take."""


def play(seed: int, members: int = 4, *, write: Write | None = None) -> bytes:
    """Play a whole deliberation, with a transcript if asked for. Returns the verdict's id.

    Raises what `Trial.play` raises, with a note on how to play it again.
    """
    schedule = Schedule.drawn(seed, members)
    if write is not None:
        write(schedule.describe())
    try:
        return Trial(schedule, write=write).play()
    except Exception as error:
        error.add_note(f"{schedule.describe()}\nplay it again: {command(seed, members)}")
        raise


def agree(seed: int, members: int = 4, *, write: Write | None = None) -> bytes:
    """Play a schedule of agreement alone. Returns the decided value; raises like `play`."""
    arena = Arena(seed, members, write=write)
    try:
        return arena.play()
    except Exception as error:
        again = command(seed, members, agreement=True)
        error.add_note(f"{arena.describe()}\nplay it again: {again}")
        raise


def command(seed: int, members: int, *, agreement: bool = False) -> str:
    """The line that plays a schedule again and shrinks it."""
    of = " --agreement" if agreement else ""
    return f"python -m node.sim{of} --seed {seed} --members {members} --shrink"


def shrink(seed: int, members: int, *, agreement: bool = False) -> tuple[list[str], type | None]:
    """The fewest faults with which a schedule fails in the same way, and how; no way if it holds.

    Raises nothing: a failure of any kind is what is looked for.
    """
    whole, failure = _run(seed, members, None, agreement=agreement)
    if failure is None:
        return [], None

    def fails(only: frozenset[str]) -> bool:
        _, other = _run(seed, members, only, agreement=agreement)
        return other is failure

    return fewest(whole, fails, most=MOST_RUNS), failure


def smallest(seed: int, members: int, *, agreement: bool = False) -> list[str]:
    """The transcript of a failing schedule with the fewest faults with which it still fails, and
    in its last line what those are; empty if nothing fails.

    Plays the schedule up to `MOST_RUNS` times.
    """
    faults, failure = shrink(seed, members, agreement=agreement)
    if failure is None:
        return []
    lines: list[str] = []
    trace(seed, members, faults, lines.append, agreement=agreement)
    lines.append(f"{failure.__name__} takes {len(faults)} faults: {'; '.join(faults) or 'none'}")
    return lines


def trace(seed: int, members: int, faults: list[str], write: Write, *, agreement: bool) -> None:
    """Write down the run with those faults alone."""
    _run(seed, members, frozenset(faults), agreement=agreement, write=write)


def _run(
    seed: int,
    members: int,
    only: frozenset[str] | None,
    *,
    agreement: bool,
    write: Write | None = None,
) -> tuple[list[str], type | None]:
    """Play a schedule. Returns the faults that happened, and the kind of failure if it failed."""
    game: Arena | Trial
    try:
        if agreement:
            game = Arena(seed, members, only=only, write=write)
        else:
            game = Trial(Schedule.drawn(seed, members), only=only, write=write)
    except Exception as error:  # noqa: BLE001
        return [], type(error)
    try:
        game.play()
    except Exception as error:  # noqa: BLE001
        if write is not None:
            write(f"{type(error).__name__}: {error}")
        return game.choices.taken, type(error)
    return game.choices.taken, None
