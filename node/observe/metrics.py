"""Every metric of a node: its name, what it means, its labels, and where its value comes from.

The one place of names: what is scraped, the page `METRICS.md` and the tests of dashboard and alert
rules all follow from this table.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from .contract import STAGES, Vitals
from .figures import Figures, Histogram


class Kind(StrEnum):
    """What a scrape may do with a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a scrape reads: counts since the start, the state now, and requests if there is a
    front (`node.observe.requests.Requests`, which loads a web framework)."""

    figures: Figures
    vitals: Vitals
    requests: Any = None


Samples = Iterable[tuple[tuple[str, ...], Any]]
"""Values by the values of their labels: numbers, or a `Histogram`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric. `labels` say for each label what its values are."""

    name: str
    kind: Kind
    text: str
    read: Callable[[Seen], Samples]
    labels: Mapping[str, str]


def _counter(name: str, text: str, read: Callable[[Seen], Samples], **labels: str) -> Metric:
    return Metric(name=f"quorate_{name}", kind=Kind.COUNTER, text=text, read=read, labels=labels)


def _gauge(name: str, text: str, read: Callable[[Seen], Samples], **labels: str) -> Metric:
    return Metric(name=f"quorate_{name}", kind=Kind.GAUGE, text=text, read=read, labels=labels)


def _times(name: str, text: str, read: Callable[[Seen], Samples], **labels: str) -> Metric:
    return Metric(name=f"quorate_{name}", kind=Kind.HISTOGRAM, text=text, read=read, labels=labels)


def _one(value: float | Histogram | None) -> Samples:
    return [] if value is None else [((), value)]


def _by(counts: Mapping[str, Any]) -> Samples:
    return [((key,), value) for key, value in sorted(counts.items())]


def _both(counts: Mapping[tuple[str, str], float]) -> Samples:
    return sorted(counts.items())


def _links(seen: Seen, read: Callable[[Any], float | None]) -> Samples:
    found = ((link.member, read(link)) for link in seen.vitals.links)
    return [((member,), value) for member, value in found if value is not None]


def _ways(seen: Seen, what: str) -> Samples:
    return [
        ((link.member, way), getattr(link, f"{what}_{way}"))
        for link in seen.vitals.links
        for way in ("in", "out")
    ]


def _coded(seen: Seen, what: str) -> Samples:
    return [
        ((link.member, code), count)
        for link in seen.vitals.links
        for code, count in sorted(getattr(link, what).items())
    ]


_MEMBER: Final = "a name of the federation file"
_KIND: Final = "a kind of message, such as `commit`, `prevote`, `precommit`"
_STAGE: Final = ", ".join(f"`{stage}`" for stage in STAGES)
_END: Final = (
    "why no further round was held (`unanimity`, `near_consensus`, `plateau`, `rounds`, `budget`, "
    "`deadline`), or `expired`, `abandoned`"
)
_WHERE: Final = (
    "`draft` (no commit on the slate), `judge` (no sealed ballot), `open` (sealed, not opened)"
)

TASKS: Final = (
    _gauge(
        "deliberations_running",
        "Undecided tasks here by the stage that they are in.",
        lambda s: [((stage,), s.vitals.running.get(stage, 0)) for stage in STAGES],
        stage=_STAGE,
    ),
    _counter(
        "deliberations_opened",
        "Tasks that began here, by who opened them.",
        lambda s: [((by,), s.figures.opened_by[by]) for by in ("member", "self")],
        by="`self`, `member`",
    ),
    _counter(
        "deliberations_ended",
        "Tasks that ended here, by why.",
        lambda s: _by(s.figures.ends),
        reason=_END,
    ),
    _times(
        "deliberation_duration_seconds",
        "From the start of a task here to its end.",
        lambda s: _one(s.figures.deliberations),
    ),
    _counter(
        "rounds",
        "Rounds of the tasks that ended here.",
        lambda s: _one(s.figures.rounds),
    ),
    _times(
        "stage_duration_seconds",
        "How long tasks were in a stage of a round.",
        lambda s: _by(s.figures.stages),
        stage=_STAGE,
    ),
    _counter(
        "views_lost",
        "Views of agreement that ended without a decision, by the point that was to be decided.",
        lambda s: _by(s.figures.views_lost),
        point="`slate`, `freeze`, `outcome`",
    ),
    _counter(
        "messages_signed",
        "Messages that this node signed and stored; votes are the kinds `prevote` and `precommit`.",
        lambda s: _by(s.figures.signed),
        kind=_KIND,
    ),
    _counter(
        "messages_received",
        "Messages of members that passed the gate, each once.",
        lambda s: _by(s.figures.received),
        kind=_KIND,
    ),
    _counter(
        "members_missing",
        "Rounds of verdicts here that lack something of a member.",
        lambda s: _both(s.figures.missing),
        member=_MEMBER,
        stage=_WHERE,
    ),
    _counter(
        "members_abstained",
        "Rounds of verdicts here in which a member said that it has no draft, or no judgment.",
        lambda s: _both(s.figures.abstained),
        member=_MEMBER,
        stage="`draft`, `judge`",
    ),
    _counter(
        "equivocations",
        "Pairs of messages that convict a member.",
        lambda s: _by(s.figures.equivocations),
        member=f"{_MEMBER}, or `other`",
    ),
)

MODELS: Final = (
    _counter(
        "model_calls",
        "Drafts and judgments asked of this node's model, by what came of them.",
        lambda s: _both(s.figures.calls),
        doing="`draft`, `judge`",
        result="`ok`, or a kind of failure such as `timeout`, `rate`, `authentication`",
    ),
    _times(
        "model_call_duration_seconds",
        "How long they took, the wait for room among other calls included.",
        lambda s: _by(s.figures.call_times),
        doing="`draft`, `judge`",
    ),
    _gauge(
        "model_calls_running",
        "Calls of the model under way (at most `model.calls`).",
        lambda s: _one(s.vitals.calls_running),
    ),
    _gauge(
        "model_calls_waiting",
        "Calls that wait for room among the others.",
        lambda s: _one(s.vitals.calls_waiting),
    ),
    _counter(
        "model_tokens",
        "Tokens that replies were billed for, as their provider says.",
        lambda s: [
            row
            for m in s.vitals.models
            for row in (((m.model, "in"), m.tokens_in), ((m.model, "out"), m.tokens_out))
        ],
        model="provider and model of a deployment",
        direction="`in`, `out`",
    ),
    _counter(
        "model_cost_dollars",
        "What those tokens cost by the configured or known prices, in US dollars.",
        lambda s: [((m.model,), m.micros / 1_000_000) for m in s.vitals.models],
        model="provider and model of a deployment",
    ),
)

LINKS: Final = (
    _gauge(
        "members_reached",
        "Members with a link, this one included.",
        lambda s: _one(s.vitals.reached),
    ),
    _gauge(
        "members_quorum",
        "Members that a committee of the whole federation needs.",
        lambda s: _one(s.vitals.quorum),
    ),
    _gauge(
        "link_up",
        "Whether there is a link with a member.",
        lambda s: _links(s, lambda link: int(link.up)),
        member=_MEMBER,
    ),
    _gauge(
        "link_round_trip_seconds",
        "The last round trip to a member.",
        lambda s: _links(s, lambda x: None if x.rtt_ms is None else x.rtt_ms / 1_000),
        member=_MEMBER,
    ),
    _gauge(
        "link_clock_difference_seconds",
        "A member's wall clock less this one's, as the link came up.",
        lambda s: _links(s, lambda x: None if x.skew_ms is None else x.skew_ms / 1_000),
        member=_MEMBER,
    ),
    _gauge(
        "link_queued_bytes",
        "What waits to be sent to a member.",
        lambda s: _links(s, lambda link: link.queued_bytes),
        member=_MEMBER,
    ),
    _counter(
        "link_bytes",
        "Bytes over links.",
        lambda s: _ways(s, "bytes"),
        member=_MEMBER,
        direction="`in`, `out`",
    ),
    _counter(
        "link_envelopes",
        "Signed messages over links.",
        lambda s: _ways(s, "envelopes"),
        member=_MEMBER,
        direction="`in`, `out`",
    ),
    _counter(
        "links_ended",
        "Links, and attempts at one, that ended, by why.",
        lambda s: _coded(s, "ends"),
        member=_MEMBER,
        code="why, such as `lost`, `stopping`, `clock_skew`",
    ),
    _counter(
        "refusals",
        "Messages that the gate refused.",
        lambda s: _by(s.vitals.refusals),
        code="the gate's, such as `bad_signature`, `over_quota`",
    ),
    _counter(
        "member_refusals",
        "What was refused of a member, messages and more.",
        lambda s: _coded(s, "refused"),
        member=_MEMBER,
        code="the gate's, the ledger's or the intake's",
    ),
)

NODE: Final = (
    _gauge(
        "node_info",
        "1, with what this node is.",
        lambda s: [((s.vitals.node, s.vitals.version, s.vitals.family), 1)],
        node="its name",
        version="of the program",
        family="of its model",
    ),
    _gauge(
        "start_time_seconds",
        "When the node began, in seconds since 1970.",
        lambda s: _one(s.vitals.began_ms / 1_000),
    ),
    _gauge(
        "ready",
        "1 if `/health/readiness` says so, else 0.",
        lambda s: _one(int(not s.vitals.lacks)),
    ),
    _gauge(
        "queue_depth",
        "What waits to be done.",
        lambda s: _by(s.vitals.queues),
        queue="`events` for the core, `lookups` in the store, `fetches` for members",
    ),
    _gauge(
        "store_bytes",
        "What database, log and evidence take on the disk.",
        lambda s: _one(s.vitals.store_bytes),
    ),
    _gauge(
        "store_limit_bytes",
        "What they may take (`limits.disk_mib`); 0 is no limit.",
        lambda s: _one(s.vitals.store_limit),
    ),
    _gauge(
        "ledger_facts",
        "Facts in the reputation ledger.",
        lambda s: _one(s.vitals.facts),
    ),
)

FRONT: Final = (
    _counter(
        "api_requests",
        "HTTP requests that ended.",
        lambda s: [] if s.requests is None else sorted(s.requests.counts.items()),
        route="as it is declared; `none` for what there is not",
        method="of HTTP; `other` for an unusual one",
        status="of the reply; `none` where the client hung up before",
    ),
    _times(
        "api_request_duration_seconds",
        "How long they took, a stream to its last byte.",
        lambda s: [] if s.requests is None else _by(s.requests.times),
        route="as above",
    ),
    _gauge(
        "api_requests_running",
        "HTTP requests under way.",
        lambda s: [] if s.requests is None else _one(s.requests.running),
    ),
)

GROUPS: Final[Mapping[str, tuple[Metric, ...]]] = {
    "Deliberations": TASKS,
    "The model": MODELS,
    "Members": LINKS,
    "The node": NODE,
    "The HTTP front": FRONT,
}

ALL: Final = tuple(metric for group in GROUPS.values() for metric in group)
