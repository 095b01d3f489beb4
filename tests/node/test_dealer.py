"""The demonstration's deal, and the arithmetic of its table."""

from pathlib import Path

import numpy as np
import pytest

from consensus.bodies import Proposal
from consensus.policy import Policy
from node.demo.deal import HELD_OUT, LABELS, ORGANISATIONS, DealError, deal
from node.models.shard import read_shard
from tests.harness import offline
from tests.harness.tabulating import Decided, tabulate


def test_every_digit_is_dealt_once_or_held_out(tmp_path: Path) -> None:
    dealt = deal(tmp_path)
    rows = [tuple(row) for shard in dealt.shards for row in read_shard(shard.path).x.tolist()]
    rows += [case.vector for case in dealt.cases]
    assert len(rows) == 1_797
    assert len(dealt.cases) == HELD_OUT == 200
    assert len(set(rows)) == 1_797  # the images are all different, so nothing came twice


def test_shards_are_private_files_with_what_the_deal_says(tmp_path: Path) -> None:
    dealt = deal(tmp_path)
    assert [shard.organisation for shard in dealt.shards] == list(ORGANISATIONS)
    assert len({shard.organisation.kind for shard in dealt.shards}) == 5
    for shard in dealt.shards:
        assert shard.path.stat().st_mode & 0o777 == 0o600
        assert shard.path.parent.stat().st_mode & 0o777 == 0o700
        data = read_shard(shard.path)
        assert (data.x.shape, data.labels) == ((shard.rows, 64), shard.labels)


def test_the_same_seed_deals_the_same_and_another_does_not(tmp_path: Path) -> None:
    first, again = deal(tmp_path / "first"), deal(tmp_path / "again")
    assert first.cases == again.cases
    for one, two in zip(first.shards, again.shards, strict=True):
        assert np.array_equal(read_shard(one.path).x, read_shard(two.path).x)
    assert deal(tmp_path / "other", seed=1).cases != first.cases


def test_shards_are_lopsided_and_some_digits_are_unknown_to_some(tmp_path: Path) -> None:
    dealt = deal(tmp_path)
    assert any(len(shard.labels) < len(LABELS) for shard in dealt.shards)
    assert {label for shard in dealt.shards for label in shard.labels} == set(LABELS)


def test_an_existing_shard_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / ORGANISATIONS[0].name).mkdir()
    (tmp_path / ORGANISATIONS[0].name / "shard.npz").write_bytes(b"somebody's data")
    with pytest.raises(FileExistsError):
        deal(tmp_path)


def test_a_draw_that_nothing_can_be_trained_on_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DealError, match="fewer than two digits"):
        deal(tmp_path, alpha=0.001)


# -- the table ------------------------------------------------------------------------


def belief(answer: str, *shares: int) -> Proposal:
    return Proposal(answer=answer, belief=shares)


CASES = (
    Decided(
        truth="a",
        drafts={
            "alice": belief("a", 9_000, 1_000, 0),
            "bob": belief("b", 2_000, 8_000, 0),
            "carol": belief("b", 4_000, 6_000, 0),
        },
        swarm="a",
    ),
    Decided(
        truth="c",
        drafts={"alice": belief("a", 6_000, 0, 4_000), "bob": belief("c", 0, 0, 10_000)},
        swarm=None,
    ),
)


def test_an_organisation_is_asked_where_it_drafted() -> None:
    table = tabulate(CASES, ("alice", "bob", "carol"), ("a", "b", "c"))
    assert [(row.name, row.right, row.asked) for row in table.alone] == [
        ("alice", 1, 2),
        ("bob", 1, 2),
        ("carol", 0, 1),
    ]
    assert table.best.name == "alice"


def test_majority_splits_ties_and_the_mean_weighs_beliefs() -> None:
    table = tabulate(CASES, ("alice", "bob", "carol"), ("a", "b", "c"))
    assert table.majority.right == 0.5  # outvoted on the first, a tie of two on the second
    assert table.mean.right == 1.5  # a tie of a and b (15,000 each) on the first, c on the second
    assert [row.name for row in table.rows][3:] == ["majority", "mean of probabilities", "swarm"]


def test_a_case_without_a_winner_counts_against_the_swarm() -> None:
    table = tabulate(CASES, ("alice", "bob"), ("a", "b", "c"))
    assert (table.swarm.right, table.swarm.asked) == (1, 2)
    assert table.swarm.share == 0.5


# -- what it shows --------------------------------------------------------------------


async def test_on_the_demonstrations_deal_the_swarm_beats_majority_and_the_best_alone(
    tmp_path: Path,
) -> None:
    """Real models and the real tally, messages left out; a margin would depend on platforms."""
    dealt = deal(tmp_path)
    shown = offline.table(dealt, await offline.play(dealt, Policy()))
    assert shown.swarm.asked == HELD_OUT
    assert shown.swarm.right >= shown.majority.right
    assert shown.swarm.right >= shown.best.right
