"""The command line for every test here."""

import pytest

from tests.harness.command import Command, command


@pytest.fixture
def quorate(capsys: pytest.CaptureFixture[str]) -> Command:
    return command(capsys)
