"""How long an instance waits: timers by policy, view and round trip (rule A10)."""

import pytest

from consensus.agreement.timing import LINK_DOWN_MS, SCALE_CAP, SCALE_FLOOR, Timing
from consensus.bodies import VIEW_CAP
from consensus.policy import Policy

WIDEST = Policy(propose_ms=600_000, propose_step_ms=600_000, vote_ms=600_000)


@pytest.mark.parametrize(
    ("rtt_ms", "view", "propose", "vote"),
    [
        (None, 0, 3_000, 1_000),  # unmeasured: as the policy says
        (None, 1, 4_000, 1_500),
        (None, 5, 8_000, 3_500),
        (100, 0, 3_000, 1_000),  # the reference round trip
        (200, 0, 6_000, 2_000),  # twice as far, twice as long
        (200, 2, 10_000, 4_000),
        (50, 0, 1_500, 500),
        (0, 0, 600, 200),  # the floor: a fifth
        (1, 0, 600, 200),
        (20, 0, 600, 200),
        (21, 0, 630, 210),
        (499, 0, 14_970, 4_990),
        (500, 0, 15_000, 5_000),  # the cap: five times
        (60_000, 0, 15_000, 5_000),
    ],
)
def test_timer_is_base_and_step_by_view_scaled_by_the_round_trip(
    rtt_ms: int | None, view: int, propose: int, vote: int
) -> None:
    timing = Timing(policy=Policy(), rtt_ms=rtt_ms)
    assert timing.propose(view, proposer_up=True) == propose
    assert timing.vote(view) == vote


@pytest.mark.parametrize("rtt_ms", [None, 0, 100, 60_000])
@pytest.mark.parametrize("view", [0, 7, VIEW_CAP])
def test_proposer_whose_link_is_down_has_100_ms_in_any_view(rtt_ms: int | None, view: int) -> None:
    timing = Timing(policy=WIDEST, rtt_ms=rtt_ms)
    assert timing.propose(view, proposer_up=False) == LINK_DOWN_MS == 100


def test_shortest_timers_last_a_millisecond_at_least() -> None:
    timing = Timing(policy=Policy(vote_ms=10, propose_ms=10), rtt_ms=0)
    assert timing.vote(0) == 10 * SCALE_FLOOR // 100 == 2
    assert Timing(policy=Policy(vote_ms=10), rtt_ms=0).vote(0) >= 1


def test_later_views_never_wait_less() -> None:
    for rtt_ms in (None, 3, 100, 700):
        timing = Timing(policy=Policy(), rtt_ms=rtt_ms)
        waits = [timing.propose(view, proposer_up=True) for view in range(50)]
        assert waits == sorted(waits)


def test_peer_that_answers_slowly_on_purpose_gains_five_times_at_most() -> None:
    slow = Timing(policy=Policy(), rtt_ms=10**9)
    assert slow.vote(0) * 100 == Policy().vote_ms * SCALE_CAP
