"""Who may import whom, read off the syntax trees of the three packages.

`violations` takes a tree of sources by path, so that a test can hand it a bad one. The table
is ARCHITECTURE's: rooms of `consensus` and `node`, the core's allow-list, the one place of
time, of randomness and of log lines, and heavy libraries only where they are used.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

PACKAGES = ("consensus", "node", "reputation")

PURE = frozenset(
    {
        "base64",
        "binascii",
        "bisect",
        "collections",
        "collections.abc",
        "dataclasses",
        "decimal",
        "enum",
        "fractions",
        "functools",
        "hashlib",
        "hmac",
        "itertools",
        "json",
        "math",
        "operator",
        "re",
        "unicodedata",  # of Unicode 3.2 and what is composed alike ever since (answers.py)
        "struct",
        "typing",
    }
)
"""What the pure packages may import of the standard library, and nothing beside it."""

EXACT_MATH = frozenset({"sqrt", "fsum", "gcd", "lcm", "isqrt", "comb"})
"""What of `math` is exact on every machine (V5): correctly rounded, or integers."""

ANALYSIS = "consensus/tally/analysis/"
"""The one pure folder that may use NumPy: figures that are shown and never signed. The rest of the
core may not import it, not even within a function."""

CORE_ROOMS: Mapping[str, frozenset[str]] = {
    "agreement": frozenset(),
    "tally": frozenset(),
    "masking": frozenset({"tally"}),
    "plateau": frozenset({"tally"}),
    "deliberation": frozenset({"agreement", "masking", "plateau", "tally"}),
    "verdict": frozenset({"agreement", "deliberation", "masking", "plateau", "tally"}),
}
"""Rooms of `consensus`, and which others each may know."""

VOCABULARY = "consensus/bodies/"
"""A folder of the core's vocabulary, which knows no room."""

NODE_ROOMS: Mapping[str, frozenset[str]] = {
    "pb": frozenset(),
    "wire": frozenset({"pb"}),
    "store": frozenset(),
    "models": frozenset(),
    "api": frozenset(),
    "observe": frozenset(),
    "sim": frozenset({"models", "store", "wire"}),
    "demo": frozenset({"models", "store", "wire"}),
    "cli": frozenset({"api", "demo", "models", "store", "wire"}),
}
"""Rooms of `node`, and which others each may know: only `wire` knows the generated code."""

COMPOSING = frozenset({"cli", "demo", "sim"})
"""Rooms that may know the daemon's wiring (a module of `node` itself that knows a room)."""

CHANCE_AND_TIME = frozenset({"random", "secrets", "time", "uuid"})
SOURCES_OF = {
    "node/clock.py": frozenset({"time"}),
    "node/entropy.py": frozenset({"secrets"}),
}
"""The one place of time and the one place of randomness."""

LOGGING = frozenset({"logging", "structlog"})
LOG_HOME = "node/log.py"
"""Every line is written as `node.log` has it: without secrets, its peers' words made tame."""

SEEDED = ("node/sim/", "node/demo/")
"""Rooms that may draw from a seeded `random.Random`."""

HEAVY = frozenset(
    {
        "joblib",
        "jsonschema",
        "litellm",
        "mcp",
        "mcp_types",
        "numpy",
        "opentelemetry",
        "pandas",
        "prometheus_client",
        "scipy",
        "sklearn",
        "starlette",
        "threadpoolctl",
        "uvicorn",
    }
)
HEAVY_HOMES = (
    ANALYSIS,
    "node/api/",
    "node/cli/mcp_server.py",
    "node/demo/",
    "node/models/classifier.py",
    "node/models/estimators.py",
    "node/models/shard.py",
    "node/hosting.py",
    "node/observe/collector.py",
    "node/observe/page.py",
    "node/observe/probes.py",
    "node/observe/requests.py",
    "node/observe/traces.py",
)
"""Where a heavy library may be imported as its module is, so that nobody else pays for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One imported name: `module` and `name` (empty for `import module`), both absolute."""

    module: str
    name: str
    line: int
    level: int
    eager: bool

    @property
    def top(self) -> str:
        """The top-level package."""
        return self.module.split(".")[0]

    def target(self, tree: Mapping[str, str]) -> str:
        """The path within `tree` of the module that is meant, or an empty string."""
        names = [f"{self.module}.{self.name}", self.module] if self.name else [self.module]
        for dotted in names:
            base = dotted.replace(".", "/")
            for path in (f"{base}.py", f"{base}/__init__.py"):
                if path in tree:
                    return path
        return ""


def sources(root: Path) -> dict[str, str]:
    """The three packages' own sources by path; generated code is nobody's style."""
    return {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
        for package in PACKAGES
        for path in sorted((root / package).rglob("*.py"))
        if not path.stem.endswith(("_pb2", "_pb2_grpc"))
    }


def imports(path: str, source: str) -> list[Import]:
    """Every import of a file; `eager` ones run as the module does."""
    found: list[Import] = []
    package = list(PurePosixPath(path).parts[:-1])

    def visit(node: ast.AST, eager: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                found.extend(
                    Import(module=item.name, name="", line=child.lineno, level=0, eager=eager)
                    for item in child.names
                )
            elif isinstance(child, ast.ImportFrom):
                base = package[: len(package) - child.level + 1] if child.level else []
                module = ".".join([*base, *([child.module] if child.module else [])])
                found.extend(
                    Import(
                        module=module,
                        name=item.name,
                        line=child.lineno,
                        level=child.level,
                        eager=eager,
                    )
                    for item in child.names
                )
            else:
                visit(child, eager and not _postpones(child))

    visit(ast.parse(source), True)
    return found


def _postpones(node: ast.AST) -> bool:
    """Whether what stands under `node` is not run by importing its module."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        return True
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def violations(tree: Mapping[str, str]) -> list[str]:
    """What in `tree` breaks the table, one sentence each."""
    every = {path: imports(path, source) for path, source in tree.items()}
    found = [
        f"{path}:{item.line}: {said}"
        for path, items in every.items()
        for item in items
        for said in _broken(path, item, tree, every)
    ]
    for path, source in tree.items():
        found.extend(f"{path}:{line}: {said}" for line, said in _ambient(path, source))
        found.extend(f"{path}:{line}: {said}" for line, said in _inexact(path, source))
    return found + list(_heavy(tree, every))


def _broken(
    path: str, item: Import, tree: Mapping[str, str], every: Mapping[str, list[Import]]
) -> Iterator[str]:
    package = PurePosixPath(path).parts[0]
    if item.top == package:
        if not item.level:
            yield f"{item.module} is imported absolutely inside {package}"
        yield from _rooms(path, item.target(tree), every, tree)
    elif package == "node":
        if item.top in CHANCE_AND_TIME and item.top not in SOURCES_OF.get(path, frozenset()):
            if not (item.top == "random" and path.startswith(SEEDED)):
                yield f"{item.top} belongs in node/clock.py or node/entropy.py"
        elif item.top in LOGGING and path != LOG_HOME:
            yield f"{item.top} belongs in {LOG_HOME}: log with its get_logger"
    elif item.top in PACKAGES:
        yield f"{package} knows nothing of {item.top}"
    elif item.module == "math":
        if item.name not in EXACT_MATH:
            yield f"of math only {', '.join(sorted(EXACT_MATH))}, each by name (V5)"
    elif item.module not in PURE and not (path.startswith(ANALYSIS) and item.top == "numpy"):
        yield f"{item.module} is not on the pure packages' allow-list"


def _room(path: str) -> str:
    """The room of a file: its folder below the package, or an empty string at its root."""
    parts = PurePosixPath(path).parts
    return parts[1] if len(parts) > 2 and not path.startswith(VOCABULARY) else ""


def _rooms(
    path: str, target: str, every: Mapping[str, list[Import]], tree: Mapping[str, str]
) -> Iterator[str]:
    if not target:
        return
    package, room, other = PurePosixPath(path).parts[0], _room(path), _room(target)
    rooms = {"consensus": CORE_ROOMS, "node": NODE_ROOMS}.get(package, {})
    if other and other not in rooms:
        yield f"{package}/{other} is not in the table of rooms"
    elif room and other and room != other and other not in rooms.get(room, frozenset()):
        yield f"{package}/{room} may not know {package}/{other}"
    elif package == "consensus" and not room and other:
        yield f"the core's vocabulary may not know {package}/{other}"
    elif package == "consensus" and target.startswith(ANALYSIS) and not path.startswith(ANALYSIS):
        yield "what is signed may not know consensus/tally/analysis (V5)"
    elif package == "node" and not room and other == "pb":
        yield "only node/wire knows the generated code"
    elif package == "node" and room and room not in COMPOSING and not other:
        if any(_room(item.target(tree)) for item in every[target] if item.top == "node"):
            yield f"node/{room} may not know the wiring in {target}"


def _ambient(path: str, source: str) -> Iterator[tuple[int, str]]:
    """Time and randomness taken from the air rather than from clock and entropy."""
    if path in SOURCES_OF:
        return
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Attribute):
            continue
        of = ast.unparse(node.value)
        if node.attr == "urandom" or (of.endswith("utils") and node.attr == "random"):
            yield node.lineno, "randomness comes from node/entropy.py"
        elif node.attr in ("now", "utcnow", "today") and of.split(".")[-1] in ("datetime", "date"):
            yield node.lineno, "time comes from node/clock.py"


def _inexact(path: str, source: str) -> Iterator[tuple[int, str]]:
    """Powers in a pure package that may be a C library's: all but those of a whole number or a
    `Fraction` written out, to what is not written with a sign or a point (V5)."""
    if not path.startswith(("consensus/", "reputation/")) or path.startswith(ANALYSIS):
        return
    for node in ast.walk(ast.parse(source)):
        match node:
            case (
                ast.BinOp(left=base, op=ast.Pow(), right=power)
                | ast.AugAssign(target=base, op=ast.Pow(), value=power)
            ):
                match base:
                    case ast.Constant(value=int()) | ast.Call(func=ast.Name(id="Fraction")):
                        signed = isinstance(power, ast.UnaryOp) and isinstance(base, ast.Constant)
                        pointed = isinstance(power, ast.Constant) and isinstance(power.value, float)
                        if not signed and not pointed:
                            continue
                yield node.lineno, "** of doubles is a C library's: multiply (V5)"
            case ast.Call(func=ast.Name(id="pow"), args=[_, _]):
                yield node.lineno, "pow of doubles is a C library's: multiply (V5)"


def _heavy(tree: Mapping[str, str], every: Mapping[str, list[Import]]) -> Iterator[str]:
    """Files outside the heavy homes that load a heavy library by being imported."""
    reasons = {
        path: f"{item.top} (line {item.line})"
        for path, items in every.items()
        for item in reversed(items)
        if item.eager and item.top in HEAVY
    }
    grew = True
    while grew:
        grew = False
        for path in tree:
            if path in reasons:
                continue
            for target in _loads(path, every[path], tree):
                if target in reasons:
                    reasons[path] = f"{target}, which loads {reasons[target]}"
                    grew = True
                    break
    for path, reason in reasons.items():
        if not path.startswith(HEAVY_HOMES):
            yield f"{path}: loads {reason} as it is imported"


def _loads(path: str, items: list[Import], tree: Mapping[str, str]) -> Iterator[str]:
    """The files of `tree` that importing `path` runs, packages above them included."""
    for target in [path, *(item.target(tree) for item in items if item.eager)]:
        if target and target != path:
            yield target
        for parent in PurePosixPath(target).parents if target else ():
            package = f"{parent}/__init__.py"
            if package in tree and package != path:
                yield package
