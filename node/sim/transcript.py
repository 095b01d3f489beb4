"""Lines of a transcript: what a member wrote, said or decided, for people."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from consensus.agreement.effects import Persist
from consensus.agreement.instance import value_id
from consensus.bodies import Acceptance, Commit, Opening, Propose, Report, Seal, Vote
from consensus.deliberation.effects import Progress
from consensus.envelope import ZERO
from consensus.ports import Message

if TYPE_CHECKING:
    from .swarm import Swarm

HONEST = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi")
BYZANTINE = ("mallory", "mallet", "trudy")


def names(byzantine: Sequence[bool]) -> tuple[str, ...]:
    """A name for each position."""
    good, bad = iter(HONEST), iter(BYZANTINE)
    return tuple(next(bad) if one else next(good) for one in byzantine)


def short(data: bytes) -> str:
    """The first bytes of an id."""
    return "nil" if data == ZERO else data.hex()[:6]


def message(what: Message, swarm: "Swarm") -> str:
    """One message in a few words."""
    where = f"{what.ctx.stage.name.lower()}/{what.ctx.round}"
    body = what.body
    match body:
        case Vote():
            said = f"v{body.view} {short(body.value)}"
        case Propose():
            said = f"v{body.view} (valid {body.valid_view}) {short(value_id(body.value))}"
        case Report():
            said = f"of {len(body.ids)}: {' '.join(short(item) for item in body.ids[:8])}"
        case Commit():
            said = f"abstains: {body.abstain}" if body.abstain else short(body.commitment)
        case Acceptance():
            said = f"refuses: {body.refusal}" if body.refusal else "accepts"
        case Seal():
            said = short(body.hash)
        case Opening():
            said = f"proposal {short(body.proposal)}, ballot {'yes' if body.ballot else 'no'}"
        case _:
            said = ""
    known = [node.name for node in swarm.nodes if node.member == what.signer]
    return (
        f"{known[0] if known else 'an alias'}'s {what.kind.name} {where} #{short(what.id)} {said}"
    )


def persisted(effect: Persist, swarm: "Swarm") -> str:
    """What a member made durable."""
    return f"writes {message(effect.message, swarm)}"


def progress(effect: Progress) -> str:
    """What a member has to tell; messages of others that merely came in are left out."""
    if effect.what in ("accepted", "committed", "proposed", "judged", "opened", "outcome"):
        return ""
    detail = ", ".join(f"{key} {value}" for key, value in effect.detail.items())
    return f"{effect.what} ({detail}) in round {effect.round}"
