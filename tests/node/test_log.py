"""Log lines: what they carry, and that no secret ever gets into one."""

import asyncio
import io
import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.envelope import Kind
from consensus.policy import ONE
from node import log
from tests.harness.records import task

ROOT = Path(__file__).parents[2]
TASK = bytes(range(32))


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """Logging is the process's own: put it back."""
    level = logging.getLogger().level
    yield
    log.reset()
    logging.getLogger().setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def written(**fields: object) -> dict[str, Any]:
    """One line with these fields, read back."""
    stream = io.StringIO()
    log.configure(level="debug", format="json", stream=stream)
    log.get_logger("runner").info("happened", **fields)
    [line] = lines(stream)
    return line


def test_a_line_carries_its_room_and_context_under_short_ids() -> None:
    stream = io.StringIO()
    log.configure(level="info", format="json", stream=stream)
    with log.context(task=TASK, round=2, member=bytes(32)):
        log.get_logger("runner").info("decided", point="slate", kind=Kind.PREVOTE)
    log.get_logger("runner").info("idle")
    first, second = lines(stream)
    assert first.pop("timestamp").endswith("Z")
    assert first == {
        "level": "info",
        "room": "runner",
        "event": "decided",
        "task": "00010203",
        "round": 2,
        "member": "00000000",
        "point": "slate",
        "kind": "prevote",
    }
    assert "task" not in second


async def test_context_follows_into_tasks_and_not_into_others() -> None:
    stream = io.StringIO()
    log.configure(level="info", format="json", stream=stream)

    async def work(number: int) -> None:
        with log.context(round=number):
            await asyncio.sleep(0)
            log.get_logger("runner").info("happened", number=number)

    await asyncio.gather(*(work(number) for number in range(5)))
    assert all(line["round"] == line["number"] for line in lines(stream))


def test_lines_below_the_level_are_not_written() -> None:
    stream = io.StringIO()
    log.configure(level="warning", format="json", stream=stream)
    logger = log.get_logger("runner")
    logger.info("quiet")
    logger.warning("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


@pytest.mark.parametrize(
    "name",
    [
        *("secret", "key", "nonce", "salt", "seed", "password", "token"),
        *("alias_key", "taskSecret", "API_KEY", "apiKey", "private-keys", "SEED", "x.nonce"),
    ],
)
def test_a_field_named_like_a_secret_is_dropped_however_deep(name: str) -> None:
    deep = {"ok": 1, "inner": [{name: "hush", "fine": 2}]}
    line = written(**{name: "hush"}, deep=deep, pair=({name: b"hush"},))
    assert "hush" not in json.dumps(line)
    assert line["deep"] == {"ok": 1, "inner": [{"fine": 2}]}


@pytest.mark.parametrize("name", ["tokens_in", "keyboard", "monkey", "assault", "seedling"])
def test_a_field_that_only_sounds_like_one_is_written(name: str) -> None:
    assert written(**{name: 3})[name] == 3


def test_an_object_that_holds_a_secret_is_written_as_its_type() -> None:
    row = task(1)
    line = written(row=row, rows=[row])
    assert line["row"] == "<TaskRow>"
    assert line["rows"] == ["<TaskRow>"]
    assert written(payload=bytes(36))["payload"] == "36 bytes"


@given(
    st.recursive(
        st.none() | st.floats() | st.integers() | st.text() | st.binary() | st.builds(object),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=10,
    )
)
def test_whatever_is_logged_one_line_of_json_comes_out(value: object) -> None:
    text = json.dumps(log.plain(value), allow_nan=False)
    assert "\n" not in text
    assert json.loads(text) is not ...


def test_words_of_a_peer_write_no_lines_and_no_colours_of_their_own() -> None:
    stream = io.StringIO()
    log.configure(level="info", format="console", stream=stream)
    log.get_logger("wire").info("refused", reason="no\n2026 [info] all is well \x1b[32m")
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()


def test_long_text_and_deep_nesting_are_cut() -> None:
    nested: object = "end"
    for _ in range(log.DEPTH_MAX + 1):
        nested = [nested]
    assert written(words="x" * log.TEXT_MAX)["words"] == "x" * log.TEXT_MAX
    assert written(words="x" * ONE)["words"].endswith("... (10000 characters)")
    assert "..." in json.dumps(written(nested=nested))


def test_a_traceback_is_one_field_without_values_of_variables() -> None:
    stream = io.StringIO()
    log.configure(level="info", format="json", stream=stream)
    hidden = "hush"
    try:
        raise ValueError(f"{len(hidden)} letters")
    except ValueError:
        log.get_logger("runner").exception("failed")
    [line] = lines(stream)
    assert "ValueError: 4 letters" in line["exception"]
    assert "hush" not in line["exception"]


def test_what_libraries_say_comes_out_alike_from_warnings_upwards() -> None:
    stream = io.StringIO()
    log.configure(level="debug", format="json", stream=stream)
    logging.getLogger("aiosqlite").debug("executing secrets")
    logging.getLogger("grpc").info("chatter")
    logging.getLogger("grpc").warning("lost %s", "a peer")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old ways", stacklevel=1)
    first, second = lines(stream)
    assert (first["room"], first["level"], first["event"]) == ("grpc", "warning", "lost a peer")
    assert second["room"] == "py.warnings"
    assert "old ways" in second["event"]


def test_a_logger_made_before_follows_a_later_configuration() -> None:
    logger = log.get_logger("runner")
    stream = io.StringIO()
    log.configure(level="info", format="json", stream=stream)
    logger.info("happened")
    assert [line["event"] for line in lines(stream)] == ["happened"]


def test_lines_go_to_standard_error_as_it_is_when_they_are_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log.configure(level="info", format="json")
    later = io.StringIO()
    monkeypatch.setattr(sys, "stderr", later)
    log.get_logger("runner").info("happened")
    logging.getLogger("grpc").warning("lost")
    assert [line["event"] for line in lines(later)] == ["happened", "lost"]
    assert capsys.readouterr().out == ""


def test_importing_alone_leaves_the_libraries_logging_as_it_is() -> None:
    log.reset()
    before = list(logging.getLogger().handlers)
    log.get_logger("runner")
    assert logging.getLogger().handlers == before


def test_configuring_twice_writes_every_line_once() -> None:
    first, second = io.StringIO(), io.StringIO()
    log.configure(level="info", format="json", stream=first)
    log.configure(level="info", format="json", stream=second)
    logging.getLogger("grpc").warning("once")
    log.get_logger("runner").info("twice")
    assert first.getvalue() == ""
    assert len(lines(second)) == 2


def test_auto_is_console_at_a_terminal_and_json_elsewhere() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, is_json in ((Terminal(), False), (io.StringIO(), True)):
        log.configure(level="info", format="auto", stream=stream)
        log.get_logger("runner").info("happened")
        assert stream.getvalue().startswith("{") is is_json


def test_before_it_is_configured_warnings_go_to_standard_error_and_nothing_to_output() -> None:
    code = (
        "import sys; from node.log import get_logger; log = get_logger('x'); log.info('quiet'); "
        "log.warning('loud'); assert 'rich' not in sys.modules; import rich.console"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    assert '"event": "loud"' in done.stderr
    assert "quiet" not in done.stderr
