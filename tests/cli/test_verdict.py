"""`quorate verdict`: what a node holds, listed, shown and exported from its store."""

import stat
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from consensus.bodies import Ballot, Opening, Pair, Preference, Usage
from consensus.envelope import ZERO, Ctx, Envelope, Kind, MessageId, Stage
from consensus.verdict import Bundle
from consensus.verdict.bundle import RoundBundle
from node.cli import exits, verdict
from node.cli.tables import Roll
from node.wire import codec
from tests.cli.conftest import Decided
from tests.harness.command import Command


def test_verdicts_are_listed_the_newest_first(quorate: Command, decided: Decided) -> None:
    shown = quorate("verdict", "list", decided.home)
    assert (shown.code, shown.err) == (exits.OK, "")
    heading, newest, oldest = shown.out.splitlines()
    assert heading.split() == ["decided", "verdict", "warnings", "answer", "believed"]
    assert decided.second[:16] in newest
    assert " degraded, fragile " in newest
    assert decided.first[:16] in oldest


def test_programs_get_whole_ids_and_shares_of_one(quorate: Command, decided: Decided) -> None:
    found = quorate("verdict", "list", decided.home, "--json").data
    assert [entry["verdict"] for entry in found] == [decided.second, decided.first]
    assert all(0 < entry["probability"] <= 1 for entry in found)
    assert len(quorate("verdict", "list", decided.home, "--limit", 1, "--json").data) == 1


def test_what_a_verdict_says_is_shown_behind_its_warnings(
    quorate: Command, decided: Decided
) -> None:
    shown = quorate("verdict", "show", decided.home)
    assert (shown.code, shown.err) == (exits.OK, "")
    lines = shown.out.splitlines()
    assert lines[0] == "warning: degraded: dave drafted nothing: the model failed"
    after = next(k for k, line in enumerate(lines) if not line.startswith("warning: "))
    assert lines[after].startswith("Answer     a, believed ")
    assert "Majority   would have said a" in lines
    assert any(line.startswith("Dissent    b, by carol, believed ") for line in lines)
    assert "Case       Which of the two?" in lines
    assert f"Verdict    {decided.second}" in lines
    assert "alice, bob, carol, dave; any 1 of 4 members may fail; asked by alice" in shown.out
    assert "every figure recomputed; members and floors are those of orchard" in shown.out
    assert "Round 1: another round follows" in lines
    assert "Round 2, the last: the policy allows no more rounds" in lines
    assert lines.count("dave drafted nothing: the model failed") == 2


def test_the_chance_to_be_best_is_shown_alike_each_time_and_said_to_be_unsigned(
    quorate: Command, decided: Decided
) -> None:
    shown, again = (quorate("verdict", "show", decided.home).out for _ in range(2))
    assert shown == again
    headings = [line for line in shown.splitlines() if line.startswith("answer ")]
    assert [line.split()[3:] for line in headings] == [
        ["belief", "strength", "+-", "nats", "best", "support"]
    ] * 2
    assert shown.splitlines()[-1] == verdict.BEST
    rounds = quorate("verdict", "show", decided.home, "--json").data["rounds"]
    for round_ in rounds:
        first, second = (item["not_signed"]["best"] for item in round_["standings"])
        assert first + second == pytest.approx(1.0, abs=1e-4)  # each to four digits
        assert first > 0.5  # "a" is the stronger
    assert "best" not in rounds[0]["standings"][0]


def test_without_numpy_a_verdict_is_shown_without_the_chance_to_be_best(
    quorate: Command, decided: Decided, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "consensus.tally.analysis", None)
    shown = quorate("verdict", "show", decided.home)
    assert (shown.code, shown.err) == (exits.OK, "")
    assert " best " not in shown.out
    assert verdict.BEST not in shown.out
    rounds = quorate("verdict", "show", decided.home, "--json").data["rounds"]
    assert "not_signed" not in rounds[0]["standings"][0]


def test_a_verdict_is_found_by_the_start_of_its_id_or_its_tasks(
    quorate: Command, decided: Decided
) -> None:
    for reference in (decided.second[:8], decided.task, decided.task[:6].upper(), ""):
        shown = quorate("verdict", "show", decided.home, reference, "--json").data
        assert (shown["verdict"], shown["task"]) == (decided.second, decided.task)


def test_programs_get_each_round_with_who_abstained(quorate: Command, decided: Decided) -> None:
    shown = quorate("verdict", "show", decided.home, "--json").data
    assert next(iter(shown)) == "warnings"
    assert [round_["round"] for round_ in shown["rounds"]] == [1, 2]
    for round_ in shown["rounds"]:
        assert round_["abstained"] == [
            {"member": "dave", "stage": "draft", "reason": "the model failed"}
        ]
        assert [item["answer"] for item in round_["standings"]] == ["a", "b"]
        assert [item["member"] for item in round_["judging"]] == ["alice", "bob", "carol", "dave"]
        assert {item["calls"] for item in round_["judging"]} == {0}
    assert (shown["opener"], sorted(shown["members"])) == (
        "alice",
        ["alice", "bob", "carol", "dave"],
    )


def test_who_called_a_model_to_judge_is_shown_with_what_it_took() -> None:
    keys = [bytes([at]) * 32 for at in range(3)]
    roll = Roll(keys=tuple(key.hex() for key in keys), names=("alice", "bob", "carol"))
    held = tuple(MessageId(bytes([at]) * 32) for at in range(3))
    pairs = (Pair(first=0, second=1, preference=Preference.TIE),)
    ballots = [
        Ballot(held=held, pairs=pairs, usage=Usage(tokens_in=400, tokens_out=21, calls=2)),
        Ballot(held=held, pairs=pairs),
    ]
    ctx = Ctx(network=ZERO, committee=ZERO, task=ZERO, round=1, stage=Stage.OUTCOME).pack()
    named = []
    for key, ballot in zip(keys, ballots, strict=False):
        body = Opening(ballot=ballot, ballot_bytes=codec.encode(ballot), salt=bytes(32))
        payload = codec.encode(body)
        named.append(
            Envelope(kind=Kind.OPENING, ctx=ctx, payload=payload, signer=key, signature=bytes(64))
        )
    bundle: Any = SimpleNamespace(rounds=[RoundBundle(points=(), named=tuple(named))])
    assert list(verdict._calls(bundle, 1, roll)) == [
        "alice judged 1 pairs in 2 calls of its model, 421 tokens"
    ]
    assert [item["pairs"] for item in verdict._judging(bundle, 1, roll)] == [1, 1]


def test_one_member_alone_is_said_to_be_unjudged(quorate: Command, decided: Decided) -> None:
    shown = quorate("verdict", "show", decided.home, decided.first)
    assert "a committee of one: nobody judges, and no fault is tolerated" in shown.out
    assert quorate("verdict", "show", decided.home, decided.first, "--json").data["status"] == (
        "unjudged"
    )


def test_an_exported_verdict_is_public_and_the_stores_own_bytes(
    quorate: Command, decided: Decided, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = quorate("verdict", "export", decided.home, decided.second)
    path = Path(f"verdict-{decided.second[:16]}.json")
    assert ran.out == f"Wrote {path} ({path.stat().st_size} bytes).\n"
    assert f"quorate verify {path} --federation FED" in ran.err
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert path.read_bytes() == decided.file.read_bytes()
    assert Bundle.decode(path.read_bytes()).id.hex() == decided.second


def test_an_export_overwrites_only_when_told_to(
    quorate: Command, decided: Decided, tmp_path: Path
) -> None:
    path = tmp_path / "verdict.json"
    path.write_text("something else")
    refused = quorate("verdict", "export", decided.home, "--to", path)
    assert refused.code == exits.UNUSABLE
    assert refused.err == f"quorate: {path} exists already: choose another --to, or --force\n"
    assert path.read_text() == "something else"
    forced = quorate("verdict", "export", decided.home, "--to", path, "--force", "--json")
    assert forced.data == {"file": str(path), "verdict": decided.second, "task": decided.task}
    assert path.read_bytes() == decided.file.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "0000"), "no verdict or task here begins with 0000"),
        (("show", "00"), "'00' has 2 characters; an id is given by its first 4 to 64"),
        (("export", "second"), "'second' is not a verdict or task id: it has to be hexadecimal"),
        (("export", "--to", "nowhere/v.json"), "cannot write nowhere/v.json: No such file"),
        (("list", "--limit", "0"), "--limit"),
    ],
)
def test_what_cannot_be_had_is_said_in_one_line(
    quorate: Command,
    decided: Decided,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    verb, *rest = arguments
    ran = quorate("verdict", verb, decided.home, *rest)
    assert (ran.code, ran.out) == (exits.UNUSABLE, "")
    assert said in ran.err
    assert ran.err.count("\n") == 1


def test_a_node_that_never_served_has_no_store_to_read(quorate: Command, tmp_path: Path) -> None:
    plain = ("--listen", "127.0.0.1:7400", "--family", "oak", "--model", "scripted")
    quorate("init", tmp_path / "alice", *plain)
    ran = quorate("verdict", "list", tmp_path / "alice")
    assert ran.code == exits.UNUSABLE
    assert "there is no store at" in ran.err
