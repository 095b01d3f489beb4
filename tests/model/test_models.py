"""The protocol's models, searched by spin: what holds holds everywhere, each fault is found."""

import shutil

import pytest

from tests.model.checker import search
from tests.model.mutants import BOUNDED, FAULTS, Fault, Search

pytestmark = pytest.mark.system


@pytest.fixture(autouse=True)
def _tools() -> None:
    for tool in ("spin", "gcc"):
        if shutil.which(tool) is None:
            pytest.skip(f"no {tool} here; .ci/run installs it")


@pytest.mark.parametrize("what", BOUNDED, ids=lambda what: what.name)
def test_a_model_keeps_its_properties_in_every_reachable_state(what: Search) -> None:
    found = search(what)
    assert found.exhaustive
    assert found.errors == 0


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.search.name.lower())
def test_a_model_with_a_fault_in_it_has_a_counterexample(fault: Fault) -> None:
    assert search(fault.search).errors
