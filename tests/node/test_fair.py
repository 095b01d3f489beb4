"""Accounts take turns by what they cost, and none waits for what another has queued (T3)."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.fair import LEAST, FairQueue

A, B, C = b"alice", b"bob", b"carol"


def served(queue: FairQueue[str], count: int, cost: int = LEAST) -> list[str]:
    """The next so many items, each at one cost."""
    found = []
    for _ in range(count):
        account, item = queue.take()
        queue.charge(account, cost)
        found.append(item)
    return found


def test_an_account_is_served_in_the_order_of_arrival() -> None:
    queue: FairQueue[int] = FairQueue()
    for number in range(50):
        queue.put(A, number)
    assert [queue.take()[1] for _ in range(50)] == list(range(50))


def test_one_item_waits_for_one_of_each_other_account_and_no_more() -> None:
    queue: FairQueue[str] = FairQueue()
    for _ in range(100):
        queue.put(A, "a")
        queue.put(B, "b")
    served(queue, 37)
    queue.put(C, "c")
    assert "c" in served(queue, 3)


def test_who_wanted_nothing_is_owed_nothing() -> None:
    queue: FairQueue[str] = FairQueue()
    for _ in range(200):
        queue.put(A, "a")
    served(queue, 100)
    for _ in range(100):
        queue.put(B, "b")
    assert Counter(served(queue, 100)) == {"a": 50, "b": 50}


def test_who_costs_ten_times_as_much_is_served_a_tenth_as_often() -> None:
    queue: FairQueue[str] = FairQueue()
    for _ in range(500):
        queue.put(A, "a")
        queue.put(B, "b")
    found: Counter[str] = Counter()
    for _ in range(440):
        account, item = queue.take()
        queue.charge(account, LEAST * (10 if account == A else 1))
        found[item] += 1
    assert found == {"a": 40, "b": 400}


def test_what_was_done_beside_the_queue_is_paid_for_too() -> None:
    queue: FairQueue[str] = FairQueue()
    for _ in range(20):
        queue.put(A, "a")
        queue.put(B, "b")
    queue.charge(A, 10 * LEAST)
    assert served(queue, 10) == ["b"] * 10


def test_an_account_that_cost_much_while_nobody_waited_begins_afresh() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.put(A, "a")
    account, _ = queue.take()
    queue.charge(account, 10**12)
    for _ in range(10):
        queue.put(A, "a")
        queue.put(B, "b")
    assert Counter(served(queue, 10)) == {"a": 5, "b": 5}


def test_the_queue_knows_how_much_waits() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.put(A, "a", 5)
    queue.put(B, "b", 7)
    assert (len(queue), queue.weight) == (2, 12)
    queue.take()
    queue.take()
    assert (len(queue), queue.weight) == (0, 0)
    with pytest.raises(IndexError):
        queue.take()


def test_a_queue_that_runs_empty_remembers_nobody() -> None:
    queue: FairQueue[str] = FairQueue()
    for number in range(100):
        queue.put(bytes([number]), "once")
    served(queue, 100)
    assert not queue._cost


@given(st.integers(0, 2**32), st.integers(2, 6))
def test_whoever_waits_all_the_time_gets_its_share_to_within_one_item(
    seed: int, accounts: int
) -> None:
    """Goyal, Vin and Cheng, theorem 1: costs of two accounts that both wait throughout differ by
    no more than the largest item of each."""
    rng = random.Random(seed)
    queue: FairQueue[int] = FairQueue()
    names = [bytes([at]) for at in range(accounts)]
    cost = dict.fromkeys(names, 0)
    for name in names:
        for number in range(300):
            queue.put(name, number)
    largest = 50 * LEAST
    for _ in range(200):
        account, _ = queue.take()
        price = rng.randint(LEAST, largest)
        cost[account] += price
        queue.charge(account, price)
        assert max(cost.values()) - min(cost.values()) <= 2 * largest
