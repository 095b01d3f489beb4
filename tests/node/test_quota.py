"""What the store may take on the disk: at each mark, and one byte past it (S7, T3)."""

import pytest

from node.quota import MIB, Quota, mib

LIMIT = 100 * MIB
QUOTA = Quota(limit=LIMIT)


def test_without_a_limit_nothing_is_too_much() -> None:
    none = Quota()
    for used in (0, LIMIT, 2**60):
        assert (none.near(used), none.problem(used), none.brimming(used)) == (False, "", "")


def test_a_warning_is_due_past_eight_tenths() -> None:
    assert not QUOTA.near(80 * MIB)
    assert QUOTA.near(80 * MIB + 1)


def test_at_the_limit_tasks_are_taken_and_one_byte_past_it_they_are_not() -> None:
    assert QUOTA.problem(LIMIT) == ""
    assert QUOTA.problem(LIMIT + 1) == "over the disk quota of 100.0 MiB: 100.0 MiB are stored here"


def test_past_a_tenth_more_a_task_gets_no_answer() -> None:
    assert QUOTA.brimming(110 * MIB) == ""
    assert QUOTA.brimming(110 * MIB + 1).startswith("110.0 MiB are stored, far over the disk quota")


@pytest.mark.parametrize(("size", "said"), [(0, "0.0 MiB"), (3 * MIB // 2, "1.5 MiB")])
def test_sizes_are_told_in_mebibytes(size: int, said: str) -> None:
    assert mib(size) == said
