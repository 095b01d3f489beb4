"""The port for clients of a running daemon: what they may do, who they are, what is their share."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import msgspec
import pytest

import node
from consensus.bodies import AnswerKind, AnswerSpec, Budget, Content
from consensus.verdict import Approval, Bundle, Statement, verify
from node import config, config_text, facts, federation_file, notes
from node.clock import SystemClock
from node.config import CONFIG_FILE, ClientsConfig
from node.federation import Client
from node.identity import Identity
from node.pb import control_pb2
from node.wire import codec, passes
from node.wire.control import CALLS, Ask, ControlError, ControlUnreachable, NotFound
from node.wire.guests import GuestClient
from node.wire.limits import Limits
from node.wire.watch import Event, WatchRequest
from reputation import FeedbackFact
from tests.harness.daemons import QUICK, Grove
from tests.harness.federations import free_address, person
from tests.harness.readme import Page

ASKS = 3
"""Tasks that a client may open in a minute here."""


class Desk:
    """A grove whose alice serves a client, `key`."""

    def __init__(self, grove: Grove, key: Identity) -> None:
        self.grove = grove
        self.key = key
        self.address = free_address()
        grove.federation = grove.federation.with_client(Client(name="desk", key=key.public))
        federation_file.save(grove.federation_path, grove.federation)
        written = msgspec.structs.replace(
            config.load(grove.home / "alice"),
            clients=ClientsConfig(listen=self.address, asks_per_minute=ASKS),
        )
        (grove.home / "alice" / CONFIG_FILE).write_text(config_text.render(written))

    def client(self, key: Identity | None = None, member: str = "alice") -> GuestClient:
        """Somebody who calls alice's port, by default the client, and takes it for alice's."""
        return GuestClient(
            (key or self.key).signing,
            self.grove.federation.network,
            self.grove.federation.find(member),
            self.address,
            clock=SystemClock(),
            limits=Limits(),
        )

    def asked(self, *members: str, **changes: Any) -> Ask:
        """A question for some members."""
        fields: dict[str, Any] = {
            "messages": (Content(text="Which?"),),
            "answer": AnswerSpec(kind=AnswerKind.CHOICE, options=("a", "b")),
            "domain": "",
            "members": self.grove.keys(*members),
            "policy": QUICK,
            "mode": "",
            "not_after_s": 60,
            "budget": Budget(),
        }
        return Ask(**fields | changes)


LISBON = {"cases": {"What is the capital of Portugal?": {"answer": "Lisbon"}}}
"""What alice and bob say to the question of the room's README, and of whatever else `a`."""

SAYS = {name: {"line": {"answer": "a"}, **LISBON} for name in ("alice", "bob")}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with Grove(tmp_path, "alice", "bob", models=SAYS) as grove:
        found = Desk(grove, person(tmp_path, "desk"))
        await grove.start("alice")
        yield found


async def decided(client: GuestClient, ask: Ask) -> Event:
    async for event in client.ask(ask):
        last = event
    assert last.kind == "verdict"
    return last


async def test_a_client_asks_watches_takes_the_verdict_and_says_what_it_was_worth(
    desk: Desk,
) -> None:
    async with desk.client() as client:
        last = await decided(client, desk.asked("alice"))
        watched = [event.kind async for event in client.watch(WatchRequest(task=last.task))]
        assert (watched[0], watched[-1]) == ("open", "verdict")
        bundle = Bundle.decode(await client.verdict(last.detail["verdict"]))
        assert bundle.id == Bundle.decode(await client.verdict(last.task.hex())).id
        checked = verify(bundle, codec.reader(), desk.grove.federation.floor_problem)
        assert checked.decision["answer"] == "a"
        fact = FeedbackFact(
            task=bundle.task,
            client=desk.key.public,
            right=True,
            answer="",
            at_ms=SystemClock().wall_ms(),
        )
        taken = await client.feedback(facts.sign_feedback(fact, desk.key.signing))
        assert (taken["task"], taken["new"]) == (last.task.hex(), True)


async def test_a_client_speaks_into_a_task_whose_asker_names_it(desk: Desk) -> None:
    """R1c, from outside: the note is handed in like any other statement."""
    policy = {**QUICK, "draft_ms": 60_000, "deadline_ms": 600_000}
    asked = desk.asked("alice", "bob", policy=policy, speakers=("desk",))
    async with desk.client() as client:
        heard: list[Event] = []
        async for event in client.ask(asked):
            if event.kind == "open":  # bob is not up: the task waits
                note = notes.sign(
                    desk.key.signing,
                    event.task,
                    number=1,
                    at_ms=SystemClock().wall_ms(),
                    text="So.",
                )
                taken = await client.feedback(notes.statement(event.task, note))
                assert taken["note"] == note.id(event.task).hex()
                await desk.grove.start("bob")
            heard.append(event)
    assert [event.detail["text"] for event in heard if event.kind == "noted"] == ["So."]
    assert heard[-1].kind == "verdict"


async def test_a_verdict_that_waits_for_approval_is_the_approvers_to_read_and_no_other_clients(
    tmp_path: Path,
) -> None:
    async with Grove(tmp_path, "alice", "bob", models=SAYS) as grove:
        desk, ann = Desk(grove, person(tmp_path, "desk")), person(tmp_path, "ann")
        approver = Client(name="ann", key=ann.public, approver=True)
        grove.federation = grove.federation.with_client(approver)
        federation_file.save(grove.federation_path, grove.federation)
        await grove.start("alice")
        async with desk.client() as client, desk.client(ann) as boss:
            asked = desk.asked("alice", policy={**QUICK, "approvals": 1})
            heard = []
            async for event in client.ask(asked):
                heard.append(event.kind)
                if event.kind == "awaiting":
                    wanted = event.detail["verdict"]
                    with pytest.raises(ControlError, match="not released: awaiting approval"):
                        await client.verdict(wanted)
                    bundle = Bundle.decode(await boss.verdict(wanted))
                    word = Approval(
                        task=bundle.task,
                        verdict=bundle.id,
                        approver=ann.public,
                        approve=True,
                        note="",
                        at_ms=SystemClock().wall_ms(),
                    )
                    said = Statement(approval=word, signature=ann.signing.sign(word.preimage))
                    assert (await boss.feedback(said.encode()))["state"] == "approved"
            assert heard[-3:] == ["awaiting", "outcome", "verdict"]
            assert Bundle.decode(await client.verdict(wanted)).release == (said,)


async def test_a_clients_status_tells_no_addresses_and_no_tasks(desk: Desk) -> None:
    async with desk.client() as client:
        found = await client.status()
    assert set(found) == {
        "name", "key", "federation", "model", "undecided", "members_up",
    }  # fmt: skip
    assert (found["name"], found["undecided"], found["model"]) == ("alice", 0, {"family": "oak"})


async def test_a_client_takes_no_verdict_by_the_start_of_its_id(desk: Desk) -> None:
    async with desk.client() as client:
        last = await decided(client, desk.asked("alice"))
        with pytest.raises(ControlError, match="the whole id of the verdict or task: 64 digits"):
            await client.verdict(last.detail["verdict"][:63])
        with pytest.raises(NotFound):
            await client.verdict("f" * 64)


async def test_what_is_the_operators_is_not_offered_to_clients(desk: Desk) -> None:
    async with desk.client() as client:
        with pytest.raises(ControlUnreachable, match="unimplemented"):
            await client.prune(0, 0, dry_run=True)
        with pytest.raises(ControlUnreachable, match="unimplemented"):
            await client.verdicts(1)


async def test_a_stranger_and_even_a_member_is_turned_away(desk: Desk, tmp_path: Path) -> None:
    for stranger in (person(tmp_path, "mallory"), desk.grove.people["bob"]):
        async with desk.client(stranger) as client:
            with pytest.raises(ControlError, match="quorate federation add-client"):
                await client.status()


async def test_a_client_talks_to_nobody_but_the_member_that_it_means(desk: Desk) -> None:
    async with desk.client(member="bob") as client:
        with pytest.raises(ControlUnreachable):
            await client.status()


async def test_a_question_that_no_node_takes_is_said_in_the_nodes_words(desk: Desk) -> None:
    async with desk.client() as client:
        with pytest.raises(ControlError, match="unknown policy field 'luck'"):
            await decided(client, desk.asked("alice", policy={"luck": 1}))
        with pytest.raises(ControlError, match="a task lives 1 to 86400 s, not 0"):
            await decided(client, desk.asked("alice", not_after_s=0))


async def test_bytes_that_are_no_request_are_refused(desk: Desk) -> None:
    async with desk.client() as client:
        call = client._channel.unary_unary("/quorate.v1.Control/Feedback")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(b"\xff\xff")
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.value.details() == "the request cannot be read as the message of this method"


@pytest.mark.parametrize("passes_shown", [0, 2])
async def test_a_call_shows_one_pass(desk: Desk, passes_shown: int) -> None:
    pass_ = passes.sign(
        desk.key.signing,
        network=desk.grove.federation.network,
        member=desk.grove.key("alice"),
        wall_ms=SystemClock().wall_ms(),
    )
    extra = [(passes.METADATA, pass_)] * (passes_shown - 1)
    async with desk.client() as client:
        if not passes_shown:
            client._show = lambda _, callback: callback((), None)  # type: ignore[method-assign]
            client._channel = client._open()
        call = client._channel.unary_unary("/quorate.v1.Control/Status")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(control_pb2.StatusRequest().SerializeToString(), metadata=extra)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert refused.value.details() == "a client shows one pass in the metadata quorate-pass-bin"


async def test_a_client_may_open_so_many_tasks_in_a_minute_and_not_one_more(desk: Desk) -> None:
    async with desk.client() as client:
        for _ in range(ASKS):
            await decided(client, desk.asked("alice"))
        with pytest.raises(ControlError, match=f"{ASKS} tasks of yours in the last minute; ask"):
            await decided(client, desk.asked("alice"))
        assert (await client.status())["undecided"] == 0


async def test_a_client_may_have_so_many_calls_under_way_and_not_one_more(desk: Desk) -> None:
    slow = QUICK | {"accept_ms": 60_000}  # bob is not there to accept
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(desk.client()) for _ in range(2)]
        asking = clients[0].ask(desk.asked("alice", "bob", policy=slow))
        opened = await anext(asking)
        request = WatchRequest(task=opened.task)
        watching = [clients[at % 2].watch(request) for at in range(CALLS - 1)]
        for events in watching:
            assert (await anext(events)).kind == "open"
        with pytest.raises(ControlError, match=f"{CALLS} calls of yours are under way here"):
            await anext(clients[1].watch(request))
        for events in (asking, *watching):
            await events.aclose()  # type: ignore[attr-defined]


async def test_the_rooms_program_for_clients_asks(desk: Desk, tmp_path: Path) -> None:
    blocks = Page.read(Path(node.__file__).with_name("README.md")).blocks
    (block,) = [item for item in blocks if (item.word, item.of) == ("file", "client.py")]
    program: dict[str, Any] = {}
    exec(block.text, program)
    await desk.grove.start("bob")
    await desk.grove.linked()
    found = await program["ask"](
        desk.grove.federation_path, tmp_path / "desk", "alice", desk.address
    )
    assert found == "Lisbon"
