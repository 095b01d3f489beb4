"""What a member commits to and what it drafted (rules R1a, R2, R2b)."""

from dataclasses import dataclass

from ..committee import MAX_MEMBERS
from ..policy import ONE
from .fields import (
    COUNT_CAP,
    MAX_LABEL,
    MAX_REASON,
    VIEW_CAP,
    check,
    check_length,
    check_range,
    check_text,
)
from .note import MAX_NOTES, Note
from .task import MAX_ANSWER, MAX_OPTIONS, MAX_TEXT

MAX_CITATIONS = 256
"""Most ids of cited evidence in a proposal."""
MAX_EXPERTS = 64
"""Most rules whose weights a commit can carry; there are as many as `policy.EXPERTS`."""
ARM_FIGURES = 27
"""Figures of a view of the bandit's arms: three for each of the nine moves of the dials (P3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a request to a model cost: tokens in and out, micros of a US dollar, milliseconds, and
    the calls that were answered for it."""

    tokens_in: int = 0
    tokens_out: int = 0
    micros: int = 0
    ms: int = 0
    calls: int = 0

    def __post_init__(self) -> None:
        for name in ("tokens_in", "tokens_out", "micros", "ms", "calls"):
            check_range(getattr(self, name), 0, COUNT_CAP, f"usage.{name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """What a member's own ledger says of every member, by skill, and of rules (R2b, L2).

    In committee order, own entry included and ignored, in bp with 5,000 as neutral. `authors`
    is how good their drafts are, `judges` how good their judgments. Both empty: no view.
    `rules` is what each of `policy.EXPERTS` should weigh, in bp, where the policy's rule mixes
    them (O7a). `arms` is what it knows of the bandit's arms (P3): count, mean reward in bp and
    largest cost in tokens of each in turn; empty unless the policy has a bandit.
    """

    authors: tuple[int, ...] = ()
    judges: tuple[int, ...] = ()
    rules: tuple[int, ...] = ()
    arms: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name, most, of in (
            ("authors", MAX_MEMBERS, "a committee has members"),
            ("judges", MAX_MEMBERS, "a committee has members"),
            ("rules", MAX_EXPERTS, "there can be rules"),
        ):
            views: tuple[int, ...] = getattr(self, name)
            check(len(views) <= most, f"views.{name}: more than {of}")
            for view in views:
                check_range(view, 0, ONE, f"views.{name}")
        check(len(self.arms) in (0, ARM_FIGURES), f"views.arms: none or {ARM_FIGURES} figures")
        for at, figure in enumerate(self.arms):
            check_range(figure, 0, (VIEW_CAP, ONE, COUNT_CAP)[at % 3], "views.arms")


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A hiding commitment to a proposal (R2), or an abstention with its reason (R0).

    `commitment` is 32 bytes, zero when abstaining. `views` are this member's, in round 1
    only (R2b). `notes` are people's words that no earlier slate has brought (R1c).
    """

    commitment: bytes
    abstain: str = ""
    views: Views = Views()
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        check_length(self.commitment, 32, "commitment")
        check_text(self.abstain, MAX_REASON, "abstain")
        check((self.commitment == bytes(32)) == bool(self.abstain), "commit xor abstain")
        check(len(self.notes) <= MAX_NOTES, f"notes: at most {MAX_NOTES} in a commit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A member's answer under an alias key (R1a).

    An answer has at most `AnswerSpec.most_chars` characters, which the tally sees to (O1): only
    the task says of which kind this one is.
    `belief` is empty, or one bp figure for each option, summing to 10,000. `unseen` lists
    indices of options the model has never met. `confidence` in bp is used where there is no
    belief. `evidence` are cited ids.
    """

    answer: str
    belief: tuple[int, ...] = ()
    confidence: int = ONE
    rationale: str = ""
    evidence: tuple[str, ...] = ()
    unseen: tuple[int, ...] = ()
    usage: Usage = Usage()
    prompt: str = ""

    def __post_init__(self) -> None:
        check_text(self.answer, MAX_ANSWER, "answer")
        check(self.answer.strip() != "", "answer is empty")
        check(len(self.belief) <= MAX_OPTIONS, "belief: more entries than options allowed")
        for share in self.belief:
            check_range(share, 0, ONE, "belief")
        check(not self.belief or sum(self.belief) == ONE, "belief does not sum to 10000")
        check_range(self.confidence, 0, ONE, "confidence")
        check_text(self.rationale, MAX_TEXT, "rationale")
        check_text(self.prompt, MAX_LABEL, "prompt")
        check(len(self.evidence) <= MAX_CITATIONS, f"evidence: at most {MAX_CITATIONS} ids")
        for citation in self.evidence:
            check_text(citation, MAX_LABEL, "evidence id")
        check(len(self.unseen) <= MAX_OPTIONS, "unseen: more entries than options allowed")
        check(list(self.unseen) == sorted(set(self.unseen)), "unseen is not ascending")
        for option in self.unseen:
            check_range(option, 0, MAX_OPTIONS - 1, "unseen")
