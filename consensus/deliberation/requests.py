"""What a member's model is asked, and what it answers (rules R1, R5).

These are the only words between the protocol and a model. Others' proposals arrive under
letters that mean nothing outside one request: no identity, no alias, no message id.
"""

from dataclasses import dataclass

from ..bodies import AnswerSpec, Content, Preference, Proposal, Usage
from ..plateau import Dials as Dials  # a word of these requests too
from ..tally.design import Design


@dataclass(frozen=True, slots=True, kw_only=True)
class Critique:
    """One unstruck mark on a proposal: scores in points (0..100), endorsement -100..100."""

    endorsement: int
    evidence: int
    argument: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordEntry:
    """One counted proposal of an earlier round under a fresh letter (R1).

    `own` says that this member wrote it: known locally, never sent.
    """

    round: int
    letter: str
    proposal: Proposal
    critiques: tuple[Critique, ...]
    own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What the task asks: its messages, what an answer may be, and its domain."""

    messages: tuple[Content, ...]
    answer: AnswerSpec
    domain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftRequest:
    """Ask for a draft (R1). `deadline_ms` from now on; a later answer is not used.

    `task` is the same for all requests of one task and says nothing else: a backend keeps
    its budgets by it. No model is ever shown it.
    """

    case: Case
    round: int
    record: tuple[RecordEntry, ...]
    dials: Dials
    deadline_ms: int
    task: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LetteredProposal:
    """Another member's proposal under this voter's letter for it."""

    letter: str
    proposal: Proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeRequest:
    """Ask for a judgment of others' proposals (R5), never including the member's own.

    `candidates` stand in this voter's shuffled order. `own` is the member's own proposal of
    this round if it made one: a model may weigh others against what it believes itself,
    but has nothing to judge there. `design` says which pairs to compare, by position in
    `candidates`. `task` as in a `DraftRequest`.
    """

    case: Case
    round: int
    candidates: tuple[LetteredProposal, ...]
    own: Proposal | None
    dials: Dials
    deadline_ms: int
    task: str = ""
    design: Design = Design()


@dataclass(frozen=True, slots=True, kw_only=True)
class LetteredPair:
    """`preference` between the candidates `first` and `second` (letters); confidence in bp.

    Confidence 0 is a coin toss for FIRST or SECOND, 10,000 is certainty.
    """

    first: str
    second: str
    preference: Preference
    confidence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LetteredMark:
    """One candidate's endorsement (-100..100), scores (0..100) and short critique."""

    letter: str
    endorsement: int
    evidence: int = 0
    argument: int = 0
    critique: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgment:
    """A model's answer to a JudgeRequest. Candidates it cannot judge are simply left out."""

    pairs: tuple[LetteredPair, ...] = ()
    marks: tuple[LetteredMark, ...] = ()
    usage: Usage = Usage()
    prompt: str = ""
