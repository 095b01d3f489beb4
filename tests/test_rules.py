"""PROTOCOL.md and the code cite each other rightly: each rule has its place, and no other."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROTOCOL = (ROOT / "consensus" / "PROTOCOL.md").read_text(encoding="utf-8")

RULE = re.compile(r"\b[STRAVOPEL]\d{1,2}[a-z]?\b")
DEFINED = re.compile(rf"\*\*({RULE.pattern})\*\*")
HINT = re.compile(rf"#.*{RULE.pattern}")
"""Without it no comment of a text cites anything: most files need not be cut into tokens."""

RESERVED = frozenset({"L4"})
"""Rules that no code has to cite: nobody joins by calibration in this version."""

ROOMS = ("consensus", "node", "reputation")


def cited(source: str) -> Iterator[str]:
    """Rules named in comments and docstrings, and by constants that are a rule's number."""
    if HINT.search(source):
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                yield from RULE.findall(token.string)
    if not RULE.search(source):
        return
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield from RULE.findall(text)
            case ast.Constant(value=str(text)) if RULE.fullmatch(text):
                yield text


def places(*folders: str) -> dict[str, set[str]]:
    """The files below `folders` that cite each rule."""
    found: dict[str, set[str]] = {}
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not path.stem.endswith(("_pb2", "_pb2_grpc")):
                for rule in cited(path.read_text(encoding="utf-8")):
                    found.setdefault(rule, set()).add(path.relative_to(ROOT).as_posix())
    return found


def test_a_rule_is_defined_once() -> None:
    defined = DEFINED.findall(PROTOCOL)
    assert len(defined) > 50
    assert sorted(defined) == sorted(set(defined))


def test_every_rule_is_cited_where_it_is_carried_out() -> None:
    missing = set(DEFINED.findall(PROTOCOL)) - RESERVED - places(*ROOMS).keys()
    assert sorted(missing) == []


def test_every_cited_rule_exists() -> None:
    defined = set(DEFINED.findall(PROTOCOL))
    found = places(*ROOMS, "tests")
    assert {rule: sorted(paths) for rule, paths in found.items() if rule not in defined} == {}


def test_only_rules_that_are_wholly_not_yet_there_are_reserved() -> None:
    marked = re.findall(rf"^- {DEFINED.pattern} \*\(Not yet", PROTOCOL, flags=re.MULTILINE)
    assert set(marked) == RESERVED


@pytest.mark.parametrize(
    ("source", "rules"),
    [
        ("x = 1  # A7", "A7"),
        ("# (A7), rules A8, A9\n", "A7 A8 A9"),
        ('"""Rule V1a."""', "V1a"),
        ('def f():\n    """One.\n\n    Two (rules R0 to R8).\n    """', "R0 R8"),
        ('LIMIT = 3\n"""At most (T3)."""', "T3"),
        ('fail("S1", "a signature does not hold")', "S1"),
        ('x = "at level A7"', ""),
        ("A7 = A8", ""),
        ("x = 1  # noqa: S311, SHA256, P-256, A7x1", ""),
    ],
)
def test_citations_are_found(source: str, rules: str) -> None:
    assert sorted(cited(source)) == rules.split()
