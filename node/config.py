"""A node's configuration: `quorate.toml` in the node's directory.

Every setting states its meaning, unit, range and default here and nowhere else: reading,
errors, and the commented file that `config_text` writes all follow from these declarations.
Paths in the file are relative to the file.
"""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import msgspec

from reputation import Method, Scoring

from . import files, toml
from .config_api import ApiConfig
from .config_meta import meta as _meta
from .config_metrics import MetricsConfig
from .federation import NAME_MAX, FederationError, split_address

CONFIG_FILE: Final = "quorate.toml"

FILE_MAX: Final = 1_048_576
"""Most bytes of a configuration: a scripted model's lines are what fills one."""

SOCKET_PATH_MAX: Final = 100
"""Longest path of a unix socket that every system takes (Linux stops at 107 bytes)."""

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "console", "json"]


class ConfigError(ValueError):
    """A configuration is not usable. The text names file, line and setting, and what to do."""


class ModelConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Which model this node wraps."""

    backend: Annotated[
        str,
        _meta(
            "which backend runs the model: litellm, classifier, scripted, or one that an installed "
            "package offers under the entry point group quorate.models",
            min_length=1,
        ),
    ]
    calls: Annotated[
        int,
        _meta(
            "most calls of the model at a time; what comes on top waits, and its deadline runs",
            unit="calls",
            ge=1,
            le=1_000,
        ),
    ] = 4
    options: Annotated[
        dict[str, Any],  # last: a table of its own in the file
        _meta("the backend's own settings; its documentation says which there are"),
    ] = {}


class LogConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the node says on standard error."""

    level: Annotated[Level, _meta("the least serious lines that are written")] = "info"
    format: Annotated[
        Format,
        _meta("console for people, json for programs; auto: console at a terminal, else json"),
    ] = "auto"


class LimitsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What this node takes on. Past a limit a task is refused with the reason (rule S7)."""

    tasks: Annotated[
        int,
        _meta(
            "most undecided tasks at a time; one opener's may be half of what others' leave",
            unit="tasks",
            ge=1,
            le=100_000,
        ),
    ] = 128
    opener_tasks_per_minute: Annotated[
        int,
        _meta("most tasks taken from one opener in a minute", unit="tasks", ge=1, le=1_000_000),
    ] = 600
    task_life_s: Annotated[
        int,
        _meta(
            "longest time from a task's opening to its not-after; votes are kept that long",
            unit="seconds",
            ge=1,
            le=31_536_000,
        ),
    ] = 86_400
    disk_mib: Annotated[
        int,
        _meta(
            "what database and evidence may take on the disk; past it new tasks are refused, and "
            "those under way finish; 0 is no limit",
            unit="MiB",
            ge=0,
            le=1_073_741_824,
        ),
    ] = 0
    stop_s: Annotated[
        int,
        _meta(
            "how long a stopping node lets what is under way finish", unit="seconds", ge=0, le=600
        ),
    ] = 10


class KeepConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How long verdicts are kept. Vote records stay until their tasks' not-after regardless."""

    days: Annotated[
        int,
        _meta(
            "verdicts decided longer ago are pruned by the node itself; 0 keeps them for ever",
            unit="days",
            ge=0,
            le=36_500,
        ),
    ] = 0
    verdicts: Annotated[
        int,
        _meta(
            "the newest verdicts are kept whatever their age, this many",
            unit="verdicts",
            ge=0,
            le=100_000_000,
        ),
    ] = 0


class ReputationConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How this node makes scores of the facts in its ledger: a view of its own."""

    method: Annotated[
        Literal["beta", "ema"],
        _meta(
            "beta: the mean over all that decay has left, held down by what happened lately; "
            "ema: a moving average, which remembers some 10,000 / gamma_bp tasks"
        ),
    ] = "beta"
    gamma_bp: Annotated[
        int,
        _meta("what a sure observation weighs in the moving average", unit="bp", ge=100, le=3_000),
    ] = 900

    @property
    def scoring(self) -> Scoring:
        """The same for the ledger."""
        return Scoring(method=Method(self.method), gamma=self.gamma_bp)


class ClientsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What this node does for the clients of its federation file, over gRPC and TLS."""

    listen: Annotated[
        str,
        _meta("where clients connect, as host:port or [IPv6]:port; empty serves none"),
    ] = ""
    asks_per_minute: Annotated[
        int,
        _meta(
            "most tasks that one client may open here in a minute",
            unit="tasks",
            ge=1,
            le=1_000_000,
        ),
    ] = 30


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """A node's configuration, its paths absolute. `directory` is where its file lies."""

    name: Annotated[
        str,
        _meta(
            "what people call this node: letters, digits, dots, dashes and underscores",
            min_length=1,
            max_length=NAME_MAX,
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        ),
    ]
    listen: Annotated[
        str,
        _meta(
            "where other members and this machine's commands connect, as host:port or "
            "[IPv6]:port; 0.0.0.0 is every interface"
        ),
    ]
    federation: Annotated[Path, _meta("the federation file: who the members are")] = Path(
        "federation.toml"
    )
    identity: Annotated[Path, _meta("the directory of this node's secret key")] = Path("identity")
    store: Annotated[
        Path, _meta("the database; keep it on a local disk, and never run from an old copy")
    ] = Path("store/quorate.db")
    model: ModelConfig
    log: LogConfig = LogConfig()
    limits: LimitsConfig = LimitsConfig()
    keep: KeepConfig = KeepConfig()
    reputation: ReputationConfig = ReputationConfig()
    clients: ClientsConfig = ClientsConfig()
    api: ApiConfig = ApiConfig()
    metrics: MetricsConfig = MetricsConfig()
    directory: Path = Path()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting as it is declared: where it stands, what it means, what it may be."""

    path: tuple[str, ...]
    kind: Any
    meta: msgspec.Meta
    default: Any
    required: bool

    @property
    def name(self) -> str:
        """The dotted name, such as `limits.tasks`."""
        return ".".join(self.path)

    @property
    def unit(self) -> str:
        """What a number counts; empty for what is no number."""
        unit: str = (self.meta.extra or {}).get("unit", "")
        return unit

    @property
    def expected(self) -> str:
        """What its value may be, in words."""
        if get_origin(self.kind) is Literal:
            return f"one of {', '.join(get_args(self.kind))}"
        if self.kind is int:
            return f"a whole number from {self.meta.ge} to {self.meta.le} ({self.unit})"
        if self.kind is bool:
            return "true or false"
        if self.kind is Path:
            return "a path"
        if self.kind is str:
            limit = self.meta.max_length
            words = f"a text of 1 to {limit} characters" if limit else "a text"
            return f"{words} ({self.meta.description})" if self.meta.pattern else words
        return "a table"


def settings(shape: type[msgspec.Struct] = Config, at: tuple[str, ...] = ()) -> Iterator[Setting]:
    """Every setting of the file in its order, tables after what stands outside of them."""
    tables = []
    for field in msgspec.structs.fields(shape):
        path = (*at, field.name)
        if get_origin(field.type) is Annotated:
            kind, meta = get_args(field.type)
            made = field.default_factory is not msgspec.NODEFAULT
            yield Setting(
                path=path,
                kind=kind,
                meta=meta,
                default=field.default_factory() if made else field.default,
                required=field.required,
            )
        elif isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            tables.append((field.type, path))
    for table, path in tables:
        yield from settings(table, path)


def value(config: Config, setting: Setting) -> Any:
    """What `setting` is in `config`."""
    found: Any = config
    for name in setting.path:
        found = getattr(found, name)
    return found


def load(where: Path) -> Config:
    """The configuration of the node in the directory `where`, or in the file `where`.

    Raises `ConfigError`.
    """
    where = where.expanduser().absolute()
    path = where / CONFIG_FILE if where.is_dir() else where
    try:
        data = files.read_bounded(path, FILE_MAX)
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError(
            f"{path} is missing: name the node's directory, or make one with `quorate init`"
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return parse(data, path)


def parse(data: bytes, path: Path) -> Config:
    """The configuration behind the bytes of the file at `path`. Raises `ConfigError`."""
    try:
        text, raw = toml.read(data)
    except toml.TomlError as error:
        raise ConfigError(f"{path}: {error}") from None
    known = {setting.path: setting for setting in settings()}
    try:
        _check_names(raw, known)
        try:
            config = msgspec.convert(raw, Config, dec_hook=_decode)
        except msgspec.ValidationError as error:
            raise _Wrong(*_located(str(error), raw, known)) from None
        _check_address(("listen",), config.listen)
        if config.clients.listen:
            _check_address(("clients", "listen"), config.clients.listen)
        if config.api.listen:
            _check_address(("api", "listen"), config.api.listen)
        if config.metrics.listen:
            _check_address(("metrics", "listen"), config.metrics.listen)
    except _Wrong as wrong:
        number = _line(text, wrong.path)
        place = f"{path}: line {number}" if number else str(path)
        raise ConfigError(f"{place}: {wrong.problem}") from None
    directory = path.parent
    return msgspec.structs.replace(
        config,
        directory=directory,
        federation=directory / config.federation.expanduser(),
        identity=directory / config.identity.expanduser(),
        store=directory / config.store.expanduser(),
        api=msgspec.structs.replace(config.api, keys=directory / config.api.keys.expanduser()),
    )


def control_socket(config: Config) -> Path:
    """Where this node's control socket is: in its directory, or where a long path forces it."""
    path = config.directory / "control.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_MAX:
        return path
    name = hashlib.sha256(os.fsencode(config.directory)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"quorate-{os.getuid()}" / f"{name}.sock"


class _Wrong(Exception):  # noqa: N818  never leaves this module
    def __init__(self, path: tuple[str, ...], problem: str) -> None:
        self.path = path
        self.problem = problem


_AT = re.compile(r"at `\$((?:\.\w+)*)")


def _check_address(setting: tuple[str, ...], address: str) -> None:
    try:
        split_address(address)
    except FederationError as error:
        raise _Wrong(setting, f"{'.'.join(setting)}: {error}") from None


def _decode(kind: type, found: Any) -> Any:
    if kind is Path and isinstance(found, str) and found:
        return Path(found)
    raise ValueError("not a path")


def _check_names(raw: Mapping[str, Any], known: Mapping[tuple[str, ...], Setting]) -> None:
    """Refuse unknown settings, naming the nearest known one, and name missing ones."""
    tables = {path[:-1] for path in known}
    free = {path for path, setting in known.items() if setting.kind not in (str, int, bool, Path)}

    def walk(table: Mapping[str, Any], at: tuple[str, ...]) -> None:
        here = sorted({path[len(at)] for path in known if path[: len(at)] == at})
        for name, found in table.items():
            path = (*at, name)
            if name not in here:
                import difflib  # only once something is wrong: it is slow to import

                near = difflib.get_close_matches(name, here, n=1, cutoff=0.5)
                where = f"in [{'.'.join(at)}]" if at else "here"
                hint = f"did you mean {near[0]!r}?" if near else f"known {where}: {', '.join(here)}"
                raise _Wrong(path, f"unknown setting {'.'.join(path)!r}; {hint}")
            if path in tables and path not in free and isinstance(found, Mapping):
                walk(found, path)

    walk(raw, ())
    missing: Mapping[str, Any] = {}
    for path, setting in known.items():
        if setting.required:
            found: Any = raw
            for name in path:
                found = found.get(name, missing) if isinstance(found, Mapping) else None
            if found is missing:
                raise _Wrong((), f"{setting.name!r} is missing: {setting.meta.description}")


def _located(
    problem: str, raw: Mapping[str, Any], known: Mapping[tuple[str, ...], Setting]
) -> tuple[tuple[str, ...], str]:
    """Path of the setting that msgspec found wrong, and what is wrong in our words."""
    match = _AT.search(problem)
    path = tuple(match[1].split(".")[1:]) if match else ()
    found: Any = raw
    for name in path:
        found = found[name]
    shown = json.dumps(found, default=str, ensure_ascii=False)
    shown = shown if len(shown) <= 60 else f"{shown[:60]}..."
    setting = known.get(path)
    if setting is None:
        return path, f"{'.'.join(path)!r} is {shown}, but must be a table"
    return path, f"{setting.name!r} is {shown}, but must be {setting.expected}"


def _line(text: str, path: tuple[str, ...]) -> int | None:
    """The line on which the setting stands, if it stands there in the usual way."""
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[([\w.\s-]+)\]", line):
            table = tuple(part.strip() for part in header[1].split("."))
            if table == path:
                return number
        elif (entry := re.match(r"\s*([\w.-]+)\s*=", line)) and path:
            if (*table, *entry[1].split(".")) == path:
                return number
    return None
