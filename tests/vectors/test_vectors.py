"""The golden vectors: what is signed never changes by accident (habit 6, rules S1 to S4)."""

import subprocess
import sys
from pathlib import Path

import pytest

from consensus.envelope import Envelope, Kind
from node import keys
from node.wire import codec
from tests.vectors import check, examples, generate

ENVELOPES = check.load("envelopes.json")


def envelope(name: str) -> Envelope:
    vector = ENVELOPES[name]
    fields = ("ctx", "payload", "signer", "signature")
    return Envelope(
        kind=vector["kind"], **{field: bytes.fromhex(vector[field]) for field in fields}
    )


def test_the_core_gives_the_golden_bytes() -> None:
    assert list(check.differences()) == []


@pytest.mark.parametrize("name", list(generate.FILES))
def test_the_generator_writes_what_is_committed(name: str) -> None:
    assert (check.HERE / name).read_text(encoding="utf-8") == generate.render(name)


def test_every_kind_has_a_vector() -> None:
    assert {vector["kind"] for vector in ENVELOPES.values()} == set(Kind)


@pytest.mark.parametrize("name", list(ENVELOPES))
def test_golden_signatures_hold(name: str) -> None:
    golden = envelope(name)
    assert keys.verify(golden.signer, golden.preimage, golden.signature)


@pytest.mark.parametrize("name", list(ENVELOPES))
def test_golden_payloads_are_read_and_written_the_same(name: str) -> None:
    golden = envelope(name)
    body = codec.decode(Kind(golden.kind), golden.payload)
    assert codec.encode(body) == golden.payload
    assert golden == examples.envelopes()[name]


def test_a_changed_vector_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in generate.FILES:
        text = (check.HERE / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text, encoding="utf-8")
    votes = (tmp_path / "votes.json").read_text(encoding="utf-8")
    (tmp_path / "votes.json").write_text(votes.replace('"view": 7', '"view": 8'), encoding="utf-8")
    monkeypatch.setattr(check, "HERE", tmp_path)
    assert any(line.startswith("propose is 00000008") for line in check.differences())


def test_the_check_runs_on_a_bare_interpreter() -> None:
    # -S and -I leave no site packages and no path but the one named.
    root = Path(__file__).parents[2]
    code = f"import sys, runpy; sys.path.insert(0, {str(root)!r}); " + (
        "runpy.run_module('tests.vectors.check', run_name='__main__')"
    )
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "golden vectors hold" in ran.stdout
