"""A task's policy: everything about how a committee decides that its opener chose (rule S3).

The policy is hashed into every message of the task. All figures are integers: shares and
probabilities in basis points (10,000 = 1), times in milliseconds. A federation pins floors,
so an opener cannot weaken what its members insist on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

STEP_MS = 100
"""Least that a view's timers grow by. Every vote is kept (A12), so a member that lets view after
view go by fills the memory of others; with this it takes a day to get through 3,000."""

ONE = 10_000
"""One, in basis points."""


RULES = (
    "blend",
    "bradley_terry",
    "quadratic",
    "majority",
    "borda",
    "log_odds",
    "reconcile",
    "copeland",
    "kemeny",
    "model_switch",
    "self_org",
    "latent_truth",
    "adaptive",
    "adaptive_capped",
)
"""Every rule that can name the winner (O7); `consensus.tally.rules` has each by this name."""

MIXED = ("adaptive", "adaptive_capped")
"""The rules that are a mixture of others (O7a)."""

EXPERTS = (*(rule for rule in RULES if rule not in MIXED), "best_member")
"""What they mix, in the order in which weights travel (R2b): every other rule, and the answer of
the member with the best score as an author."""


STOPS = ("unanimity", "near_consensus", "plateau", "maci", "efficiency", "seat")
"""Every stop rule that a policy can name (P2); `consensus.plateau.stop` has each by this name."""


def _figure(default: int, low: int, high: int, unit: str, doc: str) -> Any:
    return field(default=default, metadata={"low": low, "high": high, "unit": unit, "doc": doc})


def _choice(default: str, choices: tuple[str, ...], doc: str) -> Any:
    return field(default=default, metadata={"choices": choices, "unit": "name", "doc": doc})


def _names(default: str, names: tuple[str, ...], doc: str) -> Any:
    return field(default=default, metadata={"names": names, "unit": "names", "doc": doc})


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How one task is decided. Every field states unit, bounds and meaning."""

    rounds: int = _figure(3, 1, 16, "rounds", "most rounds before the last result stands")
    share: str = _choice(
        "all", ("all", "answer"), "what a proposal shows: all, or the answer without rationale"
    )
    rule: str = _choice("blend", RULES, "which figure names the winner (O7)")
    weights: str = _choice(
        "reputation",
        ("reputation", "equal"),
        "what a member's word weighs: by its reputation, or the same as everybody's (L3)",
    )
    mask: str = _choice(
        "proposal",
        ("proposal", "class"),
        "what a voter has no say on: its own proposal (R9), or its own answer, whoever gave it "
        "(R9b)",
    )
    endorsements: str = _choice(
        "scaled",
        ("scaled", "credits"),
        "what an endorsement is: a share of one unit of squared votes (O3), or a number of votes "
        "that cost their square, out of `credits` (O3a)",
    )
    credits: int = _figure(
        100, 1, 10_000, "credits", "what a ballot may spend if endorsements are votes (O3a)"
    )
    ballots: str = _choice(
        "all",
        ("all", "trimmed", "median_of_means"),
        "whose words on a pair or a class are heard: all, all but the f highest and the f lowest, "
        "or the median of 2f + 1 blocks (O5a)",
    )
    blend_proposals: int = _figure(
        3_000, 0, ONE, "bp", "share of the proposals' own beliefs in the blended belief (O4)"
    )
    blend_strengths: int = _figure(
        4_000, 0, ONE, "bp", "share of the Bradley-Terry strengths in the blended belief (O4)"
    )
    blend_support: int = _figure(
        3_000, 0, ONE, "bp", "share of quadratic support in the blended belief (O4)"
    )
    pairs: str = _choice(
        "all",
        ("all", "ring", "swiss", "information"),
        "which pairs a judge compares: all; neighbours and opposites on a ring, in both orders; of "
        "like strength so far; or those expected to tell most (R5)",
    )
    pair_budget: int = _figure(
        0,
        0,
        4_096,
        "pairs",
        "most pairs of one judge by swiss and information; 0 for half the answers a round, in as "
        "many rounds as they can be halved (R5)",
    )
    near_duplicates: str = _choice(
        "none",
        ("none", "simhash"),
        "what joins long free texts that fewer than t ballots compared: nothing, or nearly the "
        "same words (O1)",
    )
    strengths_over: str = _choice(
        "classes",
        ("classes", "candidates"),
        "what Bradley-Terry is fitted over: classes, or candidates, with the strengths of equal "
        "answers added (O2)",
    )
    prior: int = _figure(
        1_000,
        1,
        100_000,
        "thousandths",
        "pseudo-comparisons of each of these with a ghost of strength 1, half won (O2)",
    )
    ties: str = _choice(
        "half",
        ("half", "davidson"),
        "what Bradley-Terry takes a tie for: half a win and half a loss, or an outcome of its own "
        "whose frequency is fitted (O2)",
    )
    position: str = _choice(
        "none",
        ("none", "fitted"),
        "whether Bradley-Terry fits what being shown first adds; if not, a pair asked in both "
        "orders is averaged (O2)",
    )
    judges: str = _choice(
        "alike",
        ("alike", "discerning"),
        "whether Bradley-Terry takes judges to tell classes apart equally well, or fits a "
        "discrimination for each (O2)",
    )
    context_tokens: int = _figure(
        8_192,
        512,
        1_000_000,
        "tokens",
        "most of the record of earlier rounds that a model is given to read, at four bytes of text "
        "a token (R1b)",
    )
    forget: int = _figure(
        5_000,
        0,
        ONE,
        "bp",
        "how much of its share of that record a round loses with every later one; 10000 keeps the "
        "last round alone (R1b)",
    )
    min_confidence: int = _figure(
        0, 0, ONE, "bp", "a verdict whose winner is believed less than this warns first (E3)"
    )
    stops: str = _names(
        "unanimity near_consensus plateau",
        STOPS,
        "which rules may end a task before its bounds, in the order in which they are asked; "
        "rounds, budget and deadline always may (P2)",
    )
    near_consensus: int = _figure(
        1_000, 0, ONE, "bp", "stop if divergence D is under this and the winner stood (P2)"
    )
    plateau_entropy: int = _figure(
        500, 0, ONE, "bp", "relative gain of entropy under which a round adds nothing (P2)"
    )
    plateau_divergence: int = _figure(
        500, 0, ONE, "bp", "relative gain of divergence under which a round adds nothing (P2)"
    )
    quality_gate: int = _figure(
        0, 0, 100, "points", "median argument quality needed to stop on a plateau (P2)"
    )
    approvals: int = _figure(
        0,
        0,
        16,
        "approvers",
        "how many approvers must say yes before clients have the outcome; 0 asks nobody (E4)",
    )
    approval_ms: int = _figure(
        86_400_000,
        1_000,
        2_592_000_000,
        "ms",
        "age of a task at which approvals come too late (E4)",
    )
    maci_entropy: int = _figure(
        200, 0, ONE, "bp", "progress ratio of entropy under which maci takes it for flat (P2)"
    )
    maci_divergence: int = _figure(
        500, 0, ONE, "bp", "progress ratio of divergence under which maci takes it for flat (P2)"
    )
    overlap_floor: int = _figure(
        3_000, 0, ONE, "bp", "overlap of evidence that maci needs to stop, if any is cited (P2)"
    )
    effort: int = _figure(
        6_000, 1, ONE, "bp", "share of the curve's gain that conviction must reach (P2)"
    )
    curve_generate: int = _figure(
        6_000, 0, ONE, "bp", "chance that an answer is right before any round, on the curve (P2)"
    )
    curve_verify: int = _figure(
        8_000, 0, ONE, "bp", "chance that a judge tells right from wrong, on the curve (P2)"
    )
    curve_rate: int = _figure(
        200, 0, 10_000, "hundredths", "how fast rounds turn judging into answers, on the curve (P2)"
    )
    curve_fatigue: int = _figure(
        6_000, 0, 1_000_000, "millionths", "what the square of the rounds costs, on the curve (P2)"
    )
    dials: str = _choice(
        "follow",
        ("follow", "maci", "ucb"),
        "what turns the dials: the figures of the round; MACI's flags; or a bandit over moves, "
        "which learns across tasks and keeps to the budget (P3)",
    )
    ucb_cost: int = _figure(
        1_000, 0, ONE, "bp", "what the dearest round costs the bandit's reward (P3)"
    )
    sway_slope: int = _figure(
        2_000, 1, ONE, "bp a round", "drift towards the doubtful few at which a verdict warns (P4)"
    )
    plan_below: int = _figure(
        9_000, 0, ONE, "bp", "a winner believed less than this comes with a retrieval plan (P5)"
    )
    deadline_ms: int = _figure(
        120_000, 100, 86_400_000, "ms", "age of a task at which members claim its time spent (P2a)"
    )
    accept_ms: int = _figure(5_000, 10, 3_600_000, "ms", "deadline of the ACCEPT stage (R0)")
    draft_ms: int = _figure(30_000, 10, 3_600_000, "ms", "deadline of the draft stage (R0)")
    exchange_ms: int = _figure(10_000, 10, 3_600_000, "ms", "deadline of the exchange (R0)")
    judge_ms: int = _figure(60_000, 10, 3_600_000, "ms", "deadline of the judge stage (R0)")
    open_ms: int = _figure(10_000, 10, 3_600_000, "ms", "deadline of the opening stage (R0)")
    propose_ms: int = _figure(3_000, 10, 600_000, "ms", "propose timer of view 0 (A10)")
    propose_step_ms: int = _figure(1_000, STEP_MS, 600_000, "ms", "added to it for each view (A10)")
    vote_ms: int = _figure(1_000, 10, 600_000, "ms", "vote timers of view 0 (A10)")
    vote_step_ms: int = _figure(500, STEP_MS, 600_000, "ms", "added to them for each view (A10)")
    proposal_bytes: int = _figure(
        16_384, 256, 1_048_576, "bytes", "largest proposal, and the size all are padded to (R3)"
    )

    def __post_init__(self) -> None:
        for item in fields(self):
            value, meta = getattr(self, item.name), item.metadata
            if "choices" in meta:
                if value not in meta["choices"]:
                    known = ", ".join(meta["choices"])
                    raise ValueError(f"policy.{item.name} is {value!r}; it can be: {known}")
            elif "names" in meta:
                _check_names(item.name, value, meta["names"])
            elif not isinstance(value, int) or isinstance(value, bool):
                raise ValueError(f"policy.{item.name} must be an integer ({meta['unit']})")
            elif not meta["low"] <= value <= meta["high"]:
                raise ValueError(
                    f"policy.{item.name} is {value}; it must be {meta['low']} to "
                    f"{meta['high']} {meta['unit']}"
                )
        if self.blend_proposals + self.blend_strengths + self.blend_support != ONE:
            raise ValueError("policy.blend_proposals, _strengths and _support must sum to 10000")

    @property
    def stop_names(self) -> tuple[str, ...]:
        """The stop rules in their order."""
        return tuple(self.stops.split())

    def to_dict(self) -> dict[str, Any]:
        """Plain data for the descriptor, one entry a field."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @classmethod
    def from_dict(cls, data: Any) -> "Policy":
        """The policy behind plain data; every field must be there, none unknown."""
        names = {item.name for item in fields(cls)}
        if not isinstance(data, dict) or set(data) != names:
            odd = sorted(set(data) ^ names) if isinstance(data, dict) else "not an object"
            raise ValueError(f"policy fields missing or unknown: {odd}")
        return cls(**data)


def policy_problem(chosen: Mapping[str, Any]) -> str:
    """What keeps `chosen`, by name, from being fields of a policy, or "" if nothing does."""
    known = {item.name for item in fields(Policy)}
    if unknown := sorted(set(chosen) - known):
        return f"unknown policy field {unknown[0]!r}; there are: {', '.join(sorted(known))}"
    try:
        Policy(**chosen)
    except (TypeError, ValueError) as error:
        return str(error)
    return ""


def _check_names(field_name: str, value: Any, names: tuple[str, ...]) -> None:
    """One spelling a list: known names, each once, one blank between two; none is allowed."""
    given = value.split() if isinstance(value, str) else None
    if given is None or value != " ".join(given):
        raise ValueError(f"policy.{field_name} must be names with one blank between two")
    for name in given:
        if name not in names:
            known = ", ".join(names)
            raise ValueError(f"policy.{field_name} names {name!r}; it can name: {known}")
    if len(set(given)) != len(given):
        raise ValueError(f"policy.{field_name} names a rule twice")
