"""The front's parts by themselves: keys at rest, windows, replays, schemas, streams."""

import asyncio
import json
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from consensus.bodies import AnswerKind, AnswerSpec
from consensus.policy import policy_problem
from node import files
from node.api import keys
from node.api.catalogue import BUILT_IN, Catalogue, CatalogueError
from node.api.errors import ApiError
from node.api.quotas import DAY_MS, MINUTE_MS, Quotas, Shares
from node.api.replays import KEPT, KEPT_MS, Replay, Replays
from node.api.schemas import NODES_MAX, SchemaError, closed, misfit
from node.api.server import is_loopback
from node.api.shapes import Shape, of_extension, of_format
from node.api.sse import KEEP_ALIVE, EventStream, Tell
from node.entropy import SystemEntropy

# -- keys -------------------------------------------------------------------------------


def test_a_key_is_stored_as_a_hash_that_only_its_owner_can_read(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    made = keys.add(path, "ann", now_ms=5, entropy=SystemEntropy())
    assert path.stat().st_mode & 0o777 == 0o600
    assert made.split("-", 2)[2] not in path.read_text()
    ring = keys.Keyring(path)
    ring.refresh()
    found = ring.find(made)
    assert found is not None
    assert (found.name, found.made_ms) == ("ann", 5)
    assert ring.find(made[:-1] + ("A" if made[-1] != "A" else "B")) is None


def test_a_key_for_an_application_asks_and_one_from_before_scopes_may_do_all(
    tmp_path: Path,
) -> None:
    path = tmp_path / "keys.json"
    keys.add(path, "ann", now_ms=1, entropy=SystemEntropy())
    keys.add(path, "bo", now_ms=1, entropy=SystemEntropy(), may=(*reversed(keys.Scope),))
    assert [key.may for key in keys.read(path)] == [(keys.Scope.ASK,), tuple(keys.Scope)]
    whole = json.loads(path.read_text())
    before = [{name: key[name] for name in key if name != "may"} for key in whole["keys"]]
    path.write_text(json.dumps({"keys": before}))
    assert [key.may for key in keys.read(path)] == [keys.EVERYTHING] * 2
    for wrong in ([], ["everything"]):
        path.write_text(json.dumps({"keys": [{**before[0], "may": wrong}]}))
        with pytest.raises(keys.KeyFileError, match=r"keys.*may"):
            keys.read(path)


def test_a_key_that_is_made_while_another_is_revoked_undoes_no_revocation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keys.json"
    keys.add(path, "ann", now_ms=1, entropy=SystemEntropy())
    revoking = Thread(target=partial(keys.revoke, path, "ann", now_ms=2))
    write = files.write_atomic

    def slowly(target: Path, data: bytes, mode: int) -> None:
        if not revoking.ident:  # the file was read, and is not yet written
            revoking.start()
            revoking.join(0.2)  # with no lock it is through by now, or at the latest after this
        write(target, data, mode)

    monkeypatch.setattr(files, "write_atomic", slowly)
    keys.add(path, "bo", now_ms=2, entropy=SystemEntropy())
    revoking.join()
    assert [(key.name, key.revoked_ms) for key in keys.read(path)] == [("ann", 2), ("bo", 0)]


def test_a_node_whose_last_key_was_revoked_is_not_open_to_all(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    ring = keys.Keyring(path)
    ring.refresh()
    assert not ring.any
    made = keys.add(path, "ann", now_ms=1, entropy=SystemEntropy())
    keys.revoke(path, "ann", now_ms=2)
    ring.refresh()
    assert (ring.any, ring.counting, ring.find(made)) == (True, False, None)
    keys.add(path, "ann", now_ms=3, entropy=SystemEntropy())
    ring.refresh()
    assert ring.counting


def test_what_cannot_be_done_with_keys_is_said(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keys.add(path, "ann", now_ms=1, entropy=SystemEntropy())
    with pytest.raises(keys.KeyFileError, match="ann has a key already"):
        keys.add(path, "ann", now_ms=1, entropy=SystemEntropy())
    with pytest.raises(keys.KeyFileError, match="is no name of a client"):
        keys.add(path, "two words", now_ms=1, entropy=SystemEntropy())
    with pytest.raises(keys.KeyFileError, match="name or id of no key"):
        keys.revoke(path, "bo", now_ms=1)
    path.write_text("[]")
    with pytest.raises(keys.KeyFileError, match="holds no API keys"):
        keys.read(path)


def test_keys_that_cannot_be_looked_at_are_no_bug(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(keys.KeyFileError, match=r"cannot read the API keys in .*Not a directory"):
        keys.Keyring(tmp_path / "file" / "keys.json").refresh()


# -- quotas and replays -----------------------------------------------------------------


def test_a_window_slides_and_what_came_to_nothing_is_not_counted() -> None:
    quotas = Quotas()
    assert [quotas.request("ann", 2, at) for at in (0, 10, 20)] == [0, 0, MINUTE_MS - 20]
    assert quotas.request("bo", 2, 20) == 0
    assert quotas.request("ann", 2, MINUTE_MS) == 0
    assert quotas.request("ann", 2, MINUTE_MS + 1) == 9
    assert quotas.task("ann", 1, 0) == 0
    quotas.give_back("ann")
    assert quotas.task("ann", 1, 5) == 0
    assert quotas.task("ann", 1, 6) == DAY_MS - 1
    assert [quotas.task("cy", 0, 0) for _ in range(3)] == [0, 0, 0]


def test_no_client_holds_more_than_half_of_what_others_leave() -> None:
    shares = Shares(8)
    assert [shares.take("ann") for _ in range(5)] == [True] * 4 + [False]
    assert [shares.take("bo") for _ in range(3)] == [True] * 2 + [False]
    assert (shares.take("cy"), shares.take("cy")) == (True, False)
    shares.give_back("ann", 3)
    assert shares.take("cy", 1)
    assert not shares.take("bo", 2)


def test_replays_are_a_clients_own_and_bounded_in_number_and_time() -> None:
    replays = Replays()
    made = Replay(digest=b"d", task=b"t", at_ms=0)
    replays.keep("ann", "k", made)
    assert replays.find("ann", "k", KEPT_MS) == made
    assert replays.find("ann", "k", KEPT_MS + 1) is None
    assert replays.find("bo", "k", 0) is None
    for place in range(KEPT):
        replays.keep("bo", str(place), made)
    assert replays.find("ann", "k", 0) is None
    assert replays.find("bo", "0", 0) == made


# -- policies ---------------------------------------------------------------------------


def test_built_in_models_are_policies_and_others_are_checked() -> None:
    assert not any(policy_problem(chosen) for chosen in BUILT_IN.values())
    assert Catalogue.of({"mine": {"rounds": 2}}).find("quorate/mine") == {"rounds": 2}
    with pytest.raises(CatalogueError, match=r"api\.policies\.odd: unknown policy field 'raunds'"):
        Catalogue.of({"odd": {"raunds": 2}})


# -- shapes -----------------------------------------------------------------------------


def schema(of: dict[str, Any]) -> Shape:
    return of_format({"type": "json_schema", "json_schema": {"name": "x", "schema": of}})


def wrapped(inner: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"it": inner}, "required": ["it"], **more}


SHAPES: list[tuple[str, dict[str, Any], AnswerKind, str, str]] = [
    ("a closed list", {"enum": ["a", "b"]}, AnswerKind.CHOICE, "a", '"a"'),
    ("numbers in a list", {"enum": [1, 2.5]}, AnswerKind.CHOICE, "2.5", "2.5"),
    ("a list within", wrapped({"enum": ["a", "b"]}), AnswerKind.CHOICE, "b", '{"it": "b"}'),
    ("a truth value", wrapped({"type": "boolean"}), AnswerKind.CHOICE, "true", '{"it": true}'),
    ("a number", {"type": "number"}, AnswerKind.NUMBER, "1/4", "0.25"),
    ("an integer", wrapped({"type": "integer"}), AnswerKind.NUMBER, "12", '{"it": 12}'),
    (
        "a list by reference",
        {**wrapped({"$ref": "#/$defs/C"}), "$defs": {"C": {"enum": ["x", "y"]}}},
        AnswerKind.CHOICE,
        "y",
        '{"it": "y"}',
    ),
    ("a text", wrapped({"type": "string"}), AnswerKind.JSON, '{"it":"z"}', '{"it": "z"}'),
    ("one value", {"enum": ["a"]}, AnswerKind.JSON, '"a"', '"a"'),
    ("one text twice", {"enum": ["1", 1]}, AnswerKind.JSON, "1", "1"),
]


@pytest.mark.parametrize(("what", "of", "kind", "answer", "content"), SHAPES)
def test_a_schema_becomes_the_kind_of_answer_that_can_be_voted_on(
    what: str, of: dict[str, Any], kind: AnswerKind, answer: str, content: str
) -> None:
    shape = schema(of)
    assert shape.answer.kind is kind
    assert shape.content(answer) == content


def test_an_answer_that_does_not_fit_its_schema_is_not_handed_out() -> None:
    with pytest.raises(ValueError, match="greater than the maximum"):
        schema({"type": "number", "maximum": 1}).content("2")
    with pytest.raises(ValueError, match="not of type 'integer'"):
        schema({"type": "integer"}).content("1/2")


def test_what_is_asked_for_is_told_to_the_members() -> None:
    inner = {"enum": ["a", "b"], "description": "the mood"}
    assert schema(wrapped(inner)).told == 'Asked for is "it": the mood'
    assert "JSON Schema" in schema(wrapped({"type": "string"})).told
    assert of_format(None).answer.kind is AnswerKind.TEXT
    assert of_format({"type": "json_object"}).answer.kind is AnswerKind.JSON


def test_the_extension_names_kinds_that_no_schema_has() -> None:
    found = of_extension(["a", "b"], True, False, "")
    assert found is not None
    assert found.answer.kind is AnswerKind.LABEL
    counted = of_extension([], False, True, "km")
    assert counted == Shape(answer=AnswerSpec(kind=AnswerKind.NUMBER, unit="km"))
    assert of_extension([], False, False, "") is None
    for wrong in ((["a", "b"], False, True, ""), ([], False, False, "km"), ([], True, False, "")):
        with pytest.raises(ApiError):
            of_extension(*wrong)


CLOSED_TO: list[tuple[dict[str, Any], str]] = [
    ({"pattern": "(a+)+$"}, "#/pattern: this keyword is not supported"),
    ({"$ref": "https://elsewhere.example/x"}, "must stay within the schema"),
    ({"$ref": "#/$defs/none"}, "is not in the schema"),
    ({"$ref": "#"}, "refers to itself"),
    ({"items": [1]}, "is no schema"),
    ({"type": "wrong"}, "not valid under any"),
    (
        {
            "$defs": {
                str(level): {"allOf": [{"$ref": f"#/$defs/{level + 1}"}] * 2} for level in range(12)
            }
            | {"12": {}},
            "$ref": "#/$defs/0",
        },
        "too large",
    ),
]


@pytest.mark.parametrize(("of", "said"), CLOSED_TO)
def test_a_schema_cannot_make_the_node_work_at_will(of: dict[str, Any], said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        closed(of)


def test_a_schema_of_the_largest_size_is_taken_and_one_more_is_not() -> None:
    names = [str(place) for place in range(NODES_MAX)]
    assert closed({"properties": dict.fromkeys(names[1:], True)})
    with pytest.raises(SchemaError):
        closed({"properties": dict.fromkeys(names, True)})


def test_a_reference_with_neighbours_keeps_both() -> None:
    found = closed({"$defs": {"n": {"type": "number"}}, "$ref": "#/$defs/n", "minimum": 2})
    assert [misfit(found, value) == "" for value in (1, 2, "x")] == [False, True, False]


# -- streams ----------------------------------------------------------------------------


GET = {"method": "GET"}


class Wire:
    """What a server sees of a reply; `stuck` is a client that takes nothing."""

    def __init__(self, *, stuck: bool = False) -> None:
        self.sent: list[bytes] = []
        self.gone = asyncio.Event()
        self.lives = asyncio.Event()
        self.stuck = stuck

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.body":
            self.sent.append(message["body"])
            if self.stuck:  # until the server lets go of it
                await self.gone.wait()
            if message["body"] == KEEP_ALIVE:
                self.lives.set()


async def test_a_silent_stream_says_that_it_lives() -> None:
    wire, left = Wire(), []

    async def produce(tell: Tell) -> None:
        await wire.lives.wait()
        await tell({"n": 1})

    stream = EventStream(produce, keep_alive_s=0.001, left=lambda: left.append(1))
    await stream(GET, wire.receive, wire.send)
    assert wire.sent[0] == KEEP_ALIVE
    assert [one for one in wire.sent if one != KEEP_ALIVE] == [
        b'data: {"n":1}\n\n',
        b"data: [DONE]\n\n",
        b"",
    ]
    assert not left


@pytest.mark.parametrize("stuck", [False, True])
async def test_a_client_that_leaves_or_is_let_go_ends_what_it_followed(stuck: bool) -> None:
    wire, left = Wire(stuck=stuck), []
    ended = asyncio.Event()

    async def produce(tell: Tell) -> None:
        try:
            await tell({"n": 1})
            wire.gone.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    stream = EventStream(produce, keep_alive_s=60, left=lambda: left.append(1))
    await stream(GET, wire.receive, wire.send)
    assert left == [1]
    assert ended.is_set()


async def test_of_what_a_client_does_not_take_no_more_is_written_out() -> None:
    wire, told = Wire(stuck=True), 0

    async def produce(tell: Tell) -> None:
        nonlocal told
        for told in range(1_000):
            await tell({"n": told})

    stream = EventStream(produce, keep_alive_s=60)
    running = asyncio.create_task(stream(GET, wire.receive, wire.send))
    for _ in range(100):
        await asyncio.sleep(0)
    assert wire.sent and told < 4
    wire.gone.set()
    await running


async def test_of_a_stream_head_gets_the_head_and_waits_for_nothing() -> None:
    wire = Wire()

    async def produce(_: Tell) -> None:
        raise AssertionError("nobody reads it")

    await EventStream(produce, keep_alive_s=60)({"method": "HEAD"}, wire.receive, wire.send)
    assert wire.sent == [b""]


async def test_a_fault_while_a_stream_is_told_ends_it() -> None:
    wire = Wire()

    async def produce(tell: Tell) -> None:
        await tell({"n": 1})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await EventStream(produce, keep_alive_s=60)(GET, wire.receive, wire.send)
    assert wire.sent == [b'data: {"n":1}\n\n']


def test_only_this_machines_own_addresses_are_loopback() -> None:
    yes = ("127.0.0.1", "127.9.9.9", "::1", "localhost")
    no = ("0.0.0.0", "::", "192.0.2.1", "localhost.example", "::ffff:0.0.0.0")
    assert [is_loopback(host) for host in (*yes, *no)] == [True] * len(yes) + [False] * len(no)


def test_content_of_other_scripts_stays_readable() -> None:
    assert json.loads(schema(wrapped({"enum": ["é", "ü"]})).content("é")) == {"it": "é"}
