"""The votes of one instance, kept by view, kind and value (rules A8, A9, A12)."""

from ..bodies import Vote
from ..envelope import VOTES, Kind
from ..ports import Message

VIEW_WINDOW = 8
"""W of rule A9: views beyond ours that are kept whole. Views advance one timer at a time, so
honest members are rarely further apart, and A9 carries over those who are."""
VOTES_PER_SLOT = 4
"""Different votes of one signer in one slot that are kept whatever they name; more are kept
only for values that somebody else voted for too, so no value with t supporters is lost."""


class VoteBook:
    """Votes of one instance, each counted once for every value its signer named."""

    def __init__(self) -> None:
        self._cast: dict[tuple[int, Kind], dict[bytes, dict[bytes, Message]]] = {}
        self._seen: dict[tuple[int, Kind, bytes], list[Message]] = {}
        self._beyond: dict[bytes, Message] = {}
        self._highest: dict[bytes, int] = {}
        self._ids: set[bytes] = set()

    def add(self, message: Message, view: int) -> tuple[bool, Message | None]:
        """Keep a vote. Returns (is new, an earlier different vote of the same slot or None).

        `view` is the instance's own view: it bounds what is kept whole.
        """
        vote = message.body
        assert isinstance(vote, Vote) and message.kind in VOTES
        slot = (vote.view, message.kind, message.signer)
        earlier = self._seen.get(slot, [])
        if message.id in self._ids:
            return False, None
        if vote.view > view + VIEW_WINDOW:  # A9: of far views one message a signer
            self._highest[message.signer] = max(self._highest.get(message.signer, 0), vote.view)
            kept = self._beyond.get(message.signer)
            if kept is not None and isinstance(kept.body, Vote) and kept.body.view >= vote.view:
                return False, None
            if kept is not None:
                self._ids.discard(kept.id)
            self._beyond[message.signer] = message
            self._ids.add(message.id)
            return True, None
        by_value = self._cast.setdefault((vote.view, message.kind), {})
        supporters = by_value.get(vote.value, {})
        if len(earlier) >= VOTES_PER_SLOT and not supporters:
            return False, earlier[0]
        by_value.setdefault(vote.value, {})[message.signer] = message
        self._seen.setdefault(slot, []).append(message)
        self._ids.add(message.id)
        self._highest[message.signer] = max(self._highest.get(message.signer, 0), vote.view)
        return True, earlier[0] if earlier else None

    def note_view(self, signer: bytes, view: int) -> None:
        """A proposal of `signer` shows it in `view` too (A9)."""
        self._highest[signer] = max(self._highest.get(signer, 0), view)

    def holds(self, item: bytes) -> bool:
        """Whether the vote with this message id is kept."""
        return item in self._ids

    def settle(self, view: int) -> list[Message]:
        """Take out far votes that `view` has caught up with, to be added again."""
        near = [
            message
            for message in self._beyond.values()
            if isinstance(message.body, Vote) and message.body.view <= view + VIEW_WINDOW
        ]
        for message in near:
            del self._beyond[message.signer]
            self._ids.discard(message.id)
        return near

    def supporters(self, view: int, kind: Kind, value: bytes) -> dict[bytes, Message]:
        """Signer to vote, for `value` in `view`."""
        return self._cast.get((view, kind), {}).get(value, {})

    def support(self, value: bytes) -> int:
        """The most members that voted for `value` in one view and kind."""
        return max((len(by.get(value, ())) for by in self._cast.values()), default=0)

    def values(self, view: int, kind: Kind) -> list[bytes]:
        """Values named in `view`, nil included, in order of arrival."""
        return list(self._cast.get((view, kind), {}))

    def voters(self, view: int, kind: Kind) -> int:
        """How many distinct members cast votes of `kind` in `view`, for anything."""
        signers: set[bytes] = set()
        for supporters in self._cast.get((view, kind), {}).values():
            signers.update(supporters)
        return len(signers)

    def cast(self, view: int, kind: Kind) -> tuple[Message, ...]:
        """One vote of each member that cast any of `kind` in `view`, in order of the members."""
        found: dict[bytes, Message] = {}
        for supporters in self._cast.get((view, kind), {}).values():
            for signer, message in supporters.items():
                found.setdefault(signer, message)
        return tuple(found[signer] for signer in sorted(found))

    def precommit_views(self) -> list[int]:
        """Views in which precommits are held, ascending."""
        return sorted(view for view, kind in self._cast if kind is Kind.PRECOMMIT)

    def reached(self, witnesses: int) -> int:
        """The highest view w such that `witnesses` distinct members are in views >= w (A9)."""
        views = sorted(self._highest.values(), reverse=True)
        return views[witnesses - 1] if len(views) >= witnesses else 0

    def messages(self) -> list[Message]:
        """Every vote kept, conflicting ones included: what is relayed to others (T2)."""
        kept = [message for slot in self._seen.values() for message in slot]
        return kept + list(self._beyond.values())
