"""The README as a stranger follows it: on two machines, and every command of it by itself."""

import importlib
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from consensus.bodies import AnswerKind, AnswerSpec, Content
from consensus.deliberation.requests import (
    Case,
    Dials,
    DraftRequest,
    JudgeRequest,
    LetteredProposal,
)
from node.cli.main import app
from node.demo.deal import HELD_OUT, ORGANISATIONS
from node.models import registry
from tests.harness import namespaces
from tests.harness.namespaces import Machine, Machines, Running
from tests.harness.readme import Block, Page, unsaid

ROOT = Path(__file__).parents[2]
README = Page.read(ROOT / "README.md")
PAGES = [README, *map(Page.read, sorted(ROOT.glob("*/*.md"))), Page.read(ROOT / "CHANGELOG.md")]

ADDRESSES = {"alice": "192.0.2.1", "bob": "192.0.2.2", "carol": "192.0.2.3"}
"""The machines of the README, by the addresses that it gives them."""

RUN_S = 60.0
"""Seconds that a command may take: far more than any does."""

READY_S = 30.0
"""Seconds within which a node must say that it is ready."""

SCP = """#!/bin/sh -e
# Stands for scp: the machines of the README share a file system here.
for last; do :; done
while [ $# -gt 1 ]; do
    cp "$1" "HOMES/${last%%:*}/${last#*:}"
    shift
done
"""


# -- on two machines --------------------------------------------------------------------


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[dict[str, Machine]]:
    """Alice's and Bob's machine with a cable between them, and Carol's without a network."""
    if lacking := namespaces.missing():
        pytest.skip(lacking)
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "scp").write_text(SCP.replace("HOMES", str(tmp_path)), encoding="utf-8")
    (commands / "scp").chmod(0o755)
    path = f"{commands}:{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin"
    with Machines(tmp_path, {"PATH": path, "LANG": "C.UTF-8"}) as made:
        found = {name: made.add(address) for name, address in ADDRESSES.items()}
        alice, bob = found["alice"], found["bob"]
        made.join(alice, f"{ADDRESSES['alice']}/24", bob, f"{ADDRESSES['bob']}/24")
        yield found


@pytest.mark.system
def test_two_machines_decide_and_a_third_verifies_by_the_readmes_words_alone(
    machines: dict[str, Machine],
) -> None:
    serving: list[Running] = []
    said = ""
    for block in README.blocks:
        place = f"README.md:{block.line}"
        who, _, code = block.of.partition(", exit ")
        match block.word:
            case "run":
                ended = machines[who].run(block.text, RUN_S)
                assert ended.code == int(code or 0), f"{place}: {ended.out}"
                said = ended.out
            case "serve":
                serving.append(machines[who].start(f"exec {block.text}"))
                said = serving[-1].line(READY_S)
            case "says":
                assert not unsaid(block.text, said), f"{place}: {said}"
            case _:
                pass
    assert len(serving) == 2
    assert [running.stop() for running in serving] == [0, 0]
    assert not [running.errors for running in serving if "Traceback" in running.errors]


# -- by itself --------------------------------------------------------------------------


def command_lines() -> list[tuple[str, list[str]]]:
    """Every `quorate ...` of the README, in blocks and in prose, with its place."""
    found = []
    for block in README.blocks:
        if block.language == "sh":
            for line in block.commands:
                found += [(f"README.md:{block.line}", words) for words in simple(line)]
    found += [("prose", words) for code in README.code for words in simple(code)]
    return [(place, words[1:]) for place, words in found if words[0] == "quorate"]


def simple(line: str) -> Iterator[list[str]]:
    """The simple commands of a shell line, as words."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in (*lexer, ";"):
        if word and set(word) <= set("();<>|&"):
            if words:
                yield words
            words = []
        else:
            words.append(word)


def test_the_readme_has_commands_to_check() -> None:
    assert {words[0] for _, words in command_lines()} >= {"init", "serve", "ask", "verify"}


@pytest.mark.parametrize(("place", "words"), command_lines())
def test_every_command_of_the_readme_is_one_that_quorate_knows(
    place: str, words: list[str]
) -> None:
    command: Any = typer.main.get_command(app)
    rest = list(words)
    while rest and not rest[0].startswith("-") and isinstance(command, TyperGroup):
        found = command.get_command(typer.Context(command), rest.pop(0))
        assert found is not None, f"{place}: there is no command {words}"
        command = found
    if place == "prose":  # it may be named without its arguments
        known = {name for item in command.params for name in (*item.opts, *item.secondary_opts)}
        assert {word for word in rest if word.startswith("-")} <= known, place
    else:
        with suppress(typer.Exit):  # --version
            command.make_context("quorate", rest)


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    for page in PAGES:
        lines = [*page.code, *(line for block in page.blocks for line in block.commands)]
        named = {found for line in lines for found in re.findall(r"^make ([a-z]+)", line)}
        assert named <= targets, page.path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Page) -> None:
    for link in page.links:
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = page.path.parent / path if path else page.path
        assert target.exists(), link
        if anchor:
            assert anchor in Page.read(target).anchors, link


def test_paths_that_are_named_exist() -> None:
    paths = re.compile(r"^(consensus|node|proto|reputation|deploy|tests)(/[\w.]+)+/?$")
    for page in PAGES:
        for code in page.code:
            if paths.match(code):
                assert (ROOT / code).exists(), f"{page.path.name}: {code}"


def only(word: str, of: str = "") -> Block:
    (found,) = [block for block in README.blocks if (block.word, block.of) == (word, of)]
    return found


def test_the_demos_output_is_of_this_demo() -> None:
    said = only("demo output").text
    for organisation in ORGANISATIONS:
        kind = organisation.kind.replace("_", " ")
        assert f"{organisation.name} alone, {kind} " in said
    assert f"{HELD_OUT} of {HELD_OUT} verdicts are valid" in said


async def test_the_models_example_is_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tomllib.loads(only("file", "pyproject.toml").text)["project"]
    (tmp_path / "counting.py").write_text(only("file", "counting.py").text, encoding="utf-8")
    info = tmp_path / "quorate_counting-1.dist-info"  # as pip would leave it
    info.mkdir()
    (info / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n")
    lines = [
        f"[{group}]\n{name} = {value}\n"
        for group, points in project["entry-points"].items()
        for name, value in points.items()
    ]
    (info / "entry_points.txt").write_text("".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()

    model = await registry.load("counting", {}, tmp_path)
    options = ("Lisbon", "Porto")
    case = Case(
        messages=(Content(text="Porto, porto or Lisbon?"),),
        answer=AnswerSpec(kind=AnswerKind.CHOICE, options=options),
        domain="",
    )
    draft = await model.draft(
        DraftRequest(case=case, round=1, record=(), dials=Dials(), deadline_ms=10_000)
    )
    assert (draft.answer, draft.belief) == ("Porto", (4_000, 6_000))
    other = LetteredProposal(letter="A", proposal=draft)
    judgment = await model.judge(
        JudgeRequest(
            case=case, round=1, candidates=(other,), own=None, dials=Dials(), deadline_ms=10_000
        )
    )
    assert [mark.letter for mark in judgment.marks] == ["A"]
    assert model.describe().family == "counting"
    await model.close()
