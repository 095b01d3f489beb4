"""Requests to models, short to write."""

from collections.abc import Mapping

from consensus.bodies import AnswerKind, AnswerSpec, Content, Proposal
from consensus.deliberation.requests import (
    Case,
    Context,
    Critique,
    Dials,
    DraftRequest,
    JudgeRequest,
    LetteredProposal,
    RecordEntry,
)
from consensus.tally.design import Design

DEADLINE_MS = 60_000
"""Far beyond what any test waits for."""

NUMBER = AnswerSpec(kind=AnswerKind.NUMBER)
TEXT = AnswerSpec(kind=AnswerKind.TEXT)
JSON = AnswerSpec(kind=AnswerKind.JSON)


def labels(*options: str) -> AnswerSpec:
    """A label answer over `options`."""
    return AnswerSpec(kind=AnswerKind.LABEL, options=options)


def case(spec: AnswerSpec, text: str = "which one?", vector: tuple[float, ...] = ()) -> Case:
    """A case of one part."""
    return Case(messages=(Content(text=text, vector=vector),), answer=spec, domain="test")


def draft_request(
    of: Case,
    *,
    round: int = 1,
    record: tuple[RecordEntry, ...] = (),
    dials: Dials | None = None,
    deadline_ms: int = DEADLINE_MS,
    context: Context | None = None,
    own: frozenset[str] = frozenset(),
) -> DraftRequest:
    """Ask for a draft of that case."""
    return DraftRequest(
        case=of,
        round=round,
        record=record,
        dials=dials or Dials(),
        deadline_ms=deadline_ms,
        context=context or Context(),
        own=own,
    )


def judge_request(
    of: Case,
    candidates: Mapping[str, Proposal | str],
    *,
    own: Proposal | None = None,
    round: int = 1,
    deadline_ms: int = DEADLINE_MS,
    design: Design | None = None,
) -> JudgeRequest:
    """Ask for a judgment of `candidates` by letter; a bare answer stands for a proposal."""
    return JudgeRequest(
        case=of,
        round=round,
        candidates=tuple(
            LetteredProposal(
                letter=letter,
                proposal=said if isinstance(said, Proposal) else Proposal(answer=said),
            )
            for letter, said in candidates.items()
        ),
        own=own,
        dials=Dials(),
        deadline_ms=deadline_ms,
        design=design or Design(),
    )


def entry(
    proposal: Proposal, *, own: bool = False, round: int = 1, argument: tuple[int, ...] = ()
) -> RecordEntry:
    """A record entry whose critiques give those argument points."""
    return RecordEntry(
        round=round,
        letter="A",
        proposal=proposal,
        critiques=tuple(
            Critique(endorsement=0, evidence=0, argument=points, text="") for points in argument
        ),
        own=own,
    )
