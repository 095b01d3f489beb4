"""The values of the three agreed points and when they are valid (rules V1 to V3, A11).

A value is canonical JSON that *names* envelopes; their bytes travel apart and must be in
hand before validity is known. Validity is a function of what the value carries, so every
member and every later verifier comes to the same answer.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .. import canonical
from ..agreement.validity import Invalid, Pending, Valid, Validity
from ..bodies import Report
from ..committee import Committee
from ..envelope import Ctx, Kind, MessageId, Stage
from ..ports import Message

CONTENT = {Stage.SLATE: Kind.COMMIT, Stage.FREEZE: Kind.SEAL, Stage.OUTCOME: Kind.OPENING}
"""What each point decides on."""

POINT_NAME = {Stage.SLATE: "slate", Stage.FREEZE: "freeze", Stage.OUTCOME: "outcome"}

READ = ("proposals", "void")
"""The figures that name proposals: those that an outcome counts, and those it finds void."""

SLOT_IDS = 2
"""Most ids of one slot in a REPORT: they prove that the slot is void (V1a)."""

SLOT_ROOM = 288
"""Most bytes of a set that one member's slot takes: its id or the pair that voids it, and its
REPORT, each as 64 letters in quotes with brackets and commas, with room."""

Lookup = Callable[[MessageId], Message | None]
"""Finds a verified message by id, among those held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointValue:
    """A point's value: the content that counts, who says so, and what is void.

    `ids` are one content envelope a slot, `reports` the carried REPORTs, `evidence` pairs
    that void a slot (V3), all ascending. `figures` is the outcome's tally and decision, and
    None at the slate and the freeze.
    """

    stage: Stage
    round: int
    ids: tuple[MessageId, ...]
    reports: tuple[MessageId, ...]
    evidence: tuple[tuple[MessageId, MessageId], ...]
    figures: dict[str, Any] | None = None

    def encode(self) -> bytes:
        """The canonical bytes that are agreed."""
        data: dict[str, Any] = {
            "evidence": [[first.hex(), second.hex()] for first, second in self.evidence],
            "ids": [item.hex() for item in self.ids],
            "point": POINT_NAME[self.stage],
            "reports": [item.hex() for item in self.reports],
            "round": self.round,
        }
        if self.figures is not None:
            data["figures"] = self.figures
        return canonical.encode(data)

    @classmethod
    def decode(cls, data: bytes, *, stage: Stage, round_: int) -> "PointValue":
        """The value behind canonical bytes. Raises `ValueError` if it is not this point's."""
        raw = canonical.read(data)  # its form is checked below, by writing it again
        try:
            value = cls(
                stage=stage,
                round=round_,
                ids=tuple(MessageId(bytes.fromhex(item)) for item in raw["ids"]),
                reports=tuple(MessageId(bytes.fromhex(item)) for item in raw["reports"]),
                evidence=tuple(
                    (MessageId(bytes.fromhex(first)), MessageId(bytes.fromhex(second)))
                    for first, second in raw["evidence"]
                ),
                figures=raw.get("figures"),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not the value of a point: {error!r}") from None
        if value.encode() != data:
            raise ValueError(f"not a value of round {round_}'s {POINT_NAME[stage]}")
        if (value.figures is not None) != (stage is Stage.OUTCOME):
            raise ValueError("figures belong to an outcome, and only there")
        if value.figures is not None:
            _check_proposals(value.figures)
        ascending = (
            list(value.ids) == sorted(set(value.ids)),
            list(value.reports) == sorted(set(value.reports)),
            list(value.evidence) == sorted(set(value.evidence)),
        )
        if not all(ascending):
            raise ValueError("ids, reports and evidence are ascending and distinct")
        if any(len(item) != 32 for item in value.named()):
            raise ValueError("an envelope is named by 32 bytes")
        if any(first >= second for first, second in value.evidence):
            raise ValueError("an evidence pair is two different ids, ascending")
        return value

    def named(self) -> tuple[MessageId, ...]:
        """Every envelope whose bytes the value needs."""
        pairs = [item for pair in self.evidence for item in pair]
        return (*self.ids, *self.reports, *pairs)


def closure(value: PointValue, lookup: Lookup) -> tuple[MessageId, ...]:
    """Every id a decided point stands on: what it names, what its REPORTs name, and the
    proposals an outcome counts or finds void (E1). REPORTs not held name nothing yet."""
    ids = list(value.named())
    for item in value.reports:
        report = lookup(item)
        if report is not None and isinstance(report.body, Report):
            ids += report.body.ids
    if value.figures is not None:
        for read in READ:
            ids += [MessageId(bytes.fromhex(item)) for item in value.figures[read]]
    return tuple(dict.fromkeys(ids))


def overfull(report: Report, lookup: Lookup) -> bool:
    """Whether a REPORT names more than two envelopes of one slot, of those held (V1a). An honest
    one shows with two that a slot is void; what more it named would weigh on every verdict."""
    if len(report.ids) <= SLOT_IDS:
        return False
    held = (lookup(item) for item in report.ids)
    count = Counter(message.signer for message in held if message is not None)
    return max(count.values(), default=0) > SLOT_IDS


def check_set(value: PointValue, *, committee: Committee, ctx: Ctx, lookup: Lookup) -> Validity:
    """Whether `ids` are exactly what the carried REPORTs oblige (V1, V2, V3).

    `ctx` is the point's instance. A pure function of the value and the bytes it names.
    """
    longest = max(len(value.ids), len(value.reports), len(value.evidence))
    if longest > committee.quorum.n:  # T3: before anything is asked for
        return Invalid(rule="V2", text=f"{longest} entries for {committee.quorum.n} members")
    missing = _absent(value.named(), lookup)
    if missing:
        return Pending(ids=missing)
    kind = CONTENT[value.stage]
    reported: set[MessageId] = set()
    reporters: set[bytes] = set()
    for item in value.reports:
        report = _held(item, lookup)
        if report.kind is not Kind.REPORT or report.ctx != ctx:
            return Invalid(rule="V1", text="a carried REPORT is of another instance", message=item)
        if report.signer in reporters:
            return Invalid(rule="V1", text="two REPORTs of one member", message=item)
        reporters.add(report.signer)
        assert isinstance(report.body, Report)
        reported.update(report.body.ids)
    missing = _absent(sorted(reported), lookup)
    if missing:
        return Pending(ids=missing)
    for item in value.reports:
        body = _held(item, lookup).body
        assert isinstance(body, Report)
        if overfull(body, lookup):
            text = "a REPORT names three envelopes of one slot"
            return Invalid(rule="V1a", text=text, message=item)
    slots: dict[bytes, set[MessageId]] = {}
    for item in sorted(reported.union(*value.evidence) if value.evidence else reported):
        content = _held(item, lookup)
        if content.kind is not kind or content.ctx != ctx:
            return Invalid(rule="V2", text="a named envelope is not this point's", message=item)
        slots.setdefault(content.signer, set()).add(item)
    void: set[bytes] = set()
    for first, second in value.evidence:
        signer = _held(first, lookup).signer
        if _held(second, lookup).signer != signer or signer in void:
            return Invalid(rule="V3", text="evidence is two envelopes of one slot", message=first)
        void.add(signer)
    counted: dict[bytes, MessageId] = {}
    for item in value.ids:
        content = _held(item, lookup)
        if content.kind is not kind or content.ctx != ctx:
            return Invalid(rule="V2", text="a counted envelope is not this point's", message=item)
        if content.signer in void or content.signer in counted:
            return Invalid(rule="V3", text="a slot counts once, or is void", message=item)
        counted[content.signer] = item
    full = value.stage is not Stage.OUTCOME and len(counted) + len(void) == committee.quorum.n
    if full and not value.reports:
        return Valid()  # V1: a slot for every member leaves nothing out
    if len(reporters) < committee.quorum.q:
        text = f"{len(reporters)} REPORTs carried, {committee.quorum.q} needed"
        return Invalid(rule="V1", text=text)
    for signer, items in slots.items():
        if signer in void:
            continue
        if len(items) > 1:
            return Invalid(rule="V3", text="a doubled slot lacks its evidence", message=min(items))
        if counted.get(signer) not in items:
            return Invalid(rule="V2", text="a reported envelope is left out", message=min(items))
    stray = [item for signer, item in counted.items() if signer not in slots]
    if stray:
        return Invalid(rule="V2", text="a counted envelope was not reported", message=min(stray))
    return Valid()


def build_set(
    *,
    stage: Stage,
    round_: int,
    committee: Committee,
    content: Mapping[bytes, list[Message]],
    reports: Iterable[Message],
    lookup: Lookup,
) -> PointValue | None:
    """A valid set from what is held, or None while there is too little (A1, A2).

    `content` maps a member to the envelopes held in its slot, `reports` are those whose every
    named envelope is held. Evidence held counts whether or not a REPORT names it (V3).
    """
    quorum = committee.quorum
    chosen: dict[bytes, set[MessageId]] = {
        signer: {message.id for message in messages} for signer, messages in content.items()
    }
    carried: dict[bytes, Message] = {}
    if stage is Stage.OUTCOME or len(chosen) < quorum.n:
        for report in reports:
            carried.setdefault(report.signer, report)
        if len(carried) < quorum.q:
            return None
        reported: dict[bytes, set[MessageId]] = {}
        for report in carried.values():
            assert isinstance(report.body, Report)
            for item in report.body.ids:
                reported.setdefault(_held(item, lookup).signer, set()).add(item)
        chosen = {
            signer: items | (chosen[signer] if len(chosen.get(signer, ())) > 1 else set())
            for signer, items in reported.items()
        }
    evidence = []
    ids = []
    for _, items in sorted(chosen.items()):
        if len(items) == 1:
            ids.append(next(iter(items)))
        else:
            first, second, *_ = sorted(items)
            evidence.append((first, second))
    return PointValue(
        stage=stage,
        round=round_,
        ids=tuple(sorted(ids)),
        reports=tuple(sorted(report.id for report in carried.values())),
        evidence=tuple(sorted(evidence)),
    )


def _check_proposals(figures: Any) -> None:
    """What is read before the figures are computed again: which proposals they name."""
    for read in READ:
        items = figures.get(read) if isinstance(figures, dict) else None
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise ValueError(f"an outcome lists its proposals under {read!r}")
        if any(len(bytes.fromhex(item)) != 32 for item in items):
            raise ValueError("a proposal is named by 32 bytes")


def _absent(ids: Iterable[MessageId], lookup: Lookup) -> tuple[MessageId, ...]:
    return tuple(item for item in ids if lookup(item) is None)


def _held(item: MessageId, lookup: Lookup) -> Message:
    message = lookup(item)
    assert message is not None
    return message
