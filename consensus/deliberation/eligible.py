"""Whether a proposal answers its task at all: functions of the task and the proposal (V4)."""

from collections.abc import Sequence

from ..bodies import AnswerSpec, Proposal
from ..tally.answers import normalise


def proposal_problem(spec: AnswerSpec, proposal: Proposal) -> str:
    """Why `proposal` cannot be a candidate for `spec`, or "" if it can."""
    answer, reason = normalise(spec, proposal.answer)
    if answer is None:
        return f"the answer {proposal.answer[:40]!r} {reason}"
    if proposal.belief and len(proposal.belief) != len(spec.options):
        return f"the belief has {len(proposal.belief)} entries for {len(spec.options)} options"
    if proposal.unseen and proposal.unseen[-1] >= len(spec.options):
        return f"unseen names option {proposal.unseen[-1]} of {len(spec.options)}"
    return ""


def same_answer(spec: AnswerSpec, proposals: Sequence[Proposal]) -> bool:
    """Whether all `proposals` give one and the same answer (R11)."""
    answers = {normalise(spec, proposal.answer)[0] for proposal in proposals}
    return len(answers) == 1 and None not in answers
