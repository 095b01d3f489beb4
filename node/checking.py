"""Checking a verdict offline for a client, a step at a time (rule E2)."""

from consensus.ports import Reader
from consensus.verdict import STEPS, Bundle, BundleError, Checked, Step, VerdictError, verify

from .api import seen
from .federation import Federation


def check(data: bytes, federation: Federation | None, reader: Reader) -> seen.Check:
    """What checking the verdict file `data` comes to. Without a federation nobody knows whose it
    is. Pure but for its time: seconds for the largest. Raises `BundleError` if it is no verdict."""
    bundle = Bundle.decode(data)
    told: list[Step] = []
    failed: VerdictError | None = None
    checked: Checked | None = None
    try:
        checked = verify(
            bundle,
            reader,
            None if federation is None else federation.floor_problem,
            told.append,
            approver=None if federation is None else federation.is_approver,
        )
    except VerdictError as error:
        failed = error
    return seen.Check(
        verdict=_id(bundle),
        task=bundle.task.hex(),
        valid=failed is None,
        pinned=checked is not None and checked.pinned,
        federation="" if federation is None else federation.name,
        envelopes=1 + sum(len(part.envelopes()) for part in bundle.rounds),
        bytes=len(data),
        steps=_steps(told, len(bundle.rounds), failed, asked=federation is not None),
    )


def _id(bundle: Bundle) -> str:
    try:
        return bundle.id.hex()
    except BundleError:  # no last value: the check says so
        return "0" * 64


def _steps(
    told: list[Step], rounds: int, failed: VerdictError | None, *, asked: bool
) -> list[seen.CheckStep]:
    """Every step of every round in the order of their numbers, and what became of it."""
    places = [(1, 0), (2, 0)]
    places += [(number, round_) for round_ in range(1, rounds + 1) for number in (4, 5, 6, 7, 3)]
    if not rounds:
        places.append((3, 0))
    places.append((8, 0))
    begun = {(step.number, step.round) for step in told}
    last = (told[-1].number, told[-1].round) if failed is not None else None
    if last is not None and last not in places:  # of the file as a whole, and it has rounds
        places.append(last)
    found = []
    for number, round_ in places:
        rule, title = STEPS[number]
        text, message = "", None
        state: seen.StepState
        if (number, round_) == last and failed is not None:
            state, rule, text = "fails", failed.rule, failed.text
            message = None if failed.message is None else failed.message.hex()
        elif (number, round_) in begun:
            state = "holds"
        else:
            state = "not asked" if number == 2 and not asked else "not reached"
        found.append(
            seen.CheckStep(
                number=number,
                round=round_,
                rule=rule,
                title=title,
                state=state,
                text=text,
                message=message,
            )
        )
    return found
