"""What a committee decided, in words: shared by `ask`, `verdict` and `verify`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..endings import REASONS
from .tables import TEXT_MAX, Roll, RoundView, percent, share, tame, tame_lines

if TYPE_CHECKING:
    from consensus.verdict import Release

    from ..federation import Federation

_CAUTIONS: Final = {
    "crash_mode": "crash mode: {}",
    "one_family": "one family: {}",
    "fragile": "fragile: {} could have changed the winner",
}
_NO_ANSWER: Final = {
    "undecided": "the two members disagree",
    "degraded": "too few members took part, as the warning says",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caution:
    """One thing that a verdict says before anything else (E3): `code` for programs, a text."""

    code: str
    text: str

    @property
    def line(self) -> str:
        """For people."""
        return f"warning: {_CAUTIONS.get(self.code, self.code + ': {}').format(self.text)}"

    def plain(self) -> dict[str, str]:
        """For programs."""
        return {"code": self.code, "text": self.text}


def cautions(pairs: Sequence[Sequence[str]], roll: Roll) -> tuple[Caution, ...]:
    """The warnings of a decision, members named."""
    return tuple(Caution(code=code, text=tame(roll.naming(text))) for code, text in pairs)


def unreleased(stands: "Release", federation: "Federation | None") -> tuple[Caution, ...]:
    """What is said first of an outcome that waits for an approver, or has none's word (E4)."""
    if stands.open:
        return ()
    from ..release import reason

    state, _, text = reason(stands.plain(), federation).partition(": ")
    code = str(stands.state).replace(" ", "_")
    return (Caution(code=code, text=tame(text or state)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dissent:
    """What a decision says for the answer that came second (E3a).

    `members` proposed it, `belief` is in bp, `argument` the best argument for it, by `by`;
    empty if nobody argued.
    """

    answer: str
    members: tuple[str, ...]
    belief: int
    argument: str
    by: str

    @classmethod
    def of(cls, data: Mapping[str, Any] | None, roll: Roll) -> "Dissent | None":
        """The dissent in a decision's figures, members named."""
        if data is None:
            return None
        return cls(
            answer=data["answer"],
            members=tuple(sorted((roll.names[at] for at in data["members"]), key=str.casefold)),
            belief=data["belief"],
            argument=data["argument"],
            by="" if data["by"] is None else roll.names[data["by"]],
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """For people."""
        by = ", ".join(self.members)
        found = [f"Dissent    {tame(self.answer)}, by {by}, believed {percent(self.belief)}"]
        if self.argument:
            found.append(f"           {self.by} argued: {tame(self.argument)}")
        return tuple(found)

    def plain(self) -> dict[str, Any]:
        """For programs; shares of one."""
        return {
            "answer": self.answer,
            "members": list(self.members),
            "belief": share(self.belief),
            "argument": self.argument,
            "argued_by": self.by or None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to find out where a decision stays unsure (P5): two rivals as (answer, belief, share of
    the two) in bp, and (for whom it would speak, text) of questions and of things to fetch; the
    rival is 0 or 1, None if it may be either."""

    rivals: tuple[tuple[str, int, int], ...]
    questions: tuple[tuple[int | None, str], ...]
    fetch: tuple[tuple[int | None, str], ...]

    @classmethod
    def of(cls, data: Mapping[str, Any] | None) -> "Plan | None":
        """The plan in a decision's figures."""
        if data is None:
            return None
        return cls(
            rivals=tuple(
                (item["answer"], item["belief"], item["share"]) for item in data["rivals"]
            ),
            questions=tuple((item["for"], item["text"]) for item in data["questions"]),
            fetch=tuple((item["for"], item["text"]) for item in data["fetch"]),
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """For people."""
        rivals = " or ".join(f"{tame(answer)} ({percent(part)})" for answer, _, part in self.rivals)
        found = [f"Open       {rivals}, of the two alone"]
        found += [f"Ask        {tame(text)}{self._gains(at)}" for at, text in self.questions]
        found += [f"Fetch      {tame(text)}" for _, text in self.fetch]
        return tuple(found)

    def _gains(self, at: int | None) -> str:
        return "" if at is None else f" (if so, {tame(self.rivals[at][0])} gains)"

    def plain(self) -> dict[str, Any]:
        """For programs; shares of one."""

        def told(items: Sequence[tuple[int | None, str]]) -> list[dict[str, Any]]:
            return [
                {"text": text, "speaks_for": None if at is None else self.rivals[at][0]}
                for at, text in items
            ]

        return {
            "rivals": [
                {"answer": answer, "belief": share(belief), "share": share(part)}
                for answer, belief, part in self.rivals
            ],
            "questions": told(self.questions),
            "fetch": told(self.fetch),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A decision. `probability` in bp; `last` is the round that it was made in."""

    cautions: tuple[Caution, ...]
    status: str
    answer: str | None
    probability: int
    reason: str
    dissent: Dissent | None
    plan: Plan | None
    last: RoundView

    @classmethod
    def of(cls, figures: Mapping[str, Any], round_: int, roll: Roll) -> "Summary":
        """The summary of the last outcome's figures."""
        decision = figures["decision"]
        return cls(
            cautions=cautions(decision["warnings"], roll),
            status=decision["status"],
            answer=decision["answer"],
            probability=decision["probability"],
            reason=decision["reason"],
            dissent=Dissent.of(decision["dissent"], roll),
            plan=Plan.of(decision["plan"]),
            last=RoundView.of(round_, figures, roll),
        )

    @property
    def headline(self) -> str:
        """The answer, or why there is none."""
        if self.answer is None:
            return f"No answer: {_NO_ANSWER.get(self.status, self.status)}"
        lot = "; a tie, drawn by lot" if self.last.tied else ""
        believed = f"believed {percent(self.probability)}{lot}"
        if self.body:
            return f"Answer     {believed}:"
        return f"Answer     {tame(self.answer)}, {believed}"

    @property
    def body(self) -> tuple[str, ...]:
        """The answer in full, under the headline, where it does not fit into it."""
        if self.answer is None:
            return ()
        lines = tame_lines(self.answer)
        if len(lines) == 1 and len(self.answer) <= TEXT_MAX:
            return ()
        return tuple(f"  {line}" if line else "" for line in lines)

    @property
    def lines(self) -> tuple[str, ...]:
        """What belongs under the headline."""
        rounds = self.last.number
        found = [f"Majority   would have said {_majority(self.last)}"]
        if self.dissent is not None:
            found += self.dissent.lines
        if self.plan is not None:
            found += self.plan.lines
        many = "s" if rounds > 1 else ""
        found.append(f"Ended      after {rounds} round{many}: {REASONS.get(self.reason)}")
        return tuple(found)

    def plain(self) -> dict[str, Any]:
        """For programs, warnings first; shares of one."""
        of_last = self.last.plain()
        return {
            "warnings": [item.plain() for item in self.cautions],
            "status": self.status,
            "answer": self.answer,
            "probability": share(self.probability),
            "dissent": None if self.dissent is None else self.dissent.plain(),
            "plan": None if self.plan is None else self.plan.plain(),
            **{name: of_last[name] for name in ("majority", "majority_tied")},
            "reason": self.reason,
            "rounds": self.last.number,
        }


def _majority(view: RoundView) -> str:
    if view.majority is None:
        return "nothing: no answer was proposed"
    tied = [tame(view.shown(name)) for name in view.majority_tied]
    return f"a tie of {', '.join(tied)}" if tied else tame(view.shown(view.majority))
