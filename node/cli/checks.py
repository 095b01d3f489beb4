"""What `doctor` looks at: each thing that a node needs, changed by none of the checks.

A check says `ok`, `warn` (the node serves, and somebody should know) or `fail` (it does not, or
others refuse it), and what to do. Errors are those that serving itself would meet, from the
same code.
"""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final

from consensus.committee import Quorum

from .. import certificates, federation_file, identity
from ..clock import Clock
from ..config import CONFIG_FILE, Config, control_socket
from ..federation import Federation, FederationError, FederationMember, split_address
from ..house import evidence_bytes
from ..identity import Identity, IdentityError
from ..memory import Mark, lost
from ..models import registry
from ..models.base import ModelSetupError, Tried
from ..quota import MIB, Quota, mib
from ..store import database
from ..store.contract import StoreError
from ..store.lock import holder
from ..store.sqlite import SqliteStore
from ..twin import EVENT, WAY_OUT
from ..wire import tls
from ..wire.control import ControlClient, ControlError
from ..wire.frames import LinkCode
from ..wire.limits import Limits
from ..wire.probe import Probed, probe
from .status import link

DISK_LOW: Final = 1_073_741_824
"""Free bytes under which a warning is due: a gigabyte takes some 10,000 verdicts."""
DISK_FULL: Final = 67_108_864
"""Free bytes under which the next commit may fail, which ends a node: one full journal."""


CLOCK_SAME_MS: Final = 1_000
"""Difference of clocks that is no matter to anyone: tasks live for minutes."""


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at, what was found, and what to do if it is not well."""

    name: str
    level: Level
    text: str
    todo: str = ""

    def plain(self) -> dict[str, str]:
        """For programs."""
        return {"name": self.name, "level": str(self.level), "text": self.text, "todo": self.todo}


def ok(name: str, text: str) -> Check:
    """A check that found nothing wrong."""
    return Check(name=name, level=Level.OK, text=text)


def warn(name: str, text: str, todo: str = "") -> Check:
    """A check that found something to know about."""
    return Check(name=name, level=Level.WARN, text=text, todo=todo)


def fail(name: str, text: str, todo: str = "") -> Check:
    """A check that found what keeps the node from serving; errors often say what to do."""
    return Check(name=name, level=Level.FAIL, text=text, todo=todo)


async def examine(
    config: Config, clock: Clock, limits: Limits, *, ask: bool = False
) -> AsyncIterator[Check]:
    """Every check of the node of `config`, in order, as they are done.

    With `ask` each provider of the model is asked once, which may cost money.
    """
    yield ok("configuration", f"{config.directory / CONFIG_FILE} can be read")
    me: Identity | None = None
    federation: Federation | None = None
    try:
        me = identity.load(config.identity)
    except IdentityError as error:
        yield fail("identity", str(error))
    else:
        yield ok("identity", f"key {me.public.hex()[:16]}, readable by its owner alone")
    try:
        federation = federation_file.load(config.federation)
    except FederationError as error:
        yield fail("federation", str(error))
    else:
        count = len(federation.members)
        members = f"{count} member{'s' if count != 1 else ''}"
        yield ok("federation", f"{federation.name}, epoch {federation.epoch}, {members}")
    mine = federation.member(me.public) if me is not None and federation is not None else None
    if me is not None and federation is not None:
        for check in membership(config, me, federation, clock):
            yield check
    status = await _status(config)
    yield port(config, running=status is not None)
    for check in await store(config, me, running=status is not None):
        yield check
    yield disk(config)
    for check in await model(config, mine, ask=ask):
        yield check
    if me is not None and federation is not None and mine is not None:
        if status is not None:
            for check in linked(status, federation, limits):
                yield check
        else:
            for check in await probed(me, federation, clock, limits):
                yield check


def membership(config: Config, me: Identity, federation: Federation, clock: Clock) -> list[Check]:
    """Whether the federation knows this node, and as whom."""
    mine = federation.member(me.public)
    if mine is None:
        cards = config.directory / f"{config.name}.card"
        return [
            fail(
                "membership",
                f"this node's key is not in {config.federation}",
                f"give its keeper the card {cards}, and put the file that comes back in place",
            )
        ]
    found = [ok("membership", f"{mine.name}, reached by others at {mine.address}")]
    if mine.name != config.name:
        text = f"the federation calls this node {mine.name}, its configuration {config.name}"
        found = [warn("membership", text, "let both say the same: people will look for it")]
    leaf = me.leaf(tls.wall(clock))
    issued = certificates.issued_by(leaf.certificate, [me.public], tls.wall(clock))
    if mine.certificate != me.certificate or issued != me.public:
        text = "the federation's certificate of this node is not the one of its key"
        found.append(fail("certificate", text, "give the keeper of the file a new card"))
    else:
        found.append(ok("certificate", "the identity issues leaves that members accept"))
    return found


def port(config: Config, *, running: bool) -> Check:
    """Whether the port can be had; a running node has it."""
    if running:
        return ok("port", f"this node is running, at {config.listen}")
    host, number = split_address(config.listen)
    try:
        found = socket.getaddrinfo(host.strip("[]"), number, type=socket.SOCK_STREAM)
        family, kind, proto, _, address = found[0]
        with socket.socket(family, kind, proto) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
            tried.listen()
    except OSError as error:
        todo = "end the other program, or set `listen` (and the member's address) to another"
        return fail("port", f"cannot listen on {config.listen}: {error.strerror}", todo)
    return ok("port", f"{config.listen} is free")


async def store(config: Config, me: Identity | None, *, running: bool) -> list[Check]:
    """Whether the store can be written, is of this version, and is this identity's."""
    path = config.store
    place = next(folder for folder in path.parents if folder.exists())
    if not place.is_dir():
        return [fail("store", f"{place} is no directory", "set `store` to another path")]
    if problem := _unwritable(place):
        return [fail("store", problem, "make it writable for the user who runs the node")]
    if not path.exists():
        if me is not None and me.database:
            text = f"{path} is missing, and the identity's past votes with it"
            todo = "put it back; else the node signs only for tasks opened after its next start"
            return [warn("store", text, todo)]
        return [ok("store", f"{path} will be made at the first start")]
    try:
        async with await SqliteStore.read(path) as found:
            problem = await lost(me, found, Mark(config.identity).read()) if me else ""
    except (StoreError, IdentityError) as error:
        return [fail("store", str(error))]
    checks = []
    process = holder(path.with_name(path.name + ".lock"))
    if unwritable := _unwritable(path):
        checks.append(fail("store", unwritable, "make it writable for the user who runs the node"))
    elif process is not None and not running:
        text = f"process {process} has the store open, and answers no commands"
        checks.append(fail("store", text, f"end it: kill {process}"))
    else:
        held = "open in the running node" if running else "of this program's version, free"
        checks.append(ok("store", f"{path}, {held}"))
    if problem and not running:  # a running node has made it its own
        todo = "put that one back; else older tasks are followed and not signed (rule A13)"
        checks.append(warn("memory", problem, todo))
    else:
        checks.append(ok("memory", "the store is the one that holds this identity's votes"))
    return checks


def disk(config: Config) -> Check:
    """Whether there is room for what the node stores."""
    place = next(folder for folder in config.store.parents if folder.exists())
    free = shutil.disk_usage(place).free
    shown = f"{free / 1e9:.1f} GB are free where the store is"
    if config.limits.disk_mib:
        quota = Quota(limit=config.limits.disk_mib * MIB)
        used = database.used(config.store) + evidence_bytes(config.store.parent / "evidence")
        shown = f"{mib(used)} of {mib(quota.limit)} are used; {shown}"
        if problem := quota.problem(used):
            return fail("disk", problem, "run `quorate prune`, or raise limits.disk_mib")
        if quota.near(used):
            return warn("disk", shown, "run `quorate prune`, or raise limits.disk_mib")
    if free < DISK_FULL:
        return fail("disk", shown, "free some: a node that cannot store ends itself")
    if free < DISK_LOW:
        return warn("disk", shown, "free some before it runs out")
    return ok("disk", shown)


async def model(config: Config, mine: FederationMember | None, *, ask: bool) -> list[Check]:
    """Whether the model opens, and is of the family that the federation names; with `ask`
    also whether each place that serves it answers."""
    backend = config.model.backend
    try:
        opened = await registry.load(backend, config.model.options, config.directory)
    except ModelSetupError as error:
        return [fail("model", str(error))]
    described = opened.describe()
    try:
        tried = await opened.tries() if ask else ()
    finally:
        await opened.close()
    if mine is not None and described.family != mine.family:
        text = f"it is of family {described.family}; the federation says {mine.family}"
        todo = "models of one family err alike: let the file say what is true"
        checks = [warn("model", text, todo)]
    else:
        checks = [ok("model", f"{described.name} of family {described.family} opens")]
    if tried is None:
        return [*checks, ok("provider", f"{described.name} has none: it is part of the node")]
    return [*checks, *map(_provider, tried)]


def _provider(tried: Tried) -> Check:
    if tried.trouble:
        return fail("provider", f"{tried.served}: {tried.trouble}: {tried.cause}", tried.todo)
    cost = f"{tried.tokens} tokens, {tried.micros / 1e6:.6f} USD"
    return ok("provider", f"{tried.served} answers in {tried.ms} ms: {cost}")


def linked(status: dict[str, Any], federation: Federation, limits: Limits) -> list[Check]:
    """The links of the running node, as it tells them."""
    checks = []
    for peer in status["peers"]:
        name = f"member {peer['name']}"
        if not peer["up"]:
            taken = (peer["last_end"] or "").startswith(f"{LinkCode.DUPLICATE_LINK}: ")
            checks.append(warn(name, link(peer), WAY_OUT if taken else ""))
        elif peer["federation_differs"]:
            checks.append(warn(name, link(peer), "give both the same federation file"))
        elif peer["second_calls"]:
            checks.append(warn(name, link(peer), "tell its operator: its identity may be copied"))
        elif peer["shut_out"]:
            checks.append(warn(name, link(peer), "tell its operator: it floods this node"))
        else:
            checks.append(ok(name, link(peer)))
    if status["signed_by_another"]:
        text = f"{EVENT}: it signed {status['signed_by_another']} messages that came here"
        checks.append(fail("key", text, WAY_OUT))
    up = sum(peer["up"] for peer in status["peers"])
    skews = [peer["skew_ms"] for peer in status["peers"] if peer["skew_ms"] is not None]
    return [*checks, *_together(up, skews, federation, limits)]


async def probed(me: Identity, federation: Federation, clock: Clock, limits: Limits) -> list[Check]:
    """What the other members say when they are greeted."""
    others = [member for member in federation.members if member.key != me.public]
    found = await asyncio.gather(
        *(probe(me, federation, member, clock, limits) for member in others)
    )
    checks = [
        _greeted(member, answer, federation) for member, answer in zip(others, found, strict=True)
    ]
    up = sum(answer.refusal is None for answer in found)
    skews = [answer.skew_ms for answer in found if answer.skew_ms is not None]
    return [*checks, *_together(up, skews, federation, limits)]


def _greeted(member: FederationMember, answer: Probed, federation: Federation) -> Check:
    name = f"member {member.name}"
    if answer.refusal is not None:
        return warn(name, f"no link: {answer.refusal}")
    if answer.linked:
        text = "has a link with another process that has this key, and no node runs here"
        return fail(name, text, WAY_OUT)
    if answer.hello is not None and answer.hello.federation != federation.hash:
        text = f"answers, with another federation file (epoch {answer.hello.epoch})"
        return warn(name, text, "give both the same federation file")
    return ok(name, f"answers at {member.address}")


def _together(up: int, skews: Iterable[int], federation: Federation, limits: Limits) -> list[Check]:
    """What the members come to: is there a quorum, and is it our clock that is off?"""
    checks = []
    size = len(federation.members)
    quorum = Quorum.of(size, federation.floors.fault_mode)
    reached = f"{up + 1} of {size} members are here, this one included"
    if up + 1 < quorum.q:
        text = f"{reached}; a committee of all decides with {quorum.q}"
        checks.append(fail("quorum", text, "start or reach more of them"))
    else:
        checks.append(ok("quorum", f"{reached}; {quorum.tolerates()}"))
    measured = sorted(skews)
    if size == 1:
        return checks
    if not measured:
        checks.append(warn("clock", "no member told its time", "reach one, then ask again"))
        return checks
    middle = measured[len(measured) // 2]
    apart = f"{abs(middle) / 1_000:.0f} s {'behind' if middle > 0 else 'ahead of'}"
    text = f"this node's clock is {apart} the others'"
    if abs(middle) < CLOCK_SAME_MS:
        text = "this node's clock agrees with the others'"
    if abs(middle) > limits.skew_ms:
        checks.append(fail("clock", text, "set it: run a time service such as chrony"))
    elif abs(middle) > limits.skew_ms // 4:
        checks.append(warn("clock", text, "set it before members refuse links over it"))
    else:
        checks.append(ok("clock", text))
    return checks


def _unwritable(path: Path) -> str:
    """Why a file or a directory cannot be written, or "". It is tried: rights are not all."""
    try:
        if path.is_dir():
            with TemporaryFile(dir=path):
                return ""
        with path.open("r+b"):
            return ""
    except OSError as error:
        return f"{path} cannot be written: {error.strerror}"


async def _status(config: Config) -> dict[str, Any] | None:
    """What the running node says of itself; None if none runs."""
    try:
        async with ControlClient(control_socket(config)) as client:
            return await client.status()
    except ControlError:
        return None
