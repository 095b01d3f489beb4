"""What a verdict file says that the demonstration counts: drafts, baselines, the decision."""

from collections.abc import Mapping
from dataclasses import dataclass

from consensus.bodies import BodyError, Proposal
from consensus.envelope import Stage
from consensus.verdict.bundle import Bundle, BundleError

from ..opened import OpenedRound
from ..wire import codec


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One verdict, as far as the table needs it.

    `drafts` are the proposals that counted in round 1, before anybody had read another's, by
    the author's key. `majority` (the most proposed answer, or all that share first place) and
    `mean` (of the beliefs: what a coordinator that sees them would say) are the baselines
    that round 1's outcome records. `answer` is the verdict's, None without a winner; `tied`
    holds all answers that share its place, if others do.
    """

    task: str
    verdict: str
    drafts: Mapping[bytes, Proposal]
    majority: tuple[str, ...]
    mean: str | None
    answer: str | None
    tied: tuple[str, ...]
    probability: int
    status: str
    reason: str
    rounds: int
    warnings: Mapping[str, str]
    size: int


def read(data: bytes) -> Reading:
    """Read a verdict file, without checking it: that is `verify`'s job.

    Raises `BundleError` if it is none.
    """
    bundle = Bundle.decode(data)
    try:
        keys = codec.task_open(bundle.opened).committee.members
        opened = OpenedRound.signed(1, bundle.rounds[0])
        end = bundle.rounds[-1].value(Stage.OUTCOME, len(bundle.rounds)).figures
        assert end is not None
        first, last = opened.figures, end
        authors = dict(zip(first["proposals"], first["authors"], strict=True))
        drafts: dict[bytes, Proposal] = {
            keys[authors[id_.hex()]]: proposal
            for id_, proposal in opened.proposals.items()
            if id_.hex() in authors
        }
        recorded, decision = first["tally"]["baselines"], last["decision"]
        single = recorded["majority"]
        return Reading(
            task=bundle.task.hex(),
            verdict=bundle.id.hex(),
            drafts=drafts,
            majority=tuple(recorded["majority_tied"]) or ((single,) if single else ()),
            mean=recorded["mean_belief"],
            answer=decision["answer"],
            tied=tuple(last["tally"]["tied"]),
            probability=decision["probability"],
            status=decision["status"],
            reason=decision["reason"],
            rounds=len(bundle.rounds),
            warnings=dict(decision["warnings"]),
            size=len(data),
        )
    except (BodyError, IndexError, KeyError, ValueError) as error:
        raise BundleError(f"the verdict cannot be read: {error}", damaged=True) from None
