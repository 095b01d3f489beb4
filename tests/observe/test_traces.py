"""One trace for a task over all of its members, at a collector that real daemons export to."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from consensus.bodies import Usage
from node.clock import SystemClock
from node.observe.contract import Ended, Opened
from node.observe.telemetry import wanted
from node.observe.traces import Host, Traces, root_id, trace_id
from tests.harness.daemons import Grove
from tests.harness.otlp import Collector

ROOT = Path(__file__).parents[2]
NAMES = ("alice", "bob", "carol", "dave")
HOST = Host(member="alice", version="1", model="litellm", served="openai toy-1")
TASK = bytes(range(32))


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_SERVICE_NAME"):
        monkeypatch.delenv(name, raising=False)


async def test_four_daemons_hang_their_spans_into_one_trace_of_the_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        async with Grove(tmp_path, *NAMES) as grove:
            await grove.start(*NAMES)
            await grove.linked()
            opened = await grove.decide(*NAMES, by="bob", text="a secret question")
        spans = collector.spans
    assert {span["trace"] for span in spans} == {opened.id[:16].hex()}
    by_id = {span["id"]: span for span in spans}
    assert len(by_id) == len(spans)

    tasks = {span["resource"]["service.instance.id"]: span for span in spans if not span["above"]}
    assert set(tasks) == {"bob"}
    root = tasks["bob"]
    assert root["id"] == opened.id[16:24].hex()
    assert root["quorate.task"] == opened.id.hex()
    assert (root["quorate.reason"], root["quorate.rounds"]) == ("unanimity", 1)
    others = [span for span in spans if span["name"] == "task" and span is not root]
    assert {span["above"] for span in others} == {root["id"]}
    assert {span["quorate.member"] for span in others} == {"alice", "carol", "dave"}

    def path(span: dict[str, Any]) -> tuple[str, ...]:
        above = by_id.get(span["above"])
        return (*(path(above) if above else ()), span["name"])

    stages = set()
    for name in NAMES:
        own = [span for span in spans if span["quorate.member"] == name]
        paths = {path(span) for span in own}
        top = ("task", "round 1") if name == "bob" else ("task", "task", "round 1")
        assert (*top, "draft") in paths
        stages |= {found[len(top)] for found in paths if len(found) > len(top)}
        calls = [span for span in own if span.get("quorate.doing") == "draft"]
        assert [by_id[call["above"]]["quorate.round"] for call in calls] == [1]
        assert {span["resource"]["service.name"] for span in own} == {"quorate"}
        assert all(span["began"] <= span["ended"] for span in own)
    assert stages >= {"draft", "slate", "freeze", "outcome"}
    assert not any(b"secret question" in data for data in collector.raw)


def test_without_the_variables_nothing_of_opentelemetry_is_loaded_for_a_node() -> None:
    code = (
        "import sys, node.daemon, node.outside, node.observe.collector; "
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, "[]"), ran.stderr


async def test_a_node_without_the_extra_says_so_and_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setitem(sys.modules, "node.observe.traces", None)
    async with Grove(tmp_path, "alice") as grove:
        await grove.start("alice")
        (line,) = grove.logged("no spans are exported")
        assert "pip install 'quorate[otel]'" in line["reason"]
        await grove.decide("alice")


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, (False, "")),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:4318"}, (True, "")),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x:4318/v1/traces"}, (True, "")),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, (True, "")),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "x"}, (False, "")),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "x"}, (False, "")),
    ],
)
def test_spans_are_wanted_by_the_standard_variables(
    environ: dict[str, str], said: tuple[bool, str]
) -> None:
    assert wanted(environ) == said


@pytest.mark.parametrize(
    ("environ", "word"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "zipkin"),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http/protobuf"),
    ],
)
def test_what_is_wanted_and_cannot_be_had_has_its_reason(
    environ: dict[str, str], word: str
) -> None:
    on, fault = wanted(environ)
    assert not on
    assert word in fault


class Told:
    """Spans of one task in which one call was made, told by hand to a collector."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch

    def __call__(
        self, members: int, doing: str, *, failure: str = "", host: Host = HOST
    ) -> dict[str, dict[str, Any]]:
        with Collector() as collector:
            self._patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
            traces = Traces.exporting(host, SystemClock())
            traces.opened(Opened(task=TASK, members=members, opener=True, resumed=False), 1)
            traces.entered(TASK, 1, doing, 2)
            traces.view_lost(TASK, "slate", 3)
            traces.asked(TASK, 1, doing, 4)
            usage = None if failure else Usage(tokens_in=7, tokens_out=9, micros=5, calls=2)
            traces.answered(TASK, 1, doing, usage, failure, 5)
            missing = (("bob", "open"),)
            traces.ended(Ended(task=TASK, reason="plateau", rounds=1, missing=missing), 6)
            assert traces.remembered() == 0
            traces.close()
        return {span["name"]: span for span in collector.spans}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    return Told(monkeypatch)


def test_a_call_has_the_attributes_of_the_conventions_for_generative_models(told: Told) -> None:
    found = told(5, "judge")
    call = found["chat toy-1"]
    assert call["gen_ai.operation.name"] == "chat"
    assert call["gen_ai.provider.name"] == "openai"
    assert call["gen_ai.request.model"] == "toy-1"
    assert (call["gen_ai.usage.input_tokens"], call["gen_ai.usage.output_tokens"]) == (7, 9)
    assert call["quorate.calls"] == 2
    assert call["above"] == found["judge"]["id"]
    assert found["judge"]["events"] == ["view lost"]
    assert found["task"]["quorate.missing"] == ["bob"]


def test_tokens_of_a_draft_that_passes_the_mix_are_in_no_span(told: Told) -> None:
    assert "gen_ai.usage.output_tokens" in told(3, "draft")["chat toy-1"]  # nothing is masked
    mixed = told(4, "draft")["chat toy-1"]
    assert not any("usage" in key or key == "quorate.calls" for key in mixed)


def test_a_call_that_fails_is_an_error_by_its_kind(told: Told) -> None:
    call = told(5, "draft", failure="rate")["chat toy-1"]
    assert (call["error"], call["error.type"]) == (True, "rate")


def test_a_model_that_is_part_of_its_node_is_no_client_of_a_provider(told: Told) -> None:
    found = told(5, "judge", host=Host(member="a", version="1", model="scripted", served=""))
    (call,) = [span for span in found.values() if span.get("quorate.doing")]
    assert call["quorate.model"] == "scripted"
    assert not any(key.startswith("gen_ai.request") for key in call)


def test_a_ratio_keeps_or_leaves_a_task_at_all_members_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    tasks = [bytes([number]) * 32 for number in range(8, 256, 16)]
    seen: dict[str, set[str]] = {}
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        for member in ("alice", "bob"):
            host = Host(member=member, version="1", model="scripted", served="")
            traces = Traces.exporting(host, SystemClock())
            for task in tasks:
                opener = member == "alice"
                traces.opened(Opened(task=task, members=2, opener=opener, resumed=False), 1)
                traces.ended(Ended(task=task, reason="plateau", rounds=1), 2)
            traces.close()
    for span in collector.spans:
        seen.setdefault(span["quorate.member"], set()).add(span["trace"])
    assert seen["alice"] == seen["bob"]
    assert 0 < len(seen["alice"]) < len(tasks)


def test_open_spans_are_handed_over_at_a_stop_those_of_a_resumed_task_below_its_root(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        traces = Traces.exporting(HOST, SystemClock())
        traces.opened(Opened(task=TASK, members=4, opener=True, resumed=True), 1)
        traces.entered(TASK, 0, "opening", 2)
        traces.close()
    (task,) = [span for span in collector.spans if span["name"] == "task"]
    assert int(task["above"], 16) == root_id(TASK)
    assert int(task["trace"], 16) == trace_id(TASK)
    assert int(task["id"], 16) != root_id(TASK)
