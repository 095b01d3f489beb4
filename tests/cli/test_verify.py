"""`quorate verify`: files in, one line each out, and what the exit code says."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consensus.bodies import Acceptance, Commit, Report
from consensus.envelope import Ctx, Kind, Stage
from consensus.verdict import encode_evidence
from node import federation_file, identity
from node.cli import exits
from node.cli.verify import State, examine
from tests.cli.conftest import Decided
from tests.harness import cast
from tests.harness.command import Command

ROOT = Path(__file__).parents[2]


def changed(decided: Decided, path: Path, change: Any) -> Path:
    """A copy of the verdict file whose data `change` has altered, in canonical form."""
    plain = json.loads(decided.file.read_bytes())
    change(plain)
    path.write_text(json.dumps(plain, sort_keys=True, separators=(",", ":")))
    return path


def test_a_valid_verdict_is_one_line_behind_its_warnings(
    quorate: Command, decided: Decided
) -> None:
    ran = quorate("verify", decided.file, "--federation", decided.federation)
    assert (ran.code, ran.err) == (exits.OK, "")
    *warnings, line, dissent = ran.out.splitlines()
    assert line.startswith(f"valid     {decided.file}  a (")
    assert dissent.startswith("Dissent    b, by ")
    assert line.endswith(f"verdict {decided.second[:16]}")
    assert warnings[0] == "warning: degraded: dave drafted nothing: the model failed"
    assert all(warning.startswith("warning: ") for warning in warnings)


def test_programs_get_the_facts_warnings_first(quorate: Command, decided: Decided) -> None:
    ran = quorate("verify", decided.file, "--federation", decided.federation, "--json")
    (found,) = ran.data
    assert next(iter(found)) == "warnings"
    assert found["warnings"][0]["code"] == "degraded"
    assert (found["state"], found["status"], found["answer"]) == ("valid", "degraded", "a")
    assert (found["verdict"], found["task"]) == (decided.second, decided.task)
    assert len(found["members"]) == 4
    assert found["dissent"]["answer"] == "b"


def test_without_a_federation_file_nothing_is_called_valid(
    quorate: Command, decided: Decided
) -> None:
    ran = quorate("verify", decided.file)
    assert ran.code == exits.UNPINNED
    assert ran.out.splitlines()[-2].startswith("unpinned  ")
    assert "valid" not in ran.out
    assert "--federation FED" in ran.err


def test_a_forged_signature_is_named_with_rule_and_message(
    quorate: Command, decided: Decided, tmp_path: Path
) -> None:
    def forge(plain: Any) -> None:
        vote = plain["rounds"][0]["points"][0]["precommits"][0]
        vote["signature"] = base64.b64encode(bytes(64)).decode()

    path = changed(decided, tmp_path / "forged.json", forge)
    ran = quorate("verify", path, "--federation", decided.federation)
    assert ran.code == exits.NEGATIVE
    assert ran.out.startswith(f"invalid   {path}  S1: a signature does not hold (message ")
    (found,) = quorate("verify", path, "--federation", decided.federation, "--json").data
    assert (found["state"], found["rule"]) == ("invalid", "S1")
    assert f"(message {found['message']})" in ran.out


def test_an_omitted_envelope_is_named_with_its_rule(
    quorate: Command, decided: Decided, tmp_path: Path
) -> None:
    path = changed(decided, tmp_path / "less.json", lambda plain: plain["rounds"][0]["named"].pop())
    ran = quorate("verify", path, "--federation", decided.federation)
    assert ran.code == exits.NEGATIVE
    assert "  E1: the " in ran.out


def test_a_file_cut_short_or_padded_is_invalid(
    quorate: Command, decided: Decided, tmp_path: Path
) -> None:
    data = decided.file.read_bytes()
    for name, bad in (("cut", data[:-9]), ("padded", data + b"\n")):
        path = tmp_path / name
        path.write_bytes(bad)
        ran = quorate("verify", path, "--federation", decided.federation)
        assert ran.code == exits.NEGATIVE, name
        assert ran.out.startswith(f"invalid   {path}  E1: ")


def test_a_verdict_of_another_federation_is_invalid(
    quorate: Command, decided: Decided, tmp_path: Path
) -> None:
    other = tmp_path / "other.toml"
    quorate("federation", "create", other, "--name", "other")
    ran = quorate("verify", decided.file, "--federation", other)
    assert ran.code == exits.NEGATIVE
    assert "S3: the pinned federation does not allow this: the committee is of network" in ran.out


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(min_value=0), flip=st.integers(min_value=1, max_value=255))
def test_no_changed_byte_leaves_a_verdict_valid(
    decided: Decided, tmp_path: Path, place: int, flip: int
) -> None:
    data = bytearray(decided.file.read_bytes())
    data[place % len(data)] ^= flip
    path = tmp_path / "changed.json"
    path.write_bytes(data)
    pinned = federation_file.load(decided.federation)
    assert examine(path, pinned).state in (State.INVALID, State.UNUSABLE)


def test_of_several_files_the_worst_decides_the_exit_code(
    quorate: Command, decided: Decided, tmp_path: Path
) -> None:
    broken, nothing = tmp_path / "broken.json", tmp_path / "nothing.json"
    broken.write_bytes(decided.file.read_bytes()[:-1])
    nothing.write_text("{}")
    pin = ("--federation", decided.federation)
    every = quorate("verify", decided.file, nothing, broken, *pin)
    assert every.code == exits.NEGATIVE
    assert [line.split()[0] for line in every.out.splitlines()] == ["valid", "unusable", "invalid"]
    assert every.err == "1 valid, 1 invalid, 1 unusable\n"
    assert "  [degraded, fragile]  a (" in every.out
    assert quorate("verify", decided.file, nothing, *pin).code == exits.UNUSABLE
    assert quorate("verify", decided.file, nothing).code == exits.UNUSABLE
    assert quorate("verify", decided.file, decided.file, *pin).code == exits.OK


@pytest.mark.parametrize("content", ["", "{}", "not even json", '{"format":"quorate-verdict/9"}'])
def test_what_is_no_verdict_is_unusable(quorate: Command, tmp_path: Path, content: str) -> None:
    path = tmp_path / "file"
    path.write_text(content)
    ran = quorate("verify", path)
    assert ran.code == exits.UNUSABLE
    assert ran.out == f"unusable  {path}  this is not a verdict file: it does not begin like one\n"


def test_a_file_that_is_missing_and_a_directory_are_unusable(
    quorate: Command, tmp_path: Path
) -> None:
    ran = quorate("verify", tmp_path / "nowhere", tmp_path)
    assert ran.code == exits.UNUSABLE
    assert "nowhere  No such file or directory" in ran.out
    assert "Is a directory" in ran.out


def test_a_federation_file_that_is_unusable_ends_it_at_once(
    quorate: Command, decided: Decided, tmp_path: Path
) -> None:
    ran = quorate("verify", decided.file, "--federation", tmp_path / "nowhere.toml")
    assert (ran.code, ran.out) == (exits.UNUSABLE, "")
    assert "nowhere.toml is missing" in ran.err


# -- evidence -----------------------------------------------------------------------------


def evidence(path: Path, *bodies: Any, kind: Kind = Kind.COMMIT, network: bytes) -> Path:
    """Two envelopes that mallory signed for one slot, in a file."""
    committee = cast.committee(cast.ALICE, cast.MALLORY, network=network)
    at = cast.ctx(committee, task=bytes([7]) * 32, round=1, stage=Stage.SLATE)
    first, second = (cast.signed(cast.MALLORY, kind, at, body) for body in bodies)
    path.write_bytes(encode_evidence(first, second))
    return path


def commits() -> tuple[Commit, Commit]:
    return Commit(commitment=bytes([1]) * 32), Commit(commitment=bytes([2]) * 32)


def test_evidence_convicts_by_itself(quorate: Command, tmp_path: Path) -> None:
    path = evidence(tmp_path / "e.json", *commits(), network=cast.NETWORK)
    ran = quorate("verify", path)
    assert ran.code == exits.UNPINNED
    signer = cast.MALLORY.public.hex()
    line = f"{signer[:16]} signed two different commit messages for one slot"
    assert ran.out == f"unpinned  {path}  {line}\n"
    (found,) = quorate("verify", path, "--json").data
    assert (found["kind"], found["signer"], found["slot"]) == ("evidence", signer, "commit")


def test_two_reports_are_no_evidence(quorate: Command, tmp_path: Path) -> None:
    bodies = Report(ids=()), Report(ids=(), deadline=True)
    path = evidence(tmp_path / "e.json", *bodies, kind=Kind.REPORT, network=cast.NETWORK)
    ran = quorate("verify", path)
    assert ran.code == exits.NEGATIVE
    assert "S4: two REPORTs " in ran.out


def test_evidence_about_a_stranger_or_another_network_is_invalid(
    quorate: Command, decided: Decided, tmp_path: Path
) -> None:
    pin = ("--federation", decided.federation)
    path = evidence(tmp_path / "e.json", *commits(), network=cast.NETWORK)
    ran = quorate("verify", path, *pin)
    assert ran.code == exits.NEGATIVE
    assert "is not a member of orchard" in ran.out
    path = evidence(tmp_path / "f.json", *commits(), network=bytes(32))
    assert "of another federation's network" in quorate("verify", path, *pin).out


def test_evidence_about_a_member_is_valid_and_names_it(
    quorate: Command, decided: Decided, tmp_path: Path
) -> None:
    bob = identity.load(decided.folder / "bob" / "identity")
    federation = federation_file.load(decided.federation)
    committee = federation.committee(None, cast.committee().mode, cast.Policy())
    at = Ctx(
        network=committee.network,
        committee=committee.hash,
        task=bytes([7]) * 32,
        round=0,
        stage=Stage.OPEN,
    )
    first, second = (
        cast.signed(bob.signing, Kind.ACCEPTANCE, at, Acceptance(refusal=reason))
        for reason in ("", "over quota")
    )
    path = tmp_path / "e.json"
    path.write_bytes(encode_evidence(first, second))
    ran = quorate("verify", path, "--federation", decided.federation)
    assert ran.code == exits.OK
    assert ran.out.endswith("bob signed two different acceptance messages for one slot\n")


def test_evidence_in_no_slot_at_all_is_invalid(
    quorate: Command, decided: Decided, tmp_path: Path
) -> None:
    first, second = (
        cast.signed(cast.MALLORY, Kind.ACCEPTANCE, b"nowhere", Acceptance(refusal=reason))
        for reason in ("", "over quota")
    )
    path = tmp_path / "e.json"
    path.write_bytes(encode_evidence(first, second))
    for pin in ((), ("--federation", decided.federation)):
        ran = quorate("verify", path, *pin)
        assert ran.code == exits.NEGATIVE
        assert "  S4: the envelopes name no slot: " in ran.out


# -- cost ---------------------------------------------------------------------------------


def test_verifying_loads_no_network_no_daemon_and_no_model(decided: Decided) -> None:
    code = (
        "import sys\n"
        "from node.cli.main import run\n"
        f"run(['verify', {str(decided.file)!r}, '--federation', {str(decided.federation)!r}])\n"
        "slow = {'grpc', 'rich', 'asyncio', 'aiosqlite', 'structlog', 'numpy', 'node.daemon'}\n"
        "print(sorted(slow & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
