"""What tests of nodes share."""

import pytest

from tests.harness.command import Command, command


@pytest.fixture
def quorate(capsys: pytest.CaptureFixture[str]) -> Command:
    """The command, run in the test's own process."""
    return command(capsys)
