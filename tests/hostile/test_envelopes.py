"""Malformed envelopes through the real gate and codec (rules S1, T3)."""

import pytest

from node.wire.admission import Code
from node.wire.frames import LinkCode
from tests.harness.scale import scaled

from . import envelopes

PARTS = 4
SPACE = 10_000_000
"""Numbers between two parts."""


@pytest.mark.adversary
@pytest.mark.parametrize("part", range(PARTS))
def test_malformed_envelope_is_refused_by_name_and_breaks_nothing(part: int) -> None:
    amount = scaled(quick=2_000, commit=50_000, night=1_000_000) // PARTS
    found = envelopes.run(part * SPACE, amount)
    assert found.total() == amount
    assert found.keys() <= {*map(str, Code), *map(str, LinkCode)}
    # None of the ways to be wrong may go unseen: then nothing behind it would have been tried.
    assert {
        Code.BAD_SIGNATURE,
        Code.BAD_BODY,
        Code.MALFORMED,
        Code.UNKNOWN_KIND,
        Code.OVERSIZE,
        LinkCode.MALFORMED_FRAME,
    } <= found.keys()
    assert found[Code.BAD_BODY] > amount // 10
