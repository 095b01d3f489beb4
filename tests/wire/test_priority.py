"""Where priorities may not be changed a node does without (T3)."""

import os

import pytest

from node.wire import priority


def test_a_system_that_forbids_priorities_is_no_reason_not_to_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def forbidden(*_: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "setpriority", forbidden)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(priority, "_kept", [])
    priority.lower()  # an exception in its thread would fail this test
