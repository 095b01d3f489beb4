"""The demonstration from start to end: set up, decide, verify, count."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..clock import Clock, monotonic_ms
from .nodes import LOG, Node, NodeError
from .processes import Processes
from .report import Report, Verification, cost, plain, table
from .session import POLICY, Decision, Session, Witness
from .stage import Stage, build, fresh

REPORT: Final = "report.json"
"""The account of a demonstration, in its directory."""

VERDICTS: Final = "verdicts"
"""Where the exported verdicts lie, in its directory."""

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
    """What is asked for. `folder` is where everything is made and stays."""

    folder: Path
    cases: int
    seed: int
    concurrency: int


async def demonstrate(settings: Settings, witness: Witness, clock: Clock) -> Report:
    """Carry out a whole demonstration; its report is also in the folder.

    Raises `StageError`, `DealError`, `NodeError` or `DemoError` where there is nothing to
    report. What goes wrong with single cases is in the report's `failures`.
    """
    seconds = SETUP_S + CASE_S * settings.cases
    fresh(settings.folder, seed=settings.seed, cases=settings.cases)
    try:
        async with asyncio.timeout(seconds):
            with Processes(clock) as processes:
                return await _carry_out(settings, witness, clock, processes)
    except TimeoutError:
        raise DemoError(
            f"gave up after {seconds} s; what the nodes said is in {settings.folder}/*/{LOG}"
        ) from None


async def _carry_out(
    settings: Settings, witness: Witness, clock: Clock, processes: Processes
) -> Report:
    began = monotonic_ms(clock)
    witness.say(f"setting up five organisations in {settings.folder}")
    stage = await build(
        settings.folder, seed=settings.seed, cases=settings.cases, processes=processes
    )
    for place in stage.places:
        kind, shard = place.shard.organisation.kind, place.shard
        witness.say(
            f"{place.name} trains {kind.replace('_', ' ')} on {shard.rows} images of "
            f"{' '.join(shard.labels)}"
        )
    nodes = [Node(place, processes, clock) for place in stage.places]
    for node in nodes:
        node.start()
    await asyncio.gather(*(node.ready(len(nodes) - 1) for node in nodes))
    witness.say(f"{len(nodes)} nodes are up and linked")
    verdicts = settings.folder / VERDICTS
    verdicts.mkdir(mode=0o755)
    session = Session(
        nodes, verdicts=verdicts, concurrency=settings.concurrency, clock=clock, witness=witness
    )
    deciding = monotonic_ms(clock)
    await session.run(stage.cases)
    decided_in = monotonic_ms(clock) - deciding
    try:
        entries = [await node.entries() for node in nodes]
    except NodeError as error:
        session.failures.append(str(error))
        entries = []
    witness.say(f"verifying {len(session.decided)} verdicts in {VERIFIERS} fresh processes")
    verification = await verify(stage, session.decided, processes, clock)
    report = Report(
        folder=settings.folder,
        federation=stage.federation_path,
        seed=settings.seed,
        concurrency=settings.concurrency,
        policy=POLICY,
        places=stage.places,
        asked=len(stage.cases),
        decided=tuple(session.decided),
        table=table(session.decided, stage.places),
        cost=cost(session.decided, entries),
        drill=session.drill,
        verification=verification,
        decided_in_ms=decided_in,
        ms=monotonic_ms(clock) - began,
        failures=(*session.failures, *verification.problems),
    )
    text = json.dumps(plain(report), indent=2)
    (settings.folder / REPORT).write_text(f"{text}\n", "utf-8")
    return report


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
