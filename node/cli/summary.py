"""What a committee decided, in words: shared by `ask`, `verdict` and `verify`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from .tables import REASONS, Roll, RoundView, percent, share, tame

_CAUTIONS: Final = {
    "crash_mode": "crash mode: {}",
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A decision. `probability` in bp; `last` is the round that it was made in."""

    cautions: tuple[Caution, ...]
    status: str
    answer: str | None
    probability: int
    reason: str
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
            last=RoundView.of(round_, figures, roll),
        )

    @property
    def headline(self) -> str:
        """The answer, or why there is none."""
        if self.answer is None:
            return f"No answer: {_NO_ANSWER.get(self.status, self.status)}"
        lot = "; a tie, drawn by lot" if self.last.tied else ""
        return f"Answer     {tame(self.answer)}, believed {percent(self.probability)}{lot}"

    @property
    def lines(self) -> tuple[str, ...]:
        """What belongs under the headline."""
        second, rounds = self.last.runner_up, self.last.number
        found = [f"Majority   would have said {_majority(self.last)}"]
        if second is not None:
            by = ", ".join(second.members)
            found.append(
                f"Dissent    {tame(second.answer)}, by {by}, believed {percent(second.belief)}"
            )
        many = "s" if rounds > 1 else ""
        found.append(f"Ended      after {rounds} round{many}: {REASONS.get(self.reason)}")
        return tuple(found)

    def plain(self) -> dict[str, Any]:
        """For programs, warnings first; shares of one."""
        return {
            "warnings": [item.plain() for item in self.cautions],
            "status": self.status,
            "answer": self.answer,
            "probability": share(self.probability),
            "majority": self.last.majority,
            "majority_tied": list(self.last.majority_tied),
            "reason": self.reason,
            "rounds": self.last.number,
        }


def _majority(view: RoundView) -> str:
    if view.majority is None:
        return "nothing: no answer was proposed"
    tied = view.majority_tied
    return f"a tie of {', '.join(map(tame, tied))}" if tied else tame(view.majority)
