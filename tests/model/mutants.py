"""The faults that the models and the Python core share, and the searches that find them."""

from dataclasses import dataclass
from pathlib import Path

from tests.harness.mutants import Change

HERE = Path(__file__).parent
AGREEMENT = HERE / "agreement.pml"
ROUND = HERE / "round.pml"
INSTANCE = "consensus.agreement.instance:Instance"
VOTES = "consensus.agreement.votes:VoteBook"
DESK = "consensus.deliberation.desk:Desk"
OPENED = "consensus.deliberation.opened"
POINTS = "consensus.deliberation.points"


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One run of spin. `depth` bounds the steps of a path, 0 for no bound that is ever met."""

    name: str
    model: Path
    defines: tuple[str, ...] = ()
    depth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault: the search that finds it, and the same change of the core.

    `breaks` is what a schedule made from the counterexample then does. Agreement forks,
    decides junk, or never decides; a round counts what was written when its author had read others'
    proposals, or had seen others' ballots, or leaves out what was there in time.
    """

    search: Search
    breaks: str = ""
    changes: tuple[Change, ...] = ()


def _agreement(
    name: str, *defines: str, where: str, breaks: str, old: str, new: str, depth: int = 60
) -> Fault:
    return Fault(
        search=Search(name=name, model=AGREEMENT, defines=(name, *defines), depth=depth),
        breaks=breaks,
        changes=(Change(where=where, old=old, new=new),),
    )


def _round(name: str, *changes: Change, breaks: str) -> Fault:
    search = Search(name=name, model=ROUND, defines=(name,))
    return Fault(search=search, breaks=breaks, changes=changes)


FAULTS = (
    _agreement(
        "NO_LOCK", "VIEWS=2", "FORK", "BAD=1",
        where=f"{INSTANCE}._prevote", breaks="fork",
        old="agrees = free or (", new="agrees = True or (",
    ),
    _agreement(
        "LOCK_UNCOMPARED", "VIEWS=3", "FORK", "BAD=2",
        where=f"{INSTANCE}._prevote", breaks="fork", depth=32,
        old="free = self.locked is None or self.locked[0] <= body.valid_view", new="free = True",
    ),
    _agreement(
        "VALID_VIEW_UNCHECKED", "VIEWS=2", "FORK", "BAD=1",
        where=f"{INSTANCE}._prevote", breaks="fork",
        old="if len(earlier) < self._size.q:", new="if False:",
    ),
    _agreement(
        "QUORUM_MINUS_ONE", "VIEWS=2", "FORK", "BAD=0",
        where=f"{INSTANCE}.__init__", breaks="fork",
        old="self._size = committee.quorum",
        new="self._size = __import__('dataclasses').replace("
        "committee.quorum, q=committee.quorum.q - 1)",
    ),
    _agreement(
        "ACROSS_VIEWS", "VIEWS=4", "FORK", "BAD=3",
        where=f"{INSTANCE}._decide", breaks="fork",
        old="supporters = self._votes.supporters(view, Kind.PRECOMMIT, value)",
        new="supporters = {signer: vote for one in self._votes.precommit_views() "
        "for signer, vote in self._votes.supporters(one, Kind.PRECOMMIT, value).items()}",
    ),
    _agreement(
        "AMNESIA", "VIEWS=2", "FORK", "BAD=1", "WIDE",
        where=f"{INSTANCE}._restore", breaks="fork",
        old="self.locked = self.valid = (body.view, body.value)", new="pass",
    ),
    _agreement(
        "VALIDITY_UNCHECKED", "VIEWS=2", "FORK", "BAD=0",
        where=f"{INSTANCE}._validity_of", breaks="junk",
        old="return answer", new="return Valid()",
    ),
    _agreement(
        "NO_RELAY", "VIEWS=2", "CALM", "BAD=2",
        where=f"{INSTANCE}.messages", breaks="stuck",
        old="return proposals + self._votes.messages()",
        new="return [m for m in proposals + self._votes.messages() if m.signer == self._me]",
    ),
    _agreement(
        "FIRST_VOTE_WINS", "VIEWS=2", "CALM", "BAD=2",
        where=f"{VOTES}.add", breaks="stuck",
        old="if message.id in self._ids:", new="if earlier or message.id in self._ids:",
    ),
    _agreement(
        "NO_VALID_VALUE", "VIEWS=2", "CALM", "BAD=2",
        where=f"{INSTANCE}._precommit", breaks="stuck",
        old="self.valid = (self.view, value)", new="pass",
    ),
    _agreement(
        "PROOFS_FORGOTTEN", "VIEWS=2", "CALM", "WIDE", "BAD=2",
        where=f"{INSTANCE}._precommit", breaks="stuck", depth=40,
        old="self._cast(Kind.PRECOMMIT, value, proof)", new="self._cast(Kind.PRECOMMIT, value)",
    ),
    _round(
        "LEAVES_EARLY",
        Change(
            where=f"{DESK}.drafted",
            old="task.submit(Stage.SLATE, Kind.COMMIT, commit, message.envelope.payload)",
            new="task.submit(Stage.SLATE, Kind.COMMIT, commit, message.envelope.payload)\n"
            "    task.exchange.enter(message, 1_000)",
        ),
        Change(
            where="consensus.deliberation.exchange:Exchange.paths",
            old="return ()", new="return paths(self._task.committee, bytes(32))",
        ),
        breaks="read",
    ),
    _round(
        "COMMIT_AFTER_SLATE",
        Change(
            where=f"{OPENED}:open_all",
            old="if commit is not None:\n            opened.claims",
            new="if opening.alias:\n            opened.claims",
        ),
        breaks="read",
    ),
    _round(
        "OPENS_EARLY",
        Change(
            where=f"{DESK}._seal",
            old="task.submit(Stage.FREEZE, Kind.SEAL, body, length_prefixed(opening, held))",
            new="task.submit(Stage.FREEZE, Kind.SEAL, body, length_prefixed(opening, held))\n"
            "    task.submit("
            "Stage.OUTCOME, Kind.OPENING, task.reader.decode(Kind.OPENING, opening))",
        ),
        breaks="seen",
    ),
    _round(
        "SEAL_AFTER_FREEZE",
        Change(
            where=f"{OPENED}:open_all",
            old="if sealed is not None and opening.ballot is not None:",
            new="if opening.ballot is not None:",
        ),
        breaks="seen",
    ),
    _round(
        "PROPOSERS_CHOICE",
        Change(
            where=f"{POINTS}:check_set",
            old="if counted.get(signer) not in items:", new="if False:",
        ),
        breaks="left out",
    ),
    _round(
        "REPORTS_MINUS_ONE",
        Change(
            where=f"{POINTS}:check_set",
            old="if len(reporters) < committee.quorum.q:",
            new="if len(reporters) < committee.quorum.q - 1:",
        ),
        breaks="left out",
    ),
)  # fmt: skip

BOUNDED = (
    Search(name="agreement, 2 views", model=AGREEMENT, defines=("VIEWS=2", "WIDE")),
    Search(name="progress, 2 views", model=AGREEMENT, defines=("VIEWS=2", "CALM", "WIDE")),
    Search(name="round", model=ROUND),
)
"""What every change passes."""

FULL = tuple(
    Search(
        name=f"agreement, 3 views, {who}",
        model=AGREEMENT,
        defines=("VIEWS=3", f"BAD={bad}"),
    )
    for bad, who in enumerate(
        ("Byzantine leader first", "Byzantine leader second", "Byzantine leader third", "honest")
    )
)
"""What a night adds: who leads what splits the search into four that share no state."""
