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
class Reason:
    """One proposal's own words for its answer, in a claim (R1b).

    `wording` is the answer as this proposal has it, empty where that is the claim's. `cited` are
    its evidence ids. `cut` says that `text` ends before its author did.
    """

    letter: str
    wording: str
    text: str
    cited: tuple[str, ...] = ()
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One voter's words on a proposal of a claim (R1b): a `Critique`, and under which letter
    the proposal stands. `cut` says that its text ends before its author did."""

    letter: str
    critique: Critique
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One answer of one earlier round, and what was said for and against it (R1b).

    `answer` is the words of the proposal that stands first; `cut` says that they go on.
    `letters` are those of its proposals, `of` how many proposals of the round stand in the record.
    `confidence` is what its round's authors believed in it together and `belief` what the committee
    then agreed on (O4), both in bp. `judged` counts the marks that its proposals were given,
    `endorsement` is the lower median of theirs and `contest` the variance, in points squared
    (0..10,000): how much judges disagreed. Views without words are in these figures alone.
    `left_out` counts the reasons and views that the limit left no room for.
    """

    round: int
    answer: str
    letters: tuple[str, ...]
    of: int
    confidence: int
    belief: int
    judged: int = 0
    endorsement: int = 0
    contest: int = 0
    reasons: tuple[Reason, ...] = ()
    views: tuple[View, ...] = ()
    cut: bool = False
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The agreed record folded to the policy's limit (R1b), for models that read words.

    `claims` stand by round, the latest first, and within one the most contested first. They are
    the same at every member. `tokens` is what they are charged, and `left_out` counts the claims
    that the limit or the forget gate left no room for.
    """

    claims: tuple[Claim, ...] = ()
    tokens: int = 0
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A person's note as models are told it (R1c): `by` is the speaker's name in the TaskOpen,
    `at_ms` when it was signed. Nobody judges it. `cut` says that its text goes on."""

    by: str
    at_ms: int
    text: str
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Remarks:
    """The notes of the slates decided so far, ascending by time and id: the same at every member.

    `bytes` is what they are charged of the policy's `context_tokens` (R1b); `left_out` counts
    those that the limit left no room for.
    """

    told: tuple[Remark, ...] = ()
    bytes: int = 0
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What the task asks: its messages, what an answer may be, and its domain."""

    messages: tuple[Content, ...]
    answer: AnswerSpec
    domain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftRequest:
    """Ask for a draft (R1). `deadline_ms` from now on; a later answer is not used.

    `record` is the agreed record in figures, for models that compute with beliefs; `context` is the
    same record in words, folded to the policy's limit, for models that read. `own` are the letters
    in it of this member's own proposals: known locally, never sent. `remarks` are people's notes.

    `task` is the same for all requests of one task and says nothing else: a backend keeps
    its budgets by it. No model is ever shown it.
    """

    case: Case
    round: int
    record: tuple[RecordEntry, ...]
    dials: Dials
    deadline_ms: int
    task: str = ""
    context: Context = Context()
    own: frozenset[str] = frozenset()
    remarks: Remarks = Remarks()


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
    `candidates`. `remarks` are people's notes, which are no candidates. `task` as in a
    `DraftRequest`.
    """

    case: Case
    round: int
    candidates: tuple[LetteredProposal, ...]
    own: Proposal | None
    dials: Dials
    deadline_ms: int
    task: str = ""
    design: Design = Design()
    remarks: Remarks = Remarks()


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
