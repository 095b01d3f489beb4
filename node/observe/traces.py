"""Spans of OpenTelemetry: one trace for a task over all of its members.

The trace's id is the first half of the task's id, and the span of the task at its opener has eight
bytes of the second half for its id. Every member knows the task's id, so each can hang its own
spans into the same trace and no header has to travel: what is signed stays as it is.

Attributes of model calls follow the semantic conventions for generative AI where they fit. No
prompt, no answer and no reason in words is in any span. Of a draft that will pass the mix (R3) not
even its tokens are: a text's length is public later, and would point at its author.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from consensus.bodies import Usage

from ..clock import Clock
from .contract import MIXED_FROM, Ended, Opened

TRACE_BYTES: Final = 16
SPAN_BYTES: Final = 8

SHUTDOWN_MS: Final = 2_000
"""How long a stopping node waits for its last spans to be taken."""

Attributes = Mapping[str, str | int | bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """Whose spans these are. `served` is provider and model as others may read them, a space
    between; empty for a model that is part of its node, whose backend `model` then names."""

    member: str
    version: str
    model: str
    served: str


def trace_id(task: bytes) -> int:
    """The trace of a task (32 bytes), the same at every member."""
    return int.from_bytes(task[:TRACE_BYTES])


def root_id(task: bytes) -> int:
    """The span of a task at its opener, under which the other members' hang."""
    return int.from_bytes(task[TRACE_BYTES : TRACE_BYTES + SPAN_BYTES])


class _Ids(RandomIdGenerator):
    """Random ids, but for a span whose trace and id are set just before it begins."""

    def __init__(self) -> None:
        self.next: tuple[int, int] | None = None

    def generate_trace_id(self) -> int:
        return super().generate_trace_id() if self.next is None else self.next[0]

    def generate_span_id(self) -> int:
        if self.next is None:
            return super().generate_span_id()
        (_, found), self.next = self.next, None
        return found


@dataclass(slots=True, kw_only=True)
class _Running:
    """The open spans of one task."""

    task: Span
    mixed: bool
    number: int = 0
    round: Span | None = None
    stage: Span | None = None
    calls: dict[tuple[int, str], Span] = field(default_factory=dict)


class Traces:
    """An `Observer` that writes spans. What it holds of a task goes as the task ends."""

    def __init__(self, host: Host, clock: Clock, processor: SpanProcessor) -> None:
        self._host = host
        self._ids = _Ids()
        named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "quorate"}
        self._provider = TracerProvider(
            resource=Resource.create(
                {**named, "service.instance.id": host.member, "service.version": host.version}
            ),
            id_generator=self._ids,
            shutdown_on_exit=False,  # the daemon does it, and says for how long
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("quorate", host.version)
        # Spans are of the wall clock, durations of the monotonic one: they are tied together once.
        self._epoch_ns = clock.wall_ms() * 1_000_000 - clock.monotonic_ns()
        self._clock = clock
        self._running: dict[bytes, _Running] = {}

    @classmethod
    def exporting(cls, host: Host, clock: Clock) -> "Traces":
        """Traces that go where the variables OTEL_* say."""
        return cls(host, clock, BatchSpanProcessor(OTLPSpanExporter()))

    def close(self) -> None:
        """End what is open, and hand over what waits. May wait: not for the event loop."""
        now = self._clock.monotonic_ns()
        for running in self._running.values():
            self._close(running, now)
        self._running.clear()
        self._provider.force_flush(SHUTDOWN_MS)
        self._provider.shutdown()

    def remembered(self) -> int:
        """How many tasks have open spans."""
        return len(self._running)

    # -- what is told -----------------------------------------------------------------

    def opened(self, opened: Opened, at_ns: int) -> None:
        """The span of the task: the root of its trace at the opener, else a child of that."""
        trace, root = trace_id(opened.task), root_id(opened.task)
        first = opened.opener and not opened.resumed
        decision = self._provider.sampler.should_sample(None, trace, "task").decision
        above = SpanContext(
            trace_id=trace,
            span_id=root,
            is_remote=True,
            # Members with one ratio decide alike, since what they decide by is the trace's id.
            trace_flags=TraceFlags(
                TraceFlags.SAMPLED if decision is Decision.RECORD_AND_SAMPLE else TraceFlags.DEFAULT
            ),
        )
        if first:
            self._ids.next = trace, root
        span = self._start(
            "task",
            None if first else NonRecordingSpan(above),
            at_ns,
            {
                "quorate.task": opened.task.hex(),
                "quorate.members": opened.members,
                "quorate.opener": opened.opener,
                "quorate.resumed": opened.resumed,
            },
        )
        self._running[opened.task] = _Running(task=span, mixed=opened.members >= MIXED_FROM)

    def entered(self, task: bytes, round_: int, stage: str, at_ns: int) -> None:
        """A span of the stage, within one of its round."""
        running = self._running.get(task)
        if running is None:
            return
        if running.stage is not None:
            running.stage.end(self._wall(at_ns))
        if round_ and round_ != running.number:
            if running.round is not None:
                running.round.end(self._wall(at_ns))
            running.number = round_
            about = {"quorate.round": round_}
            running.round = self._start(f"round {round_}", running.task, at_ns, about)
        above = running.round or running.task
        running.stage = self._start(
            stage, above, at_ns, {"quorate.round": round_, "quorate.stage": stage}
        )

    def view_lost(self, task: bytes, point: str, at_ns: int) -> None:
        """An event of the stage."""
        running = self._running.get(task)
        if running is not None:
            span = running.stage or running.task
            span.add_event("view lost", {"quorate.point": point}, self._wall(at_ns))

    def asked(self, task: bytes, round_: int, doing: str, at_ns: int) -> None:
        """A span of the call, within the stage that wants it."""
        running = self._running.get(task)
        if running is None:
            return
        provider, _, model = self._host.served.partition(" ")
        about: dict[str, str | int | bool] = {"quorate.round": round_, "quorate.doing": doing}
        if model:
            about |= {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": provider,
                "gen_ai.request.model": model,
            }
        else:
            about["quorate.model"] = self._host.model
        running.calls[round_, doing] = self._start(
            f"chat {model}" if model else f"{doing} {self._host.model}",
            running.stage or running.task,
            at_ns,
            about,
            kind=SpanKind.CLIENT if model else SpanKind.INTERNAL,
        )

    def answered(
        self,
        task: bytes,
        round_: int,
        doing: str,
        usage: Usage | None,
        failure: str,
        at_ns: int,
    ) -> None:
        """The call's span ends, with its tokens unless they would unmask a draft."""
        running = self._running.get(task)
        span = None if running is None else running.calls.pop((round_, doing), None)
        if running is None or span is None:
            return
        if failure:
            span.set_attribute("error.type", failure)
            span.set_status(Status(StatusCode.ERROR, failure))
        elif usage is not None and not (running.mixed and doing == "draft"):
            if usage.tokens_in or usage.tokens_out:
                span.set_attribute("gen_ai.usage.input_tokens", usage.tokens_in)
                span.set_attribute("gen_ai.usage.output_tokens", usage.tokens_out)
            if usage.calls:
                span.set_attribute("quorate.calls", usage.calls)
        span.end(self._wall(at_ns))

    def ended(self, ended: Ended, at_ns: int) -> None:
        """Every span of the task ends."""
        running = self._running.pop(ended.task, None)
        if running is None:
            return
        running.task.set_attribute("quorate.reason", ended.reason)
        running.task.set_attribute("quorate.rounds", ended.rounds)
        if ended.missing:
            names = sorted({member for member, _ in ended.missing})
            running.task.set_attribute("quorate.missing", names)
        if ended.reason in ("expired", "abandoned"):
            running.task.set_status(Status(StatusCode.ERROR, ended.reason))
        self._close(running, at_ns)

    # -- spans ------------------------------------------------------------------------

    def _start(
        self,
        name: str,
        above: Span | None,
        at_ns: int,
        about: Attributes,
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> Span:
        # An empty context where nothing is above: never whatever the process has as current.
        context: Any = {} if above is None else set_span_in_context(above, {})  # type: ignore[arg-type]
        return self._tracer.start_span(
            name,
            context,
            kind,
            {"quorate.member": self._host.member, **about},
            start_time=self._wall(at_ns),
        )

    def _close(self, running: _Running, at_ns: int) -> None:
        for span in (*running.calls.values(), running.stage, running.round, running.task):
            if span is not None:
                span.end(self._wall(at_ns))

    def _wall(self, at_ns: int) -> int:
        return self._epoch_ns + at_ns
