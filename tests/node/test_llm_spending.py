"""Budgets stop before they are spent, calls side by side and restarts included."""

import asyncio
import json
from pathlib import Path

import pytest

from node.models.base import ModelSetupError
from node.models.llm.spending import DAY_MS, BudgetSpent, Limit, Purse

NONE = Limit()


class Days:
    """A clock that is set by hand."""

    day = 20_000

    def monotonic_ns(self) -> int:
        return 0

    def wall_ms(self) -> int:
        return self.day * DAY_MS + 5


def purse(home: Path, *, task: Limit = NONE, day: Limit = NONE, clock: Days | None = None) -> Purse:
    return Purse(home / "spending.json", clock or Days(), task=task, day=day)


async def test_a_call_that_fits_exactly_is_made_and_one_token_more_is_not(tmp_path: Path) -> None:
    found = purse(tmp_path, day=Limit(tokens=100))
    await found.reserve("t", tokens=100, micros=0)
    with pytest.raises(BudgetSpent, match="100 of 100 tokens") as refused:
        await found.reserve("t", tokens=1, micros=0)
    assert refused.value.which == "day"


async def test_calls_side_by_side_cannot_pass_a_limit_together(tmp_path: Path) -> None:
    found = purse(tmp_path, day=Limit(micros=10))
    work = [found.reserve("t", tokens=0, micros=3) for _ in range(9)]
    done = await asyncio.gather(*work, return_exceptions=True)
    assert sum(isinstance(item, BudgetSpent) for item in done) == 6
    assert found.today().micros == 9


async def test_what_a_call_did_not_use_comes_back_once(tmp_path: Path) -> None:
    found = purse(tmp_path, day=Limit(tokens=100))
    held = await found.reserve("t", tokens=100, micros=0)
    await found.settle(held, tokens=10, micros=0)
    await found.settle(held, tokens=0, micros=0)
    assert found.today().tokens == 10


async def test_a_tasks_budget_is_that_tasks_alone(tmp_path: Path) -> None:
    found = purse(tmp_path, task=Limit(tokens=10))
    await found.reserve("one", tokens=10, micros=0)
    await found.reserve("two", tokens=10, micros=0)
    with pytest.raises(BudgetSpent) as refused:
        await found.reserve("one", tokens=1, micros=0)
    assert refused.value.which == "task"
    assert not (tmp_path / "spending.json").exists()


async def test_an_open_reservation_survives_a_restart_as_spent(tmp_path: Path) -> None:
    await purse(tmp_path, day=Limit(tokens=100)).reserve("t", tokens=60, micros=7)
    again = purse(tmp_path, day=Limit(tokens=100))
    assert (again.today().tokens, again.today().micros) == (60, 7)
    with pytest.raises(BudgetSpent):
        await again.reserve("t", tokens=60, micros=0)


async def test_a_new_day_starts_from_nothing_and_a_clock_set_back_gives_nothing_back(
    tmp_path: Path,
) -> None:
    clock = Days()
    found = purse(tmp_path, day=Limit(tokens=100), clock=clock)
    await found.reserve("t", tokens=60, micros=0)
    clock.day -= 1
    assert found.today().tokens == 60
    assert purse(tmp_path, day=Limit(tokens=100), clock=clock).today().tokens == 60
    clock.day += 2
    assert found.today().tokens == 0


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"\xff", b'{"day":1,"tokens":-1,"micros":0}', b"x" * 5_000]
)
async def test_a_damaged_file_is_an_error_that_says_what_to_do(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "spending.json").write_bytes(data)
    with pytest.raises(ModelSetupError, match="put the file right or remove it"):
        purse(tmp_path, day=Limit(tokens=1))


async def test_a_call_is_not_made_if_its_cost_cannot_be_stored(tmp_path: Path) -> None:
    found = purse(tmp_path / "gone", day=Limit(tokens=100))
    with pytest.raises(OSError, match="gone"):
        await found.reserve("t", tokens=60, micros=0)
    assert found.today().tokens == 0


async def test_the_file_is_small_plain_and_its_owners(tmp_path: Path) -> None:
    await purse(tmp_path, day=Limit(tokens=100)).reserve("t", tokens=60, micros=7)
    path = tmp_path / "spending.json"
    assert json.loads(path.read_text())["micros"] == 7
    assert path.stat().st_mode & 0o777 == 0o600
