"""Short, stable names for what a scene's members send: `bob's second commit`, `slate A`.

Ids are hashes of everything, so one changed byte would change every line of a transcript. A name
says whose word it is, of what kind and in which slot, and stays when bytes change.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from consensus.agreement.instance import value_id
from consensus.bodies import Packet, Propose, Vote
from consensus.deliberation.points import POINT_NAME
from consensus.deliberation.scribe import SlotKey, slot_of
from consensus.envelope import ZERO, Envelope, Kind, Stage
from consensus.ports import Message

WORDS = {
    Kind.ACCEPTANCE: ("ACCEPT", "ACCEPTs"),
    Kind.COMMIT: ("commit", "commits"),
    Kind.PROPOSAL: ("proposal", "proposals"),
    Kind.BATCH: ("batch", "batches"),
    Kind.SEAL: ("seal", "seals"),
    Kind.OPENING: ("opening", "openings"),
    Kind.REPORT: ("REPORT", "REPORTs"),
    Kind.PROPOSE: ("PROPOSE", "PROPOSEs"),
    Kind.PREVOTE: ("prevote", "prevotes"),
    Kind.PRECOMMIT: ("precommit", "precommits"),
    Kind.PACKET: ("packet", "packets"),
    Kind.BUNDLE: ("bundle", "bundles"),
}
"""One, and many."""

LISTED = 12
"""Most messages that `Names.summed` names one by one."""

ORDINALS = ("", "second ", "third ", "fourth ")
"""Of one slot; the first is the one that everybody has."""


def listed(words: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`; `nothing` of none."""
    found = list(words)
    if len(found) < 2:
        return "".join(found) or "nothing"
    return f"{', '.join(found[:-1])} and {found[-1]}"


class Names:
    """What the messages and values of one scene are called, in order of appearance."""

    def __init__(self, members: Mapping[bytes, str]) -> None:
        self._members = members
        self._authors: dict[bytes, str] = {}
        self._known: dict[bytes, tuple[str, Kind, str, str]] = {}
        self._slots: dict[tuple[bytes, SlotKey], list[bytes]] = {}
        self._values: dict[tuple[int, Stage], list[bytes]] = {}

    def member(self, key: bytes) -> str:
        """A member's name."""
        return self._members[key]

    def members(self, keys: Iterable[bytes]) -> str:
        """Names of members, in the order of the alphabet."""
        return listed(sorted(self._members[key] for key in keys))

    def wrote(self, who: str, proposal: Envelope) -> None:
        """`who` is the author of an alias-signed proposal, as none of the others knows yet."""
        self._authors[proposal.id] = who

    def learn(self, message: Message) -> None:
        """Give a message its name, and a proposed value its letter."""
        for part in message.parts:
            self.learn(part)
        if message.id in self._known:
            return
        body, round_, stage = message.body, message.ctx.round, message.ctx.stage
        what, order = "", ""
        there = self._slots.setdefault((message.signer, slot_of(message)), [])
        there.append(message.id)
        match body:
            case Propose():
                what = f" of {self.value(round_, stage, value_id(body.value))} in view {body.view}"
            case Vote():
                what = f" for {self.value(round_, stage, body.value)} in view {body.view}"
            case Packet():
                what = f" for path {body.path + 1}"
            case _:
                order = ORDINALS[min(len(there), len(ORDINALS)) - 1]
                if message.kind is Kind.REPORT:
                    what = f" on the {POINT_NAME[stage]}"
                if round_ > 1:
                    what += f" in round {round_}"
        who = self._members.get(message.signer) or self._authors.get(message.id, "an unknown")
        self._known[message.id] = (who, message.kind, order, what)

    def doubled(self, message: Message) -> bool:
        """Whether a known message is not the first of its slot."""
        return any(there[0] != message.id and message.id in there for there in self._slots.values())

    def value(self, round_: int, stage: Stage, item: bytes) -> str:
        """`slate A` is the first slate that was proposed in round 1."""
        if item == ZERO:
            return "nil"
        there = self._values.setdefault((round_, stage), [])
        if item not in there:
            there.append(item)
        later = f" of round {round_}" if round_ > 1 else ""
        return f"{POINT_NAME[stage]} {chr(ord('A') + there.index(item))}{later}"

    def of(self, ids: Iterable[bytes]) -> str:
        """Messages by id: `the commits of alice and bob, and carol's second commit`."""
        groups: dict[tuple[Kind, str, str], list[str]] = {}
        strangers = 0
        for item in ids:
            if item in self._known:
                who, kind, order, what = self._known[item]
                groups.setdefault((kind, order, what), []).append(who)
            else:
                strangers += 1
        said = []
        for (kind, order, what), authors in sorted(groups.items()):
            one, many = WORDS[kind]
            if len(authors) == 1:
                said.append(f"{authors[0]}'s {order}{one}{what}")
            else:
                said.append(f"the {order}{many} of {listed(sorted(authors))}{what}")
        if strangers:
            said.append(f"{strangers} that nobody has sent")
        return "; ".join(said) or "nothing"

    def summed(self, ids: Sequence[bytes]) -> str:
        """As `of`, but so many of each kind where there are more than a line has room for."""
        if len(ids) <= LISTED:
            return self.of(ids)
        kinds = Counter(self._known[item][1] for item in ids)
        return listed(f"{many} {WORDS[kind][many > 1]}" for kind, many in sorted(kinds.items()))
