"""What a verdict says of costs and faults, as its members signed it."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from consensus.bodies import Opening, Proposal, Report
from consensus.envelope import Kind
from consensus.verdict import Bundle

from .api.contract import Account, Cost, Fault
from .models.base import Failure, Spent
from .opened import abstentions, named

_OVERDUE: Final = (
    "the model gave no draft in time",
    "the model gave no judgment in time",
)
"""A timeout as the core words it, whose own deadline may come before the model call's (R0)."""


@dataclass(slots=True)
class _Book:
    """One member's: what its drafts and ballots cost by their own words (`told`), and the most
    tokens and micros of a US dollar that it reported in all."""

    told: Spent = field(default_factory=Spent)
    tokens: int = 0
    micros: int = 0


def account(bundle: Bundle, label: Callable[[bytes], str]) -> Account:
    """The costs and faults that a verdict holds, as its members signed them.

    Ballots carry their usage, drafts only where they were not mixed (R3); a REPORT before an
    outcome carries what its member spent in all (P2a), and an outcome names q REPORTs at least, so
    of a member whose REPORT it leaves out the mixed drafts are not known. Claims, all of them:
    nobody can check a bill of another's provider.
    """
    books: defaultdict[bytes, _Book] = defaultdict(_Book)
    faults: list[Fault] = []
    for part in bundle.rounds:
        messages = named(part, Kind.COMMIT, Kind.PROPOSAL, Kind.OPENING, Kind.REPORT)
        authors = {
            message.body.alias: message.signer
            for message in messages
            if isinstance(message.body, Opening)
        }
        for message in messages:
            match message.body:
                case Report() as body:
                    book = books[message.signer]
                    book.tokens = max(book.tokens, body.tokens)
                    book.micros = max(book.micros, body.micros)
                case Proposal() as body if message.signer in authors:
                    books[authors[message.signer]].told.add(body.usage)
                case Opening() as body if body.ballot is not None:
                    books[message.signer].told.add(body.ballot.usage)
                case _:
                    pass
        faults += [
            _fault(label(member), doing, reason) for member, doing, reason in abstentions(messages)
        ]
    costs = [
        Cost(
            member=label(member),
            tokens_in=book.told.tokens_in,
            tokens_out=book.told.tokens_out,
            unsplit=max(0, book.tokens - book.told.tokens_in - book.told.tokens_out),
            micros=max(book.told.micros, book.micros),
        )
        for member, book in books.items()
    ]
    return Account(
        costs=tuple(sorted(costs, key=lambda cost: cost.member)),
        faults=tuple(
            sorted(
                dict.fromkeys(faults),  # what others follow from first
                key=lambda fault: (not fault.code, fault.member, fault.doing),
            )
        ),
    )


def _fault(member: str, doing: str, reason: str) -> Fault:
    served, _, what = reason.rpartition(": ")
    provider, _, model = served.partition(" ")
    code = next((kind.name.lower() for kind in Failure if what.startswith(kind)), "")
    if reason in _OVERDUE:
        code = Failure.TIMEOUT.name.lower()
    return Fault(
        member=member,
        doing=doing,
        provider=provider if code else "",
        model=model if code else "",
        reason=reason,
        code=code,
    )
