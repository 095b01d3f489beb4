"""How often curious relays and recipients name an author from the wire (R3).

f colluders keep to the protocol and pool all they hear; `tests.harness.eavesdroppers` says how
they guess. By default a few hundred rounds are played, and the tolerance is what so few can tell
apart; with the profile `night` it is thousands, within 0.02 of the bound. Every run has its seed.
"""

import os

import pytest

from consensus.bodies import Bundle, Proposal, Usage
from consensus.deliberation.effects import Peeled
from consensus.deliberation.exchange import Exchange
from consensus.deliberation.task import Task
from consensus.envelope import Kind, Stage
from tests.harness.eavesdroppers import LooseRing, Measured, measure

NIGHT = os.environ.get("HYPOTHESIS_PROFILE") == "night"
ROUNDS = {4: 110, 5: 70, 7: 45}
LEAKY = 36
"""Rounds of a leaky variant: a leak shows at once."""
SIGMAS = 4.5
CLEARLY = 0.04


@pytest.mark.parametrize("members", [4, 5, 7])
def test_colluders_name_authors_as_often_as_the_bound_says(members: int) -> None:
    found = measure(members, 3_000 if NIGHT else ROUNDS[members], seed=11)
    slack = 0.02 if NIGHT else 0.02 + SIGMAS * found.error
    assert abs(found.rate - found.bound) <= slack, found


def leaks(found: Measured) -> bool:
    """Whether what was measured is past the bound by more than chance gives."""
    return found.rate - SIGMAS * found.error > found.bound + CLEARLY


def test_entry_that_does_not_shuffle_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def peeled(exchange: Exchange, event: Peeled) -> None:
        task = exchange._task
        exit_ = next(path.exit for path in exchange.paths(task.round) if path.entry == task.me)
        bundle = Bundle(boxes=event.boxes)  # in the order of their authors
        task.submit(Stage.EXCHANGE, Kind.BUNDLE, bundle, to=exit_)

    monkeypatch.setattr(Exchange, "peeled", peeled)
    assert leaks(measure(4, 2 * LEAKY, seed=12))


def test_author_that_lists_its_own_text_early_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest = Task.held

    def held(task: Task, member: bytes) -> tuple[int, bytes]:
        number, prefixes = honest(task, member)
        own = task.desk._own_proposal(task.round) if task.rounds else None
        return number, prefixes + (own.id[:8] if own else b"")

    monkeypatch.setattr(Task, "held", held)
    assert leaks(measure(4, LEAKY, seed=13))


def test_times_in_proposals_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def kept(proposal: Proposal, *, usage: Usage) -> Proposal:
        return proposal

    monkeypatch.setattr("consensus.deliberation.desk.replace", kept)
    assert leaks(measure(4, LEAKY, seed=14, metered=True))


def test_times_that_a_model_reports_stay_at_home() -> None:
    found = measure(4, LEAKY, seed=14, metered=True)
    assert not leaks(found), found


def test_packets_as_long_as_their_content_are_found_out() -> None:
    assert leaks(measure(4, 2 * LEAKY, seed=15, ring=LooseRing))


def test_texts_sent_by_their_authors_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consensus.deliberation.exchange.path_count", lambda _: 0)
    assert leaks(measure(4, LEAKY, seed=16))


def test_drafting_time_that_follows_length_is_outside_the_bound() -> None:
    """Commits carry names and come when the draft is done: see node/THREATS.md."""
    assert leaks(measure(4, LEAKY, seed=17, wordy=True))
