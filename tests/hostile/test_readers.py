"""Whatever is read from outside refuses malformed bytes with an error of its own, and no other."""

import tracemalloc
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.harness.mangling import mangled
from tests.harness.scale import scaled

from .readers import READERS, samples

SPARE = 512 * 1024
"""Bytes that reading may take whatever the input's size: what is made once, a file's buffer."""
FOLD = 64
"""How many times its own size an input may take while it is read."""


@pytest.mark.parametrize("name", READERS)
def test_well_formed_bytes_are_read(name: str, tmp_path: Path) -> None:
    for data in samples(name, tmp_path):
        READERS[name].read(data, tmp_path)


def tried(name: str, data: bytes, home: Path) -> None:
    """Read it: either it is well-formed, or it is refused by an error that the reader declares."""
    reader = READERS[name]
    try:
        reader.read(data, home)
    except reader.refusals as error:
        said = str(error)
    else:
        said = "well-formed"
    assert said, "a refusal says what is wrong"


@pytest.mark.adversary
@pytest.mark.parametrize("name", READERS)
def test_malformed_bytes_are_refused_by_a_declared_error(name: str, tmp_path: Path) -> None:
    reader, real = READERS[name], samples(name, tmp_path)
    amount = scaled(quick=150, commit=3_000, night=60_000)
    for number in range(amount // 6 if reader.slow else amount):
        data = mangled(Random(number), real, text=reader.text and number % 4 > 0)
        try:
            tried(name, data, tmp_path)
        except BaseException as error:
            error.add_note(f"{name}, number {number}: {data[:2_000]!r}")
            raise


@pytest.mark.parametrize("name", READERS)
@settings(
    max_examples=scaled(quick=10, commit=25, night=500),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_bytes_are_refused_by_a_declared_error(
    name: str, tmp_path: Path, data: st.DataObject
) -> None:
    real = samples(name, tmp_path)
    begun = data.draw(st.sampled_from([b"", *(one[:at] for one in real for at in (9, 99))]))
    tried(name, begun + data.draw(st.binary(max_size=200)), tmp_path)


@pytest.mark.parametrize("name", READERS)
def test_memory_grows_with_the_input_and_no_further(name: str, tmp_path: Path) -> None:
    reader, real = READERS[name], samples(name, tmp_path)
    for number in range(20):
        data = mangled(Random(number), real, text=reader.text)
        tried(name, data, tmp_path)  # what is made once is made
        tracemalloc.start()
        try:
            tried(name, data, tmp_path)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak <= SPARE + FOLD * len(data), (number, peak, len(data))
