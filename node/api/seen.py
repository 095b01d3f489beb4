"""What a client is shown of deliberations, members and this node: the shapes of the REST replies.

These structs are the one source: replies are encoded from them, and `openapi` describes them.
Times are milliseconds, wall-clock ones since 1970; shares are of one; ids are hex. Members are
called by their names in the federation file. Texts of models and clients are data and nothing else.
"""

from typing import Annotated, Any, Literal

import msgspec

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Signed = Annotated[float, msgspec.Meta(ge=-1, le=1)]
Ms = Annotated[int, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Id = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]

State = Literal["running", "decided", "refused", "expired"]


class Warned(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a verdict says before its answer (rule E3)."""

    code: str
    text: str


class Brief(msgspec.Struct, frozen=True, kw_only=True):
    """A deliberation as it stands in a list.

    `question` is how the last part of the case begins. `phase` and `round` say where a running
    one stands. `answer` is how the decided one begins, None without a winner, and like `status`
    where nothing may be said of it. `question` is empty where it cannot be read any more.
    """

    task: Id
    state: State
    question: str
    domain: str
    opener: str
    members: list[str]
    opened_at_ms: Ms
    phase: str | None = None
    round: Count = 0
    verdict: Id | None = None
    status: str | None = None
    answer: str | None = None
    probability: Share | None = None
    reason: str | None = None
    warnings: list[Warned] = []
    decided_at_ms: Ms | None = None


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A page of deliberations: on the first those that run, then the newest decided ones first.

    `next` is what `after` takes for the page that follows, None on the last.
    """

    deliberations: list[Brief]
    next: Id | None


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the case; `numbers` is the length of its feature vector."""

    role: str
    text: str
    numbers: Count = 0


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The kind of answer that is asked for."""

    kind: str
    options: list[str]
    unit: str


class Abstained(msgspec.Struct, frozen=True, kw_only=True):
    """A member that drafted or judged nothing, and the reason that it signed."""

    member: str
    stage: Literal["draft", "judge"]
    reason: str


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """Who has done what in a round, as this node saw it. What they said is not told before the
    round's outcome: until then nobody may know whose draft is whose (rules R3, R9).

    `shown` is known of running deliberations alone. `decided` are the points that are agreed on.
    """

    round: Count
    drafted: list[str] = []
    shown: list[str] = []
    judged: list[str] = []
    opened: list[str] = []
    abstained: list[Abstained] = []
    decided: list[str] = []
    views: Count = 0


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal that counted, its author opened. Long texts are cut, with an ellipsis."""

    author: str
    answer: str
    rationale: str
    confidence: Share | None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One answer's figures in one round. `error` is the standard error of the logarithm of its
    strength, in nats."""

    answer: str
    members: list[str]
    belief: Share
    strength: Share
    error: float
    support: Signed
    votes: Count
    wins: Share


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """What one voter's ballot says of one draft: `masked` where its word does not count (R9).

    `wins` is the share of its comparisons of the draft that the draft won, None without one;
    `endorsement` is its mark, None without one.
    """

    masked: bool
    wins: Share | None = None
    endorsement: Signed | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One voter's row of the vote matrix, one cell a column."""

    voter: str
    cells: list[Cell]


class Matrix(msgspec.Struct, frozen=True, kw_only=True):
    """Voters by drafts. `authors` and `answers` head the columns."""

    authors: list[str]
    answers: list[str]
    rows: list[Row]


class Signals(msgspec.Struct, frozen=True, kw_only=True):
    """What the plateau reads of a round (rule P1) and the dials that it sets (P3).

    `gain` is what entropy lost since the round before; `flat` rounds in a row added nothing;
    `stood` says for how many rounds the winner has been the same. Points are 0 to 100.
    """

    entropy: Share
    gain: Signed
    divergence: Share
    overlap: Share
    evidence: Count
    argument: Count
    stood: Count
    flat: Count
    contentiousness: Share
    gate: Share


class Strike(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a member is charged with."""

    member: str
    reason: str


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """A round that has its outcome. `reason` says why it was the last, None if it was not."""

    round: Count
    winner: str | None
    belief: Share
    tied: bool
    majority: str | None
    reason: str | None
    ballots: Count
    fragile: bool
    standings: list[Standing]
    drafts: list[Draft]
    matrix: Matrix
    signals: Signals
    strikes: list[Strike]


class Dissent(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be said for the answer that came second (rule E3a)."""

    answer: str
    members: list[str]
    belief: Share
    argument: str
    by: str | None


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What the task cost one member, by its own claim."""

    member: str
    tokens: Count
    usd: float


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """A model that gave nothing, as its member signed it."""

    member: str
    doing: str
    provider: str
    model: str
    reason: str
    code: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a verdict says."""

    verdict: Id
    status: str
    answer: str | None
    probability: Share
    majority: str | None
    reason: str
    why: str
    rounds: Count
    warnings: list[Warned]
    dissent: Dissent | None
    costs: list[Spent]
    faults: list[Failed]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A person's note for the deliberation: the models were told it after the slate of `round`."""

    round: Count
    by: str
    at_ms: Ms
    text: str


class Deliberation(msgspec.Struct, frozen=True, kw_only=True):
    """A deliberation, as far as this node knows it and may tell it."""

    task: Id
    state: State
    case: list[Part]
    asked: Asked
    domain: str
    opener: str
    members: list[str]
    families: list[str]
    mode: str
    tolerates: str
    policy: dict[str, int | str]
    opened_at_ms: Ms
    not_after_ms: Ms
    phase: str | None
    round: Count
    accepted: list[str]
    notes: list[Said]
    steps: list[Steps]
    rounds: list[Round]
    outcome: Outcome | None


StepState = Literal["holds", "fails", "not reached", "not asked"]


class CheckStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a check: `round` is 0 for what is of no round. `text` says why it failed, and
    `message` names the envelope that is at fault."""

    number: Count
    round: Count
    rule: str
    title: str
    state: StepState
    text: str = ""
    message: Id | None = None


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What checking a verdict came to. `pinned` says that members and floors are those of this
    node's federation file."""

    verdict: Id
    task: Id
    valid: bool
    pinned: bool
    federation: str
    envelopes: Count
    bytes: Count
    steps: list[CheckStep]


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """How the link with a member stands; `end` is why the last one ended."""

    up: bool
    rtt_ms: Count | None
    skew_ms: int | None
    federation_differs: bool
    end: str | None
    refused: dict[str, int]


class Skill(msgspec.Struct, frozen=True, kw_only=True):
    """A member's scores in one domain, a half being neutral, and how many tasks made them."""

    domain: str
    author: Share
    judge: Share
    tasks: Count
    strikes: dict[str, int]


class MemberSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A member. `link` is None for this node itself; `evidence` is the fact that excludes it."""

    name: str
    key: Id
    family: str
    address: str
    me: bool
    link: Link | None
    excluded: bool
    evidence: Id | None
    scores: list[Skill]


class Members(msgspec.Struct, frozen=True, kw_only=True):
    """The federation's members, and the ledger that their scores are a function of (rule L1)."""

    federation: str
    epoch: Count
    as_of_ms: Ms
    facts: Count
    digest: Id
    members: list[MemberSeen]


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """A client's signed word on a verdict."""

    client: str
    right: bool
    answer: str | None
    at_ms: Ms
    fact: Id


class FactSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One task behind a member's scores. `author` and `judge` are what it says for and against,
    in observations; `left` is what decay has left of it; `why` says in words why it is so."""

    task: Id
    verdict: Id
    fact: Id
    domain: str
    opened_at_ms: Ms
    answer: str | None
    winner: str | None
    author: list[Share]
    judge: list[Share]
    left: Share
    counted: bool
    accepted: bool
    strikes: list[str]
    why: list[str]
    feedback: list[Word]


class MemberFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A member and the facts behind its scores, the newest first; `more` of them are not listed.

    `warnings` name what this node's store has lost of them.
    """

    warnings: list[Warned] = []
    member: MemberSeen
    facts: list[FactSeen]
    more: Count


class ModelSeen(msgspec.Struct, frozen=True, kw_only=True):
    """The model behind a node."""

    backend: str
    family: str
    name: str


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of the store, and the most that it may take (0: no limit)."""

    used: Count
    limit: Count


class NodeSeen(msgspec.Struct, frozen=True, kw_only=True):
    """How this node is doing. `whole` is False while its store is not its first, and tasks from
    before are followed and not signed; `twin` counts messages of its own key that it did not write.
    """

    name: str
    key: Id
    federation: str
    network: Id
    epoch: Count
    members: Count
    up: Count
    model: ModelSeen
    since_ms: Ms
    decided: Count
    running: Count
    refused: dict[str, int]
    whole: bool
    twin: Count
    disk: Disk
    stopping: bool


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """A client's signed statement that was taken: what kind it is, and the id that it has.

    Nothing is `new` where it, or one that stands over it, was known already. `state` and `reason`
    say how the release of an outcome stands after an approver's word (rule E4); `number` is a
    note's.
    """

    kind: Literal["feedback", "approval", "note"]
    task: Id
    id: Id
    new: bool
    state: str | None = None
    reason: str | None = None
    number: Count | None = None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a stream: `kind` says what happened, and `detail` has fields by kind."""

    task: Id
    round: Count
    kind: str
    detail: dict[str, Any]
