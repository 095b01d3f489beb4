"""What can be wrong with a question or with a model's answer, at a running daemon (S7, R0, T3)."""

from pathlib import Path
from typing import Any

import grpc
import pytest

from consensus.bodies import Acceptance
from consensus.envelope import Kind, Stage
from consensus.verdict import Bundle
from node import verdicts
from node.config import control_socket
from node.pb import control_pb2, quorate_pb2
from node.wire import admission, pairs
from node.wire import control as wire_control
from node.wire.admission import Code
from node.wire.bounds import TASK_OPEN_MAX
from tests.harness.daemons import Grove, Node
from tests.harness.rogue import nil

HONEST = ("alice", "bob", "carol")
SERVICE = "/quorate.v1.Control/"

TEXT = quorate_pb2.Content(role="user", text="Which?")
CHOICE = quorate_pb2.AnswerSpec(kind=quorate_pb2.ANSWER_KIND_CHOICE, options=["a", "b"])


def asking(**changes: Any) -> bytes:
    """A request to ask, as a program of somebody's might send it."""
    fields = {"messages": [TEXT], "answer": CHOICE, "not_after_s": 60} | changes
    return control_pb2.AskRequest(**fields).SerializeToString()


async def control(node: Node, method: str, data: bytes) -> tuple[grpc.StatusCode, str]:
    """What the control socket says to raw bytes."""
    async with grpc.aio.insecure_channel(
        f"unix:{control_socket(node.config)}", options=[("grpc.max_send_message_length", -1)]
    ) as channel:
        try:
            if method in ("Ask", "Watch"):
                async for _ in channel.unary_stream(SERVICE + method)(data):
                    break
            else:
                await channel.unary_unary(SERVICE + method)(data)
        except grpc.aio.AioRpcError as error:
            return error.code(), error.details() or ""
    return grpc.StatusCode.OK, ""


WRONG: list[tuple[str, str, bytes, grpc.StatusCode, str]] = [
    ("no prompt", "Ask", asking(messages=[]), grpc.StatusCode.INVALID_ARGUMENT, "messages: 1 to"),
    (
        "an empty prompt",
        "Ask",
        asking(messages=[quorate_pb2.Content(role="user", text=" \n")]),
        grpc.StatusCode.INVALID_ARGUMENT,
        "the prompt is empty",
    ),
    (
        "an unknown answer type",
        "Ask",
        asking(answer=quorate_pb2.AnswerSpec(kind=99)),  # type: ignore[arg-type]
        grpc.StatusCode.INVALID_ARGUMENT,
        "answer kind 99 is unknown to version 1; known: choice, label, number",
    ),
    (
        "one option",
        "Ask",
        asking(answer=quorate_pb2.AnswerSpec(kind=CHOICE.kind, options=["a"])),
        grpc.StatusCode.INVALID_ARGUMENT,
        "options: 2 to 256 are needed",
    ),
    (
        "NaN in the case",
        "Ask",
        asking(messages=[quorate_pb2.Content(role="user", vector=[float("nan")])]),
        grpc.StatusCode.INVALID_ARGUMENT,
        "vector holds NaN or infinity",
    ),
    (
        "a stranger in the committee",
        "Ask",
        asking(members=[b"x" * 32]),
        grpc.StatusCode.INVALID_ARGUMENT,
        "not in the federation orchard",
    ),
    (
        "half a key",
        "Ask",
        asking(members=[b"x"]),
        grpc.StatusCode.INVALID_ARGUMENT,
        "not in the federation orchard",
    ),
    (
        "an unknown policy field",
        "Ask",
        asking(policy=b'{"luck": 1}'),
        grpc.StatusCode.INVALID_ARGUMENT,
        "unknown policy field 'luck'",
    ),
    (
        "a policy of lists",
        "Ask",
        asking(policy=b'{"rounds": []}'),
        grpc.StatusCode.INVALID_ARGUMENT,
        "policy.rounds must be an integer",
    ),
    (
        "a policy that is no JSON",
        "Ask",
        asking(policy=b"\xff{"),
        grpc.StatusCode.INVALID_ARGUMENT,
        "the policy is not a JSON object",
    ),
    (
        "an unknown mode",
        "Ask",
        asking(mode="heroic"),
        grpc.StatusCode.INVALID_ARGUMENT,
        "unknown fault mode 'heroic'",
    ),
    (
        "no life",
        "Ask",
        asking(not_after_s=0),
        grpc.StatusCode.INVALID_ARGUMENT,
        "a task lives 1 to 86400 s, not 0",
    ),
    (
        "an oversize case",
        "Ask",
        asking(messages=[quorate_pb2.Content(role="user", text="x" * 250_000)] * 20),
        grpc.StatusCode.INVALID_ARGUMENT,
        f"over {TASK_OPEN_MAX}",
    ),
    (
        "more than the socket takes",
        "Ask",
        asking(messages=[quorate_pb2.Content(role="user", text="x" * 250_000)] * 40),
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "Received message larger than max",
    ),
    ("half a task id", "Watch", b"\x0a\x01x", grpc.StatusCode.INVALID_ARGUMENT, "task is 1 bytes"),
    (
        "no verdict's id",
        "GetVerdict",
        control_pb2.GetVerdictRequest(prefix="zz").SerializeToString(),
        grpc.StatusCode.INVALID_ARGUMENT,
        "has to be hexadecimal",
    ),
    (
        "an unknown verdict's id",
        "GetVerdict",
        control_pb2.GetVerdictRequest(prefix="abcd").SerializeToString(),
        grpc.StatusCode.NOT_FOUND,
        "no verdict or task here begins with abcd",
    ),
]


async def test_every_malformed_request_of_the_operator_is_named_and_the_next_one_is_served(
    tmp_path: Path,
) -> None:
    async with Grove(tmp_path, *HONEST) as grove:
        await grove.start(*HONEST)
        await grove.linked()
        node = grove.nodes["alice"]
        for name, method, data, code, text in WRONG:
            said = await control(node, method, data)
            assert said[0] is code, (name, said)
            assert text in said[1], (name, said)
        for method in ("Ask", "Watch", "Status", "GetVerdict", "ListVerdicts", "Nonsense"):
            code, _ = await control(node, method, b"\xff\xff\xff\xff")
            assert code is not grpc.StatusCode.OK, method
        assert node.runner.live == {}
        assert await control(node, "Status", b"") == (grpc.StatusCode.OK, "")
        await grove.decide(*HONEST)


async def test_a_task_whose_verdict_could_not_be_read_is_not_opened_and_the_text_says_what_could(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "rounds_max", lambda *_: 2)
    async with Grove(tmp_path, "alice") as grove:
        await grove.start("alice")
        node = grove.nodes["alice"]
        status, text = await control(node, "Ask", asking(policy=b'{"rounds": 3}'))
        assert status is grpc.StatusCode.INVALID_ARGUMENT
        assert "policy.rounds is 3; for a committee of 1" in text
        assert "it can be at most 2" in text
        assert node.runner.live == {}
        await grove.decide("alice", rounds=2)


@pytest.mark.parametrize("spare", [0, -1])
async def test_a_verdict_past_what_is_read_is_said_so_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spare: int
) -> None:
    async with Grove(tmp_path, "alice") as grove:
        await grove.start("alice")
        node = grove.nodes["alice"]
        encode = Bundle.encode

        def bounded(bundle: Bundle) -> bytes:
            monkeypatch.setattr(verdicts, "MAX_FILE", len(encode(bundle)) + spare)
            return encode(bundle)

        monkeypatch.setattr(Bundle, "encode", bounded)
        opened = await grove.decide("alice")
        await node.settled()
        grove.expected.add("a verdict is too large to be read again")
        lines = grove.logged("a verdict is too large to be read again")
        assert [line["task"] for line in lines] == [opened.id.hex()[:8]] * -spare


async def test_a_list_has_as_many_verdicts_as_its_bound_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire_control, "VERDICTS_MAX", 2)
    async with Grove(tmp_path, "alice") as grove:
        await grove.start("alice")
        node = grove.nodes["alice"]
        opened = [await grove.decide("alice") for _ in range(3)]
        await node.settled()
        newest = [one.id.hex() for one in reversed(opened)]
        async with wire_control.ControlClient(control_socket(node.config)) as client:
            for asked, listed in ((1, 1), (2, 2), (3, 2), (0, 2)):
                found = await client.verdicts(asked)
                assert [one["task"] for one in found] == newest[:listed]


async def test_what_a_peer_asks_amiss_is_refused_by_name_and_nobody_signs_for_it(
    tmp_path: Path,
) -> None:
    async with Grove(tmp_path, *HONEST, rogues=("mallory",)) as grove:
        await grove.start(*HONEST)
        await grove.linked()
        rogue, alice = await grove.rogue(), grove.key("alice")
        node, committee = grove.nodes["alice"], rogue.committee(alice)
        good = rogue.opening(committee)
        fields = quorate_pb2.TaskOpen.FromString(good.payload)
        unknown, empty = quorate_pb2.TaskOpen(), quorate_pb2.TaskOpen()
        unknown.CopyFrom(fields)
        unknown.answer.kind = 99  # type: ignore[assignment]
        empty.CopyFrom(fields)
        del empty.messages[:]
        empty.messages.append(pairs.pb.Content(role="user", text=" "))
        for number, (changed, reason) in enumerate(
            (
                (unknown, "TASK_OPEN: answer kind 99 is unknown to version 1"),
                (empty, "TASK_OPEN: the prompt is empty"),
            ),
            start=1,
        ):
            node.runner._complaints._said.clear()
            rogue.say(alice, rogue.sign(Kind.TASK_OPEN, good.ctx, changed.SerializeToString()))
            await grove.hear_out(rogue, "alice")
            assert node.runner.gate.refusals[Code.BAD_BODY] == number
            assert reason in grove.logged("refusal")[-1]["reason"]
        rogue.say(alice, good)
        await grove.hear_out(rogue, "alice")
        at = rogue.at(committee, good.id)
        rogue.say(
            alice,
            rogue.sign(Kind.PREVOTE, at, bytes(37)),
            rogue.sign(Kind.PREVOTE, at, nil()),
            rogue.sign(99, at, nil()),  # type: ignore[arg-type]
            rogue.sign(Kind.ACCEPTANCE, rogue.at(committee, good.id, 0, Stage.OPEN), Acceptance()),
        )
        await grove.hear_out(rogue, "alice")
        refusals = node.runner.gate.refusals
        assert (refusals[Code.OVERSIZE], refusals[Code.UNKNOWN_KIND]) == (1, 1)
        reasons = {line["code"]: line["reason"] for line in grove.logged("refusal")}
        assert reasons["oversize"] == "a PREVOTE of 37 bytes is over 36 in this task"
        assert "kind 99 is unknown to version 1" in reasons["unknown_kind"]
        assert set(node.runner.live) == {good.id}
        await grove.decide(*HONEST)


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("draft_outside", "the answer 'a and then some' is none of the options"),
        ("draft_nan", "belief"),
        ("draft_short", "belief"),
    ],
)
async def test_an_answer_that_is_none_costs_its_member_a_draft_and_stops_nobody(
    tmp_path: Path, fault: str, cause: str
) -> None:
    models = {"carol": {"line": {"answer": "a"}, "faults": [{"how": fault}]}}
    async with Grove(tmp_path, *HONEST, models=models) as grove:
        await grove.start(*HONEST)
        await grove.linked()
        opened = await grove.decide(*HONEST)
        (line,) = grove.logged("model failed")
        assert (line["doing"], line["task"]) == ("draft", opened.id.hex()[:8])
        assert cause in line["cause"]
        detail = (await grove.last("alice", opened)).detail
        carol = grove.key("carol").hex()[:8]
        assert f"{carol} drafted nothing: " in dict(detail["warnings"])["degraded"]
        assert detail["answer"] == "a"
        await grove.decide(*HONEST)
