"""What is counted, who is told, and that an observer's fault is nobody else's."""

from pathlib import Path

import pytest

from consensus.bodies import Proposal, Usage
from consensus.deliberation.requests import DraftRequest, JudgeRequest, Judgment
from node.clock import SystemClock
from node.models import registry
from node.models.base import Description, ModelError, Spent
from node.models.guard import Guarded
from node.observe.contract import Ended, Opened
from node.observe.figures import SECONDS, Figures, Histogram
from node.observe.observers import Observers
from tests.harness.daemons import Grove
from tests.harness.llm_server import LlmServer
from tests.harness.loglines import captured
from tests.harness.requests import case, draft_request, judge_request, labels

TASK = bytes(32)
BEGUN = Opened(task=TASK, members=4, opener=True, resumed=False)
SECOND = 1_000_000_000


def test_a_duration_at_a_bound_is_within_it_and_one_past_it_is_not() -> None:
    times = Histogram()
    times.add(SECOND)
    times.add(SECOND + 1)
    found = dict(times.cumulative())
    assert (found["0.5"], found["1.0"], found["2.5"], found["+Inf"]) == (0, 1, 2, 2)
    assert times.total_ns == 2 * SECOND + 1


def test_what_is_longer_than_every_class_is_in_the_open_one() -> None:
    times = Histogram()
    times.add(int(SECONDS[-1] * SECOND) + 1)
    found = times.cumulative()
    assert [count for _, count in found] == [0.0] * len(SECONDS) + [1.0]


def test_stages_and_calls_are_timed_from_their_start_and_forgotten_at_the_end() -> None:
    figures = Figures()
    figures.opened(BEGUN, 0)
    figures.entered(TASK, 0, "opening", 0)
    figures.entered(TASK, 1, "draft", 2 * SECOND)
    figures.asked(TASK, 1, "draft", 2 * SECOND)
    figures.answered(TASK, 1, "draft", None, "rate", 5 * SECOND)
    figures.asked(TASK, 1, "judge", 6 * SECOND)
    assert figures.remembered() == 1
    missing = (("bob", "open"), ("bob", "judge"))
    figures.ended(Ended(task=TASK, reason="plateau", rounds=3, missing=missing), 9 * SECOND)
    assert figures.remembered() == 0
    times = {stage: found.total_ns // SECOND for stage, found in figures.stages.items()}
    assert times == {"opening": 2, "draft": 7}
    assert figures.call_times["draft"].total_ns == 3 * SECOND
    assert figures.calls == {("draft", "rate"): 1}
    assert figures.deliberations.total_ns == 9 * SECOND
    assert (figures.rounds, figures.ends) == (3, {"plateau": 1})
    assert figures.missing == {("bob", "open"): 1, ("bob", "judge"): 1}
    figures.answered(TASK, 1, "judge", None, "cancelled", 9 * SECOND)  # let go of as it ended
    assert figures.remembered() == 0


def test_a_task_that_a_restart_took_up_is_not_opened_twice() -> None:
    figures = Figures()
    figures.opened(Opened(task=TASK, members=4, opener=True, resumed=True), 0)
    assert not figures.opened_by


def test_an_observer_that_fails_is_told_nothing_more_and_the_others_are() -> None:
    class Failing(Figures):
        def opened(self, opened: Opened, at_ns: int) -> None:
            raise RuntimeError("no")

        def ended(self, ended: Ended, at_ns: int) -> None:
            raise AssertionError("it is told no more")

    after, observers = Figures(), Observers(SystemClock())
    observers.add(Failing())
    observers.add(after)
    with captured() as lines:
        observers.opened(BEGUN)
        observers.ended(Ended(task=TASK, reason="rounds", rounds=1))
    assert [line["event"] for line in lines] == ["an observer failed, and is told nothing more"]
    assert after.ends == observers.figures.ends == {"rounds": 1}


async def test_a_model_that_fails_is_counted_as_an_abstention_at_every_member(
    tmp_path: Path,
) -> None:
    models = {
        "alice": {"line": {"answer": "a"}},
        "bob": {"line": {"answer": "a"}, "faults": [{"how": "draft_raises"}]},
    }
    async with Grove(tmp_path, "alice", "bob", models=models) as grove:
        await grove.start("alice", "bob")
        await grove.linked()
        await grove.decide("alice", "bob", draft_ms=30_000, judge_ms=30_000)
        for node in grove.nodes.values():
            assert node.runner.figures.abstained["bob", "draft"] == 1
            assert not node.runner.figures.missing
        assert grove.nodes["bob"].runner.figures.calls["draft", "failed"] == 1


@pytest.mark.parametrize("how", ["good", "truncated"])
async def test_tokens_and_money_are_counted_by_the_deployment_that_answered(
    tmp_path: Path, how: str
) -> None:
    asked = case(labels("a", "b"))
    with LlmServer() as server:
        options = {
            "family": "toy",
            "retries": 0,
            "deployments": [
                {**server.deployment("openai", "broken"), "model": "openai/first"},
                {**server.deployment("openai", how), "model": "openai/second"},
            ],
        }
        model = await registry.load("litellm", options, tmp_path)
        try:
            for call in (
                lambda: model.draft(draft_request(asked)),
                lambda: model.judge(judge_request(asked, {"A": "a", "B": "b"})),
            ):
                try:
                    await call()
                except ModelError:  # a reply that is billed and of no use
                    assert how == "truncated"
            ((name, spent),) = model.spent().items()
        finally:
            await model.close()
    assert name == "openai second"
    assert spent.tokens_in > 0
    assert spent.tokens_out > 0
    assert spent.micros == spent.tokens_in + 2 * spent.tokens_out


async def test_a_backend_that_keeps_no_accounts_is_counted_by_what_it_says_it_used() -> None:
    class Paid:
        async def draft(self, request: DraftRequest) -> Proposal:
            return Proposal(answer="a", usage=Usage(tokens_in=3, tokens_out=4, micros=5))

        async def judge(self, request: JudgeRequest) -> Judgment:
            return Judgment(usage=Usage(tokens_in=1))

        def describe(self) -> Description:
            return Description(family="oak", name="paid", served="acme one")

        async def close(self) -> None:
            pass

    model, asked = Guarded("paid", Paid()), case(labels("a", "b"))
    await model.draft(draft_request(asked))
    await model.draft(draft_request(asked))
    await model.judge(judge_request(asked, {"A": "a"}))
    assert model.spent() == {"acme one": Spent(7, 8, 10)}
    assert await model.tries() is None
