"""`quorate verify`: check verdicts and evidence with nothing but files (rule E2).

Nothing here touches a network, a daemon or a model, and little is imported: a run over
hundreds of files spends its time on checking.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from consensus.envelope import Ctx, Envelope, Kind
from consensus.ports import Reader
from consensus.verdict import (
    Bundle,
    BundleError,
    Checked,
    VerdictError,
    decode_evidence,
    evidence_problem,
    release,
    verify,
)
from consensus.verdict.bundle import MAX_FILE

from .. import files
from ..clock import SystemClock
from .exits import NEGATIVE, OK, UNPINNED, UNUSABLE
from .output import emit, note, say
from .summary import Caution, Dissent, cautions, unreleased
from .tables import Roll, percent, share, tame

if TYPE_CHECKING:
    from ..federation import Federation

EVIDENCE = b'{"envelopes":'
"""How every evidence file begins; whatever else there is has to be a verdict."""

app = typer.Typer(add_completion=False)


class State(StrEnum):
    """What a file is found to be."""

    VALID = "valid"
    INVALID = "invalid"
    UNPINNED = "unpinned"
    UNUSABLE = "unusable"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One file: `line` says it for people, `facts` for programs; `more` are lines for people
    who ask about this file alone. `released` is False of an outcome that waits for approvers, or
    has not their word (E4)."""

    file: Path
    state: State
    line: str
    warnings: tuple[Caution, ...] = ()
    more: tuple[str, ...] = ()
    released: bool = True
    facts: dict[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """For programs, E3's warnings first."""
        said = [item.plain() for item in self.warnings]
        return {"warnings": said, "file": str(self.file), "state": str(self.state), **self.facts}


@app.command(name="verify")
def command(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Verdict files, and evidence of equivocation.", metavar="FILE..."),
    ],
    federation: Annotated[
        Path | None,
        typer.Option(
            help="The federation file, got apart from the verdicts: whose members count.",
            metavar="FED",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> int:
    """Check verdicts and evidence offline: everything is recomputed.

    Signatures, commitments, masks, tally and votes are checked with nothing but
    these files. Exit code 0: all are valid. 1: one is invalid, and the rule and
    the message are named. 2: one is no such file. 3: all are consistent, but
    without --federation nobody knows whose they are.
    """
    pinned = None
    if federation is not None:
        from .. import federation_file

        pinned = federation_file.load(federation)
    found = []
    for path in paths:
        finding = examine(path, pinned)
        found.append(finding)
        if not as_json:
            _show(finding, alone=len(paths) == 1)
    states = {finding.state for finding in found}
    if as_json:
        emit([finding.plain() for finding in found])
    else:
        if len(found) > 1:
            note(_summary(found))
        if State.UNPINNED in states:
            note("Unpinned is consistent, but nobody knows by whom: give --federation FED.")
    return _code(states)


def examine(path: Path, pinned: "Federation | None") -> Finding:
    """Check one file."""
    try:
        data = files.read_bounded(path, MAX_FILE)
    except OSError as error:
        return _unusable(path, error.strerror or str(error))
    except ValueError as error:
        return _unusable(path, str(error))
    return examine_bytes(path, data, pinned)


def examine_bytes(path: Path, data: bytes, pinned: "Federation | None") -> Finding:
    """Check what a file holds, or would hold; `path` is what it is called in the finding."""
    from ..wire import codec

    if data.startswith(EVIDENCE):
        return _evidence(path, data, codec.reader(), pinned)
    return _verdict(path, data, codec.reader(), pinned)


def _verdict(path: Path, data: bytes, reader: Reader, pinned: "Federation | None") -> Finding:
    pin = pinned.floor_problem if pinned is not None else None
    approver = pinned.is_approver if pinned is not None else None
    try:
        checked = verify(Bundle.decode(data), reader, pin, approver=approver)
    except BundleError as error:
        if error.damaged:  # it says that it is a verdict, and has not the one form of it (E1)
            return _invalid(path, "E1", str(error), None)
        return _unusable(path, str(error))
    except VerdictError as error:
        return _invalid(path, error.rule, error.text, error.message)
    decision, keys = checked.decision, [key.hex() for key in checked.spec.committee.members]
    roll = Roll.of(keys, pinned)
    stands = release(checked.spec, checked.release, SystemClock().wall_ms())
    said = (*unreleased(stands, pinned), *cautions(decision["warnings"], roll))
    dissent = Dissent.of(decision["dissent"], roll)
    return Finding(
        file=path,
        state=State.VALID if checked.pinned else State.UNPINNED,
        line=f"{_answer(decision)}  verdict {checked.id.hex()[:16]}",
        warnings=said,
        more=() if dissent is None else dissent.lines,
        facts={**_facts(checked, dissent), "release": stands.plain()},
        released=stands.open,
    )


def _answer(decision: dict[str, Any]) -> str:
    if decision["answer"] is None:
        return f"no answer ({decision['status']})"
    return f"{tame(decision['answer'])} ({percent(decision['probability'])})"


def _facts(checked: Checked, dissent: Dissent | None) -> dict[str, Any]:
    decision = checked.decision
    return {
        "kind": "verdict",
        "status": decision["status"],
        "answer": decision["answer"],
        "probability": share(decision["probability"]),
        "dissent": None if dissent is None else dissent.plain(),
        "rounds": len(checked.outcomes),
        "task": checked.task.hex(),
        "verdict": checked.id.hex(),
        "opener": checked.opener.hex(),
        "members": [key.hex() for key in checked.spec.committee.members],
    }


def _evidence(path: Path, data: bytes, reader: Reader, pinned: "Federation | None") -> Finding:
    """S4: two messages of one signer in one slot convict it, wherever they come from."""
    try:
        first, second = decode_evidence(data)
    except BundleError as error:
        return _unusable(path, str(error))
    problem = evidence_problem(first, second, reader) or _stranger(first, pinned)
    if problem is not None:
        return _invalid(path, "S4", problem, None)
    signer = first.signer.hex()
    name = pinned.label(first.signer) if pinned is not None else signer[:16]
    what = Kind(first.kind).name.lower()
    return Finding(
        file=path,
        state=State.VALID if pinned is not None else State.UNPINNED,
        line=f"{name} signed two different {what} messages for one slot",
        facts={"kind": "evidence", "signer": signer, "slot": what},
    )


def _stranger(envelope: Envelope, pinned: "Federation | None") -> str | None:
    try:
        ctx = Ctx.unpack(envelope.ctx)
    except ValueError as error:
        return f"the envelopes name no slot: {error}"
    if pinned is None:
        return None
    if ctx.network != pinned.network:
        return "the envelopes are of another federation's network"
    if pinned.member(envelope.signer) is None:
        return f"{envelope.signer.hex()[:16]} is not a member of {pinned.name}"
    return None


def _invalid(path: Path, rule: str, text: str, message: bytes | None) -> Finding:
    named = message.hex() if message is not None else None
    line = f"{rule}: {tame(text)}" + (f" (message {named})" if named else "")
    facts = {"rule": rule, "problem": text, "message": named}
    return Finding(file=path, state=State.INVALID, line=line, facts=facts)


def _unusable(path: Path, problem: str) -> Finding:
    return Finding(file=path, state=State.UNUSABLE, line=tame(problem), facts={"problem": problem})


_COLOURS = {State.VALID: typer.colors.GREEN, State.UNPINNED: typer.colors.YELLOW}


def _show(finding: Finding, *, alone: bool) -> None:
    """One line, E3's warnings before the answer: in full for a file by itself, else by name."""
    named = ""
    for warning in finding.warnings:
        if alone:
            say(typer.style(warning.line, fg=typer.colors.YELLOW))
    if finding.warnings and not alone:
        named = f"[{', '.join(warning.code for warning in finding.warnings)}]  "
    colour = _COLOURS.get(finding.state, typer.colors.RED)
    state = typer.style(f"{finding.state:<8}", fg=colour, bold=True)
    say(f"{state}  {tame(str(finding.file))}  {named}{finding.line}")
    if alone:
        for line in finding.more:
            say(line)


def _summary(found: Sequence[Finding]) -> str:
    counts = {state: sum(item.state is state for item in found) for state in State}
    return ", ".join(f"{count} {state}" for state, count in counts.items() if count)


def _code(states: set[State]) -> int:
    for state, code in (
        (State.INVALID, NEGATIVE),
        (State.UNUSABLE, UNUSABLE),
        (State.UNPINNED, UNPINNED),
    ):
        if state in states:
            return code
    return OK
