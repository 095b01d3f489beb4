"""The tools of `quorate mcp`: what each takes, what it does, what it hands back.

Nothing here knows the protocol that agents speak: `mcp_server` does.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import msgspec

from consensus.bodies import AnswerKind, AnswerSpec, BodyError, Budget, Content
from consensus.committee import FaultMode
from consensus.policy import policy_problem
from consensus.verdict import Bundle, VerdictError, release, verify

from .. import federation_file, follow
from ..clock import SystemClock
from ..config import Config, control_socket
from ..release import reason as standing
from ..wire import codec
from ..wire.control import (
    ASK_LIFE_S,
    Ask,
    ControlClient,
    ControlError,
    ControlUnreachable,
)
from ..wire.limits import Limits
from . import shelf
from .ask import TIMEOUT_S, given_up, kept_back, told
from .exits import CliError
from .mcp_words import Quote, Steps, decision, render
from .summary import Summary
from .tables import Roll, tame
from .verdict import plain
from .verify import Finding, State, examine, examine_bytes

if TYPE_CHECKING:
    from ..federation import Federation
    from ..wire.watch import Event

NEWEST: Final = "latest"
"""What names a node's newest verdict."""

_T = TypeVar("_T", bound=msgspec.Struct)

Step = Callable[[str], Awaitable[None]]
"""Tells one step of a task that is under way, in a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a tool hands back: exact `data` for programs, and `text` with others' words fenced."""

    data: dict[str, Any]
    text: str


class AskArguments(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `ask` takes. An answer is exactly one of `options`, `number`, `text`, `json`."""

    question: Annotated[
        str, msgspec.Meta(description="The question, with all that its answer needs.")
    ]
    options: Annotated[
        tuple[str, ...], msgspec.Meta(description="The possible answers, if they are known.")
    ] = ()
    number: Annotated[bool, msgspec.Meta(description="The answer is a number.")] = False
    unit: Annotated[
        str, msgspec.Meta(description="With `number`: its unit, which answers may leave out.")
    ] = ""
    text: Annotated[
        bool,
        msgspec.Meta(description="The answer is free text; members judge which say the same."),
    ] = False
    json: Annotated[bool, msgspec.Meta(description="The answer is a JSON value.")] = False
    policy: Annotated[
        dict[str, int | str],
        msgspec.Meta(description='How to decide, by policy field, such as {"rounds": 2}.'),
    ] = {}
    members: Annotated[
        tuple[str, ...],
        msgspec.Meta(description="Names of the members to ask; all of them if left out."),
    ] = ()
    domain: Annotated[
        str, msgspec.Meta(description="What it is about: members are trusted by domain.")
    ] = ""
    timeout_s: Annotated[
        int,
        msgspec.Meta(ge=1, le=ASK_LIFE_S, description="Seconds after which it is given up."),
    ] = TIMEOUT_S


class VerdictArguments(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `verdict` takes."""

    id: Annotated[
        str,
        msgspec.Meta(
            description="The first 4 or more hex digits of a verdict's or a task's id, or `latest`."
        ),
    ] = NEWEST


class VerifyArguments(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `verify` takes: exactly one of the two."""

    file: Annotated[
        str, msgspec.Meta(description="The whole path of a verdict or evidence file.")
    ] = ""
    id: Annotated[
        str,
        msgspec.Meta(
            description="A verdict that the node holds: the first digits of its or its task's id, "
            "or `latest`."
        ),
    ] = ""


async def ask(config: Config, arguments: dict[str, Any], step: Step) -> Result:
    """Put a question to the committee and follow it to its end.

    Raises what `exits.explain` can tell. Being cancelled ends the following and nothing else:
    the committee decides without us.
    """
    given = _taken(arguments, AskArguments)
    federation = federation_file.load(config.federation)
    asked = _asked(given, federation)
    steps, last = Steps(federation, config.name), None
    events = follow.ask(config, control_socket(config), asked, clock=SystemClock(), limits=Limits())
    try:
        async with aclosing(events):  # type: ignore[type-var]
            async for last in events:
                if line := steps.line(last):
                    await step(line)
    except ControlUnreachable as error:
        raise CliError(_start(config, error)) from None
    except (ControlError, follow.FollowError) as error:
        raise CliError(tame(str(error)) + _going_on(last)) from None
    assert last is not None
    match last.kind:
        case "verdict":
            summary = Summary.of(last.detail["figures"], last.round, steps.roll)
            data = told(last, summary, steps.teller)
            how = f"check it with the tool verify and the id {data['verdict'][:16]}."
            if steps.teller == config.name:
                how = f"Anyone can {how}"
            else:  # nobody here has seen the votes
                how = f"{steps.teller} says so. Once {config.name} runs again, {how}"
            return Result(data=data, text=render([*decision(data), how]))
        case "withheld":
            data = kept_back(last)
            ids = f"Task {data['task']}, verdict {data['verdict']}."
            text = render([Quote(label="no answer: the outcome is", text=data["reason"]), ids])
            return Result(data=data, text=text)
        case "expired":
            data = given_up(last)
            again = "Ask again with a longer timeout_s, or fewer rounds or members."
            return Result(data=data, text=render([*decision(data), again]))
        case _:
            reason = str(last.detail.get("reason", "the task cannot be followed"))
            raise CliError(tame(reason) + _going_on(last))


async def verdict(config: Config, arguments: dict[str, Any], _: Step) -> Result:
    """A verdict that the node holds, verified against the node's federation file.

    Read from the store if the node does not run. Raises what `exits.explain` can tell.
    """
    given = _taken(arguments, VerdictArguments)
    federation = federation_file.load(config.federation)
    bundle = Bundle.decode(await bundle_of(config, given.id))
    try:
        checked = await asyncio.to_thread(
            verify,
            bundle,
            codec.reader(),
            federation.floor_problem,
            approver=federation.is_approver,
        )
    except VerdictError as error:
        raise CliError(f"the verdict is invalid: {tame(str(error))}") from None
    # E4: whoever talks to this tool is a client; the operator has `quorate verdict show`.
    stands = release(checked.spec, checked.release, SystemClock().wall_ms())
    if not stands.open:
        raise CliError(f"the verdict is not released: {tame(standing(stands.plain(), federation))}")
    roll = Roll.of((key.hex() for key in checked.spec.committee.members), federation)
    data = plain(checked, bundle, roll)
    note = f"Checked: every figure recomputed; members and floors are those of {federation.name}."
    return Result(data=data, text=render([*decision(data), note]))


async def check(config: Config, arguments: dict[str, Any], _: Step) -> Result:
    """What `quorate verify` finds of a file or of a verdict that the node holds.

    Whose keys count is said by the node's federation file. Raises what `exits.explain` can tell.
    """
    given = _taken(arguments, VerifyArguments)
    if bool(given.file) == bool(given.id):
        raise CliError("say what to verify, in one way: file, or id")
    federation = federation_file.load(config.federation)
    if given.id:
        data = await bundle_of(config, given.id)
        finding = await asyncio.to_thread(examine_bytes, Path(given.id), data, federation)
        if not finding.released:  # E4, as of the tool above
            why = finding.warnings[0]
            raise CliError(f"the verdict is not released: {why.code.replace('_', ' ')}: {why.text}")
    else:
        finding = await asyncio.to_thread(_examine, Path(given.file), federation)
    if finding.state is State.UNUSABLE:
        raise CliError(f"{tame(given.file or given.id)} is no verdict: {finding.line}")
    told = finding.plain()
    del told["file"]
    told["of"] = given.file or given.id
    warnings = [Quote(label=f"warning: {w.code}", text=w.text) for w in finding.warnings]
    quote = Quote(label="what was found", text="\n".join((finding.line, *finding.more)))
    state = f"This is {finding.state} by the federation file of {federation.name}."
    return Result(data=told, text=render([*warnings, state, quote]))


def _examine(path: Path, federation: "Federation") -> Finding:
    if not path.is_absolute():
        raise CliError(f"give the whole path of the file, not {tame(str(path))}")
    if not path.is_file():  # a pipe would never end
        raise CliError(f"there is no file {tame(str(path))}")
    return examine(path, federation)


async def bundle_of(config: Config, reference: str) -> bytes:
    """The verdict file that `reference` names. Raises `CliError`, `BadReference`."""
    wanted = reference.strip().lower()
    prefix = "" if wanted == NEWEST else wanted
    try:
        return await shelf.bundle(config, prefix)
    except CliError as error:
        if not prefix:
            raise
        if said := await _under_way(config, prefix):
            raise CliError(said) from None
        raise CliError(f"{error}; {NEWEST} names the newest verdict") from None


def members(config: Config) -> dict[str, Any]:
    """Who may be asked, as the node's federation file has it. Raises `FederationError`."""
    federation = federation_file.load(config.federation)
    return {
        "federation": federation.name,
        "epoch": federation.epoch,
        "members": [
            {
                "name": member.name,
                "family": member.family,
                "address": member.address,
                "key": member.key.hex(),
                "asks": member.name == config.name,
            }
            for member in federation.members
        ],
    }


async def status(config: Config) -> dict[str, Any]:
    """How the node is doing, as `quorate status --json` says. Raises `CliError`."""
    try:
        async with ControlClient(control_socket(config)) as client:
            return await client.status()
    except ControlUnreachable as error:
        raise CliError(_start(config, error)) from None


def _taken(arguments: dict[str, Any], type_: type[_T]) -> _T:
    try:
        return msgspec.convert(arguments, type=type_)
    except msgspec.ValidationError as error:
        raise CliError(f"the arguments do not fit: {error}") from None


def _asked(given: AskArguments, federation: "Federation") -> Ask:
    try:
        return Ask(
            messages=(Content(text=given.question),),
            answer=_answer(given),
            domain=given.domain,
            members=tuple(federation.find(name).key for name in given.members),
            policy=_policy(given.policy),
            mode=str(FaultMode.BYZANTINE),
            not_after_s=given.timeout_s,
            budget=Budget(),
        )
    except BodyError as error:
        raise CliError(str(error)) from None


def _answer(given: AskArguments) -> AnswerSpec:
    if sum((bool(given.options), given.number, given.text, given.json)) != 1:
        raise CliError(
            "say what an answer may be, in one way: options (a list), or number, text or json "
            "(true)"
        )
    if given.unit and not given.number:
        raise CliError("unit is of a number: say number too")
    if given.options:
        return AnswerSpec(
            kind=AnswerKind.CHOICE, options=tuple(option.strip() for option in given.options)
        )
    if given.number:
        return AnswerSpec(kind=AnswerKind.NUMBER, unit=given.unit)
    return AnswerSpec(kind=AnswerKind.TEXT if given.text else AnswerKind.JSON)


def _policy(given: Mapping[str, Any]) -> dict[str, Any]:
    """The policy fields that are given, checked whole, so that a mistake opens no task."""
    if problem := policy_problem(given):
        raise CliError(problem)
    return dict(given)


def _going_on(last: "Event | None") -> str:
    """What to do about a task that is open, and is not followed any more."""
    if last is None:
        return ""
    task = last.task.hex()[:16]
    return f". The task may go on without us: call the tool verdict later, with the id {task}"


async def _under_way(config: Config, prefix: str) -> str:
    """What to say of a task that begins with `prefix` and is not decided here, or ""."""
    try:
        found = (await status(config))["undecided"]
    except (CliError, ControlError):
        return ""
    for item in found:
        if item["task"].startswith(prefix):
            return (
                f"the task {item['task'][:16]} is under way, in round {item['round']}: call the "
                "tool again in a while"
            )
    return ""


def _start(config: Config, error: ControlUnreachable) -> str:
    return f"{error}; its operator starts it with `quorate serve {config.directory}`"
