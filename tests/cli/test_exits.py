"""Errors that are a user's to mend are named by text: the names have to be of something."""

from importlib import import_module

import pytest

from node.cli.exits import MENDABLE


@pytest.mark.parametrize("name", sorted(MENDABLE))
def test_each_is_an_error_of_the_room_that_it_names(name: str) -> None:
    room, _, kind = name.rpartition(".")
    found = getattr(import_module(room), kind)
    assert issubclass(found, Exception)
    assert f"{found.__module__}.{found.__qualname__}" == name
