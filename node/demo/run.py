"""The demonstration from start to end: set up, decide, verify, count."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from ..clock import Clock, monotonic_ms
from .nodes import LOG, Node, NodeError
from .play import Play, Way
from .processes import Processes
from .report import Report, Verification, cost, plain, table
from .session import Decision, Session, Witness
from .stage import Stage, build, fresh

REPORT: Final = "report.json"
"""The account of a demonstration, in its directory."""

VERDICTS: Final = "verdicts"
"""Where the exported verdicts lie, in its directory."""

DIGITS: Final = "digits"
HLE: Final = "hle"
TASKS: Final = (DIGITS, HLE)
"""What there is to decide."""

VERIFIERS: Final = 2
"""Processes that verify: starting one costs as much as a dozen verdicts."""

SETUP_S: Final = 120
"""Seconds for setting up, verifying and ending, before the demonstration gives up."""

CASE_S: Final = 2
"""Seconds more for each case: several times what one takes on two cores."""


class DemoError(Exception):
    """The demonstration could not be carried through. The text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What is asked for. `folder` is where everything is made and stays.

    `cases` of each play, None for all there are (of the digits there is no such number).
    """

    folder: Path
    task: str
    cases: int | None
    seed: int
    concurrency: int


async def demonstrate(settings: Settings, witness: Witness, clock: Clock) -> tuple[Report, ...]:
    """Carry out a whole demonstration: a report for each play and way, also in the folder.

    Raises `StageError`, `DealError`, `NodeError` or `DemoError` where there is nothing to
    report. What goes wrong with single cases is in the reports' `failures`.
    """
    fresh(settings.folder, task=settings.task, seed=settings.seed, cases=settings.cases)
    reports: list[Report] = []
    for play in await asyncio.to_thread(plays, settings):
        home = settings.folder if settings.task == DIGITS else settings.folder / play.name
        reports += await _within(settings, play, home, witness, clock)
    text = json.dumps(document(settings.task, reports), indent=2)
    (settings.folder / REPORT).write_text(f"{text}\n", "utf-8")
    return tuple(reports)


def plays(settings: Settings) -> tuple[Play, ...]:
    """What the task is made of. Each is imported for itself: the exam needs no classifier."""
    if settings.task == HLE:
        from .hle import hle

        return hle(cases=settings.cases)
    from .digits import digits

    assert settings.cases is not None
    return (digits(settings.folder, seed=settings.seed, cases=settings.cases),)


def document(task: str, reports: Sequence[Report]) -> dict[str, Any]:
    """The account as plain data: of the digits the one report, of the exam one for each pool
    and way."""
    if task == DIGITS:
        return plain(reports[0])
    failures = [failure for report in reports for failure in report.failures]
    return {
        "ok": not failures,
        "failures": failures,
        "task": task,
        "reports": [plain(report) for report in reports],
    }


async def _within(
    settings: Settings, play: Play, home: Path, witness: Witness, clock: Clock
) -> list[Report]:
    """One play, in the time that it may take."""
    seconds = SETUP_S + CASE_S * len(play.cases) * len(play.ways)
    try:
        async with asyncio.timeout(seconds):
            with Processes(clock) as processes:
                return await _carry_out(settings, play, home, witness, clock, processes)
    except TimeoutError:
        raise DemoError(
            f"gave up after {seconds} s; what the nodes said is in {home}/*/{LOG}"
        ) from None


async def _carry_out(
    settings: Settings,
    play: Play,
    home: Path,
    witness: Witness,
    clock: Clock,
    processes: Processes,
) -> list[Report]:
    began = monotonic_ms(clock)
    witness.say(f"setting up {len(play.actors)} organisations in {home}")
    stage = await build(home, play, processes)
    for actor in play.actors:
        witness.say(actor.about)
    nodes = [Node(place, processes, clock) for place in stage.places]
    for node in nodes:
        node.start()
    await asyncio.gather(*(node.ready(len(nodes) - 1) for node in nodes))
    witness.say(f"{len(nodes)} nodes are up and linked")
    reports = []
    for way in play.ways:
        reports.append(await _decide(settings, play, way, stage, nodes, witness, clock, processes))
        witness.say(
            f"{play.name}: {way.title} decided {len(reports[-1].decided)} cases in "
            f"{reports[-1].decided_in_ms / 1e3:.0f} s"
        )
    spent = monotonic_ms(clock) - began
    return [replace(report, ms=spent) for report in reports]


async def _decide(
    settings: Settings,
    play: Play,
    way: Way,
    stage: Stage,
    nodes: Sequence[Node],
    witness: Witness,
    clock: Clock,
    processes: Processes,
) -> Report:
    """Every case once, in one way."""
    verdicts = stage.folder / VERDICTS
    if len(play.ways) > 1:
        verdicts /= way.name
    verdicts.mkdir(mode=0o755, parents=True)
    session = Session(
        nodes,
        play,
        way,
        verdicts=verdicts,
        concurrency=settings.concurrency,
        clock=clock,
        witness=witness,
    )
    deciding = monotonic_ms(clock)
    await session.run()
    decided_in = monotonic_ms(clock) - deciding
    try:
        entries = [await node.entries() for node in nodes]
    except NodeError as error:
        session.failures.append(str(error))
        entries = []
    witness.say(f"verifying {len(session.decided)} verdicts in {VERIFIERS} fresh processes")
    verification = await verify(stage, session.decided, processes, clock)
    return Report(
        folder=settings.folder,
        verdicts=verdicts,
        federation=stage.federation_path,
        name=play.name,
        way=way,
        seed=settings.seed,
        concurrency=settings.concurrency,
        places=stage.places,
        asked=len(play.cases),
        decided=tuple(session.decided),
        table=table(session.decided, stage.places),
        cost=cost(session.decided, entries),
        drill=session.drill,
        verification=verification,
        decided_in_ms=decided_in,
        ms=0,
        failures=(*session.failures, *verification.problems),
    )


async def verify(
    stage: Stage, decided: Sequence[Decision], processes: Processes, clock: Clock
) -> Verification:
    """Have fresh processes verify the exported files with the federation file alone."""
    began = monotonic_ms(clock)
    shares = [decided[k::VERIFIERS] for k in range(VERIFIERS)]
    ran = [_verify_share(stage, share, processes) for share in shares if share]
    found = await asyncio.gather(*ran)
    return Verification(
        asked=len(decided),
        valid=sum(valid for valid, _ in found),
        processes=len(found),
        ms=monotonic_ms(clock) - began,
        problems=tuple(problem for _, problems in found for problem in problems),
    )


async def _verify_share(
    stage: Stage, share: Sequence[Decision], processes: Processes
) -> tuple[int, list[str]]:
    """How many of the files are valid, and what is wrong with the others."""
    ran = await processes.run(
        "verify",
        "--json",
        f"--federation={stage.federation_path}",
        *(str(item.path) for item in share),
    )
    try:
        found = json.loads(ran.out)
    except ValueError:
        return 0, [f"`quorate verify` failed: {ran.last_words}"]
    valid, problems = 0, []
    for item, finding in zip(share, found, strict=True):
        if finding["state"] != "valid":
            said = f"{finding.get('rule', finding['state'])}: {finding.get('problem')}"
            problems.append(f"{item.path} is not valid: {said}")
        elif finding["verdict"] != item.reading.verdict:
            problems.append(f"{item.path} is another verdict than the one that was exported")
        else:
            valid += 1
    if ran.code and not problems:
        problems.append(f"`quorate verify` ended with {ran.code}: {ran.last_words}")
    return valid, problems
