"""What a verdict says of costs and faults, as its members signed it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from consensus.bodies import Commit, Opening, Proposal, Report, Usage
from consensus.envelope import Kind
from consensus.verdict import Bundle

from .api.contract import Account, Cost, Fault
from .models.base import Failure
from .wire import codec

_OVERDUE: Final = (
    "the model gave no draft in time",
    "the model gave no judgment in time",
)
"""A timeout as the core words it, whose own deadline may come before the model call's (R0)."""


@dataclass(slots=True)
class _Spent:
    tokens_in: int = 0
    tokens_out: int = 0
    micros: int = 0
    reported: int = 0
    reported_micros: int = 0

    def add(self, usage: Usage) -> None:
        self.tokens_in += usage.tokens_in
        self.tokens_out += usage.tokens_out
        self.micros += usage.micros


@dataclass(slots=True)
class _Books:
    spent: dict[bytes, _Spent] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def of(self, member: bytes) -> _Spent:
        return self.spent.setdefault(member, _Spent())


def account(bundle: Bundle, label: Callable[[bytes], str]) -> Account:
    """The costs and faults that a verdict holds, as its members signed them.

    Ballots carry their usage, drafts only where they were not mixed (R3); a REPORT before an
    outcome carries what its member spent in all (P2a), and an outcome names q REPORTs at least, so
    of a member whose REPORT it leaves out the mixed drafts are not known. Claims, all of them:
    nobody can check a bill of another's provider.
    """
    books = _Books()
    for part in bundle.rounds:
        named = [
            (envelope, codec.decode(Kind(envelope.kind), envelope.payload))
            for envelope in part.named
            if envelope.kind in (Kind.COMMIT, Kind.PROPOSAL, Kind.OPENING, Kind.REPORT)
        ]
        authors = {
            body.alias: envelope.signer for envelope, body in named if isinstance(body, Opening)
        }
        for envelope, body in named:
            match body:
                case Report():
                    spent = books.of(envelope.signer)
                    spent.reported = max(spent.reported, body.tokens)
                    spent.reported_micros = max(spent.reported_micros, body.micros)
                case Proposal() if envelope.signer in authors:
                    books.of(authors[envelope.signer]).add(body.usage)
                case Opening() if body.ballot is not None:
                    books.of(envelope.signer).add(body.ballot.usage)
                    books.faults += _faults(label(envelope.signer), "judge", body.ballot.abstain)
                case Commit():
                    books.faults += _faults(label(envelope.signer), "draft", body.abstain)
                case _:
                    pass
    costs = [
        Cost(
            member=label(member),
            tokens_in=spent.tokens_in,
            tokens_out=spent.tokens_out,
            unsplit=max(0, spent.reported - spent.tokens_in - spent.tokens_out),
            micros=max(spent.micros, spent.reported_micros),
        )
        for member, spent in books.spent.items()
    ]
    return Account(
        costs=tuple(sorted(costs, key=lambda cost: cost.member)),
        faults=tuple(
            sorted(
                dict.fromkeys(books.faults),  # what others follow from first
                key=lambda fault: (not fault.code, fault.member, fault.doing),
            )
        ),
    )


def _faults(member: str, doing: str, reason: str) -> Iterator[Fault]:
    if not reason:
        return
    served, _, what = reason.rpartition(": ")
    provider, _, model = served.partition(" ")
    code = next((kind.name.lower() for kind in Failure if what.startswith(kind)), "")
    if reason in _OVERDUE:
        code = Failure.TIMEOUT.name.lower()
    yield Fault(
        member=member,
        doing=doing,
        provider=provider if code else "",
        model=model if code else "",
        reason=reason,
        code=code,
    )
